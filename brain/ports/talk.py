"""What the brain keeps of chat platforms: deliveries, conversations, messages, channels and identities."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from brain.domain.conversation import (
    ChannelRules,
    Claim,
    Conversation,
    Delivery,
    DeliveryId,
    Identity,
    MessageRef,
    Reader,
    Thread,
    Wait,
)
from brain.domain.events import Event
from brain.domain.identity import DepartmentId, Member, MemberId, TenantId
from brain.domain.installation import Installation
from brain.domain.question import ConversationId, QuestionId
from brain.domain.rates import Rate
from brain.ports import Transaction


class Inbox(Protocol):
    async def accept(self, delivery: Delivery) -> bool:
        """False where it, or its twin, was accepted before."""

    async def delivery(self, delivery: DeliveryId) -> Delivery | None:
        """None once it has been dealt with."""

    async def dealt_with(self, delivery: DeliveryId, *, question: QuestionId | None) -> None:
        """Forget what it said. Its ids stay, so that it is not accepted again."""


class Conversations(Protocol):
    async def open(self, conversation: Conversation) -> ConversationId:
        """The id of this place, the same each time."""

    async def conversation(self, id_: ConversationId) -> Conversation | None:
        """None for those of no platform."""

    async def thread(self, conversation: Conversation) -> Thread: ...

    async def step_back(self, conversation: Conversation, *, back: bool) -> bool:
        """False where it was so before."""


class Messages(Protocol):
    async def claim(self, key: str, *, to: ConversationId, for_s: float, pace_s: float) -> Claim | Wait:
        """The right to post or change the message, so long. Somebody else may have it, or an earlier message
        of that conversation is not posted yet; the place in the row is kept all the same.

        New ones come one each `pace_s` in a channel, whoever posts them.
        """

    async def posted(self, claim: Claim, refs: Sequence[MessageRef], *, digest: str, replied: bool) -> None:
        """Write down what came of it, and give the claim back; nothing happens where it was lost.

        `replied`: one of the private replies was used.
        """

    async def keep(self, claim: Claim, *, for_s: float) -> None:
        """For so long from now; nothing happens where it was lost."""

    async def given_back(self, claim: Claim, *, unsure: bool, for_good: bool, closed_for_s: float) -> None:
        """Nothing was posted; or, `unsure`, perhaps something was. Nobody waits for what is given up
        `for_good`. Nothing new is posted in that channel for `closed_for_s`."""

    async def reply_to(self, key: str, *, to: ConversationId, address: str, until: datetime) -> None:
        """The message is to be sent as a private reply to this address while that works."""

    async def refs(self, key: str) -> tuple[MessageRef, ...]:
        """What was posted of it; empty where nothing was."""

    async def keys(self, beginning: str) -> list[str]:
        """Of the messages whose keys begin like this, in order."""

    async def key_of(self, conversation: Conversation, *, id_: str) -> str | None:
        """Which of our messages it is, by the platform's id of it."""


class Channels(Protocol):
    async def rules(self, conversation: Conversation) -> ChannelRules | None:
        """Of the channel that the conversation is in."""

    async def save(self, conversation: Conversation, rules: ChannelRules, *, by: MemberId) -> None: ...

    async def reviewing(self, department: DepartmentId, *, platform: str) -> Conversation | None:
        """The channel in which the department's reviews are shown."""

    async def forget(self, platform: str, *, workspace: str) -> None:
        """All rules of a workspace that does not want the bot any more."""


class Identities(Protocol):
    async def member(self, identity: Identity) -> Member | None:
        """Who that is. Somebody whom the platform has verified the e-mail address of a member for is linked
        to that member, unless they are a guest there; also who was known before without being a member."""

    async def link(self, identity: Identity, member: MemberId) -> None: ...

    async def unlink(self, identity: Identity) -> None: ...

    async def of(self, member: MemberId, *, platform: str) -> list[tuple[str, str]]:
        """Workspace and external id of each of the member's identities."""

    async def readers(self, people: Sequence[Identity]) -> Collection[Reader]:
        """What counts of them for what may be shown where all of them read: each kind of reader once. Who is
        not linked is known by the e-mail address that the platform has verified, unless they are a guest."""

    async def known(self, platform: str, *, workspace: str) -> Mapping[str, MemberId]:
        """Members by external id."""


class Buckets(Protocol):
    async def take(self, whose: MemberId | None, rate: Rate) -> float:
        """Seconds until it is their turn, a member's or (None) the tenant's. It is taken from what is left
        for all processes; given back where the transaction rolls back."""


class Installations(Protocol):
    async def save(self, installation: Installation) -> None:
        """The tokens, and who installed it when, are those of the latest; what else the tenant has of the
        workspace goes.
        """

    async def of(self, platform: str) -> list[Installation]: ...

    async def having(self, platform: str, workspace: str) -> Installation | None:
        """That of the workspace, of the organisation it belongs to, or of the organisation of that id."""

    async def forget(
        self, platform: str, *, workspace: str, before: datetime | None = None
    ) -> list[Installation]:
        """Those that are gone, of those installed `before`; `workspace` may be the id of an organisation that
        had the bot everywhere.
        """

    async def joins(self, platform: str, *, enterprise: str, workspace: str) -> None:
        """It belongs to that organisation, if the organisation has the bot everywhere."""

    async def claim(self, installation: Installation, *, for_s: float) -> bool:
        """The right to renew its tokens, so long; False where somebody else has it, or they were renewed."""

    async def renew(self, old: Installation, new: Installation) -> bool:
        """Keep the new tokens, and give the claim back; False where it was installed again meanwhile."""


class Talk(Protocol):
    @property
    def inbox(self) -> Inbox: ...

    @property
    def conversations(self) -> Conversations: ...

    @property
    def messages(self) -> Messages: ...

    @property
    def channels(self) -> Channels: ...

    @property
    def identities(self) -> Identities: ...

    @property
    def installations(self) -> Installations: ...

    @property
    def buckets(self) -> Buckets: ...


class TalkTransaction(Transaction, Protocol):
    @property
    def talk(self) -> Talk: ...


class TalkStore(Protocol):
    def transaction(self, tenant: TenantId) -> AbstractAsyncContextManager[TalkTransaction]:
        """As the store's."""

    async def receive(self, tenant: TenantId, delivery: Delivery, event: Event) -> None:
        """Accept the delivery and emit the event, as quickly as can be: in one transaction with others that
        come in the same moment. Nothing happens where it or its twin was accepted before. Raises `Rejected`
        where it can never be kept."""

    async def receive_all(self, tenant: TenantId, deliveries: Sequence[tuple[Delivery, Event, str]]) -> None:
        """As `receive` one by one in this order, each in the trace that is named beside it; all of them or
        none. Raises `Rejected` where one of them can never be kept."""


class Journal(Protocol):
    async def append(self, tenant: TenantId, delivery: Delivery) -> None:
        """Kept without the database, to be received later. Raises `Unavailable` where it is not."""
