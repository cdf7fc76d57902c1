"""What bots and integrations can have the brain do; here, in the same process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from brain.domain.attachment import Attachment
from brain.domain.conversation import (
    ChannelRules,
    Claim,
    Conversation,
    Delivery,
    DeliveryId,
    Identity,
    MessageRef,
    Thread,
    Wait,
)
from brain.domain.errors import NotYet
from brain.domain.events import ReviewChanged
from brain.domain.identity import Audience, Department, DepartmentId, MemberId, Principal, TenantId
from brain.domain.knowledge import DocumentId
from brain.domain.overload import Backlog
from brain.domain.question import Question, QuestionId
from brain.domain.records import Reason
from brain.domain.reply import Card, Reply, Standing
from brain.domain.review import ReviewCase, ReviewId
from brain.ports import Embedder, Parser
from brain.ports.talk import TalkStore
from brain.usecases import install, read, recognise, standing
from brain.usecases.accept import MAX_CHARACTERS, Accept, Asking
from brain.usecases.ask_person import ask_person
from brain.usecases.decide import Decide, Judgement
from brain.usecases.give_feedback import give_feedback_here
from brain.usecases.hand_on import pass_on
from brain.usecases.read_file import read_file
from brain.usecases.standing import shared_as

__all__ = ["MAX_CHARACTERS", "Asking", "Brain", "Judgement", "shared_as"]

_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Brain:
    """Every method raises what its use case raises: see `brain.domain.errors`."""

    store: TalkStore
    embedder: Embedder
    accept: Accept
    decide: Decide
    parser: Parser
    backlog: Backlog = field(default_factory=Backlog)
    # Longer than one call may take; whoever dies with a claim holds the others up for so long.
    claim_s: float = 30.0
    # Between two messages in a channel, whichever process posts them.
    pace_s: float = 1.0

    # What arrives.

    async def delivery(self, tenant: TenantId, id_: DeliveryId) -> Delivery | None:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.inbox.delivery(id_)

    async def dealt_with(
        self, tenant: TenantId, id_: DeliveryId, *, question: QuestionId | None = None
    ) -> None:
        async with self.store.transaction(tenant) as tx:
            await tx.talk.inbox.dealt_with(id_, question=question)

    # Who and where.

    async def recognise(self, tenant: TenantId, identity: Identity) -> Principal | None:
        return await recognise.recognise(self.store, tenant, identity)

    async def welcome(self, tenant: TenantId, identity: Identity) -> Principal | None:
        return await recognise.welcome(self.store, tenant, identity)

    async def audience(
        self, tenant: TenantId, readers: Sequence[Identity], rules: ChannelRules | None
    ) -> Audience:
        return await recognise.audience(self.store, tenant, readers, rules)

    async def readable(
        self, tenant: TenantId, readers: Sequence[Identity], where: Conversation
    ) -> frozenset[DepartmentId]:
        return await recognise.readable(self.store, tenant, readers, where)

    async def identities(self, tenant: TenantId, member: MemberId, *, platform: str) -> list[tuple[str, str]]:
        """Workspace and external id of each."""
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.identities.of(member, platform=platform)

    async def email(self, tenant: TenantId, member: MemberId) -> str | None:
        async with self.store.transaction(tenant) as tx:
            known = await tx.people.member(str(member))
        return known.email if known else None

    async def rules(self, tenant: TenantId, conversation: Conversation) -> ChannelRules | None:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.channels.rules(conversation)

    async def set_up(self, principal: Principal, conversation: Conversation, rules: ChannelRules) -> None:
        await recognise.set_up(self.store, principal, conversation, rules)

    async def departments(self, tenant: TenantId) -> list[Department]:
        async with self.store.transaction(tenant) as tx:
            return await tx.people.departments()

    async def administered(self, principal: Principal) -> list[Department]:
        async with self.store.transaction(principal.tenant) as tx:
            return await recognise.administered(tx, principal)

    async def reviewing(
        self, tenant: TenantId, department: DepartmentId, *, platform: str
    ) -> Conversation | None:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.channels.reviewing(department, platform=platform)

    async def leave(
        self, tenant: TenantId, platform: str, *, workspace: str, before: datetime | None = None
    ) -> None:
        """The workspace does not want the bot any more that it installed `before`."""
        await install.leave(self.store, tenant, platform, workspace=workspace, before=before)

    async def thread(self, tenant: TenantId, conversation: Conversation) -> Thread:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.conversations.thread(conversation)

    async def takes_part(self, tenant: TenantId, conversation: Conversation) -> bool:
        """Whether the bot began that thread, or somebody asks it there."""
        async with self.store.transaction(tenant) as tx:
            if await tx.talk.messages.key_of(conversation, id_=conversation.thread) is not None:
                return True
            return bool((await tx.talk.conversations.thread(conversation)).askers)

    async def step_back(self, tenant: TenantId, conversation: Conversation, *, back: bool) -> bool:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.conversations.step_back(conversation, back=back)

    # Questions and answers.

    async def read_file(self, content: bytes, *, name: str, media_type: str | None) -> Attachment:
        """For `Asking.attachments`; what cannot be read says why. Raises `Unavailable` only."""
        return await read_file(self.parser, content, name=name, media_type=media_type)

    async def ask(self, principal: Principal, asking: Asking) -> QuestionId:
        return await self.accept(principal, asking)

    def queued(self, tenant: TenantId) -> bool:
        """Whether whoever asks now has to wait for long."""
        return self.backlog.queued(tenant)

    async def replies(self, principal: Principal, *, limit: int) -> list[Reply]:
        return await read.replies(self.store, principal, limit=limit)

    async def standing(self, tenant: TenantId, question: QuestionId) -> Standing | None:
        return await standing.standing(self.store, tenant, question)

    async def last_asked(self, principal: Principal, *, here: Conversation) -> Reply | None:
        """One's last question in that channel; without any, the last of all."""
        known = await read.replies(self.store, principal, limit=_LOOKED_AT)
        for reply in known:
            async with self.store.transaction(principal.tenant) as tx:
                asked = await tx.talk.conversations.conversation(reply.question.conversation)
            if asked is not None and asked.channel_id == here.channel_id:
                return reply
        return known[0] if known else None

    async def seen(self, principal: Principal, question: QuestionId, *, here: Conversation) -> Standing:
        return await standing.seen(self.store, principal, question, here=here)

    async def restated(self, tenant: TenantId, question: QuestionId) -> Question | None:
        return await standing.restated(self.store, tenant, question)

    async def feedback(
        self,
        principal: Principal,
        question: QuestionId,
        *,
        here: Conversation,
        reason: Reason | None = None,
        comment: str = "",
    ) -> None:
        await give_feedback_here(self.store, principal, question, here=here, reason=reason, comment=comment)

    async def learned(self, principal: Principal) -> list[str]:
        """The questions that were answered for good this week, in the principal's departments."""
        known = await read.articles(self.store, principal)
        since = datetime.now(UTC) - timedelta(days=7)
        mine = principal.member.departments
        new = [one for one in known if one.department in mine and one.approval.at > since]
        return [one.question for one in sorted(new, key=lambda one: one.approval.at, reverse=True)]

    async def ask_person(self, principal: Principal, question: QuestionId) -> int:
        return await ask_person(self.store, self.embedder, principal, question)

    # Reviews.

    async def card(self, tenant: TenantId, review: ReviewId) -> Card | None:
        return await standing.card(self.store, self.embedder, tenant, review)

    async def case(self, tenant: TenantId, review: ReviewId) -> ReviewCase | None:
        """For whoever delivers messages about it; people are shown `review`."""
        async with self.store.transaction(tenant) as tx:
            return await tx.reviews.case(review, lock=False)

    async def review(self, principal: Principal, number: int) -> ReviewCase:
        return await read.review(self.store, principal, number)

    async def reviews(self, principal: Principal) -> list[ReviewCase]:
        return await read.reviews(self.store, principal, open_only=True)

    async def show_again(self, tenant: TenantId, review: ReviewId) -> None:
        """What its reviewers see of it is not how it stands."""
        async with self.store.transaction(tenant) as tx:
            await tx.emit(ReviewChanged(review))

    async def resting_on(self, tenant: TenantId, document: DocumentId) -> list[ReviewId]:
        """The open reviews of answers that cite it."""
        async with self.store.transaction(tenant) as tx:
            departments = frozenset(one.id for one in await tx.people.departments())
            found = await tx.reviews.cases(departments=departments, open_only=True)
        cited = ((case, citation) for case in found for citation in case.answer.citations)
        return sorted({case.review.id for case, citation in cited if citation.document == document})

    async def waiting(self, tenant: TenantId, review: ReviewId) -> list[QuestionId]:
        """The questions that wait for a review, or waited for it."""
        async with self.store.transaction(tenant) as tx:
            case = await tx.reviews.case(review, lock=False)
        return [question for question, _ in case.questions] if case else []

    async def judge(self, principal: Principal, judgement: Judgement) -> ReviewCase:
        return await self.decide(principal, judgement)

    async def pass_on(self, principal: Principal, number: int, *, reason: str) -> ReviewCase:
        return await pass_on(self.store, principal, number, reason=reason)

    # Messages of ours.

    async def claim(self, tenant: TenantId, key: str, *, to: Conversation) -> Claim:
        """For `claim_s`: who needs it for longer has to keep it. Raises `NotYet` where others are first;
        its place among them is kept."""
        async with self.store.transaction(tenant) as tx:
            place = await tx.talk.conversations.open(to)
            claim = await tx.talk.messages.claim(key, to=place, for_s=self.claim_s, pace_s=self.pace_s)
        if isinstance(claim, Wait):
            raise NotYet("Other messages are posted there first.", claim.seconds)
        return claim

    async def keep(self, tenant: TenantId, claim: Claim) -> None:
        async with self.store.transaction(tenant) as tx:
            await tx.talk.messages.keep(claim, for_s=self.claim_s)

    async def posted(
        self,
        tenant: TenantId,
        claim: Claim,
        refs: Sequence[MessageRef],
        *,
        digest: str,
        replied: bool = False,
    ) -> None:
        async with self.store.transaction(tenant) as tx:
            await tx.talk.messages.posted(claim, refs, digest=digest, replied=replied)

    async def given_back(
        self,
        tenant: TenantId,
        claim: Claim,
        *,
        unsure: bool,
        for_good: bool = False,
        closed_for_s: float = 0.0,
    ) -> None:
        async with self.store.transaction(tenant) as tx:
            await tx.talk.messages.given_back(
                claim, unsure=unsure, for_good=for_good, closed_for_s=closed_for_s
            )

    async def reply_to(
        self, tenant: TenantId, key: str, *, to: Conversation, address: str, until: datetime
    ) -> None:
        async with self.store.transaction(tenant) as tx:
            place = await tx.talk.conversations.open(to)
            await tx.talk.messages.reply_to(key, to=place, address=address, until=until)

    async def refs(self, tenant: TenantId, key: str) -> tuple[MessageRef, ...]:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.messages.refs(key)

    async def refs_of(self, tenant: TenantId, keys: Sequence[str]) -> list[tuple[MessageRef, ...]]:
        async with self.store.transaction(tenant) as tx:
            return [await tx.talk.messages.refs(key) for key in keys]

    async def keys(self, tenant: TenantId, beginning: str) -> list[str]:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.messages.keys(beginning)

    async def key_of(self, tenant: TenantId, conversation: Conversation, *, id_: str) -> str | None:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.messages.key_of(conversation, id_=id_)
