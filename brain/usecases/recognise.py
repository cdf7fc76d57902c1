"""Find out who somebody on a platform is to us, and what those who read a conversation may know."""

from collections.abc import Collection, Sequence
from uuid import uuid4

from brain.domain.conversation import ChannelRules, Conversation, Identity, MayAsk, Reader
from brain.domain.errors import Conflict, Unavailable
from brain.domain.identity import (
    Audience,
    Department,
    DepartmentId,
    Member,
    MemberId,
    Principal,
    Role,
    TenantId,
)
from brain.ports.talk import TalkStore, TalkTransaction
from brain.usecases.permission import department_for

_SOON_S = 0.5


async def recognise(store: TalkStore, tenant: TenantId, identity: Identity) -> Principal | None:
    """None for people who are no members, or not any more, and for guests whom nobody gave a role."""
    async with store.transaction(tenant) as tx:
        member = await tx.talk.identities.member(identity)
    if member is None or _outside(_reader(identity, member)):
        return None
    # Having been welcomed in one channel gives nobody anything elsewhere: only a role does.
    welcomed = member.handle == identity.handle and not member.roles
    return None if welcomed else Principal(tenant, member)


async def welcome(store: TalkStore, tenant: TenantId, identity: Identity) -> Principal | None:
    """Somebody whom a channel's rules let ask without being a member: known from here on, with no role.

    None for those who were members, and may not ask any more.
    """
    try:
        async with store.transaction(tenant) as tx:
            known = await tx.talk.identities.member(identity)
            if known is None:
                known = await _newcomer(tx, identity)
    except Conflict as error:
        raise Unavailable("Somebody is welcomed just now.", _SOON_S) from error
    if known is None or known.disabled_at is not None:
        return None
    return Principal(tenant, known, outsider=_outside(_reader(identity, known)))


async def _newcomer(tx: TalkTransaction, identity: Identity) -> Member | None:
    """Also who was welcomed before and unlinked since; with a role, they are linked again by hand alone."""
    before = await tx.people.member(identity.handle)
    if before is not None and (before.disabled_at is not None or before.roles):
        return None
    newcomer = before or Member(MemberId(uuid4()), identity.handle, identity.name or identity.handle)
    if before is None:
        await tx.people.save_member(newcomer)
    await tx.talk.identities.link(identity, newcomer.id)
    return newcomer


async def audience(
    store: TalkStore, tenant: TenantId, readers: Sequence[Identity], rules: ChannelRules | None
) -> Audience:
    """What all of them may read; where outsiders are among them, what the rules of the channel give."""
    async with store.transaction(tenant) as tx:
        return _together(tenant, await tx.talk.identities.readers(readers), rules)


async def readable(
    store: TalkStore, tenant: TenantId, readers: Sequence[Identity], where: Conversation
) -> frozenset[DepartmentId]:
    """The departments whose knowledge all of them may read there."""
    async with store.transaction(tenant) as tx:
        rules = await tx.talk.channels.rules(where)
        allowed = _together(tenant, await tx.talk.identities.readers(readers), rules)
        return frozenset(one.id for one in await tx.people.departments() if allowed.reads(one))


def _together(tenant: TenantId, readers: Collection[Reader], rules: ChannelRules | None) -> Audience:
    if any(_outside(one) for one in readers):
        given = rules is not None and rules.may_ask is MayAsk.EVERYONE
        departments = frozenset((rules.department,)) if rules is not None and given else frozenset()
        return Audience(tenant, departments, outsiders=True)
    shared = [one.departments for one in readers]
    return Audience(tenant, frozenset.intersection(*shared) if shared else frozenset())


def _outside(reader: Reader) -> bool:
    """Guests without a role, and who is a member no more. A colleague who never was one is inside."""
    return reader.disabled or (reader.guest and not reader.departments)


def _reader(identity: Identity, member: Member) -> Reader:
    return Reader(identity.guest, member.disabled_at is not None, member.departments)


async def set_up(
    store: TalkStore, principal: Principal, conversation: Conversation, rules: ChannelRules
) -> None:
    """For admins of the department that the channel is for, and of the one that it was for."""
    async with store.transaction(principal.tenant) as tx:
        departments = {one.id: one for one in await tx.people.departments()}
        former = await tx.talk.channels.rules(conversation)
        for id_ in {rules.department} | ({former.department} if former else set()):
            await department_for(tx, principal, departments[id_].slug, Role.ADMIN)
        await tx.talk.channels.save(conversation, rules, by=principal.member.id)


async def administered(tx: TalkTransaction, principal: Principal) -> list[Department]:
    member = await tx.people.member(str(principal.member.id)) or principal.member
    return [one for one in await tx.people.departments() if member.may(Role.ADMIN, one.id)]
