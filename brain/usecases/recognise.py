"""Find out who somebody on a platform is to us, and what those who read a conversation may know."""

from collections.abc import Sequence
from uuid import uuid4

from brain.domain.conversation import ChannelRules, Conversation, Identity, MayAsk
from brain.domain.errors import Conflict, Unavailable
from brain.domain.identity import Audience, Department, Member, MemberId, Principal, Role, TenantId
from brain.ports.talk import TalkStore, TalkTransaction
from brain.usecases.permission import department_for

_SOON_S = 0.5


async def recognise(store: TalkStore, tenant: TenantId, identity: Identity) -> Principal | None:
    """None for people who are no members, or not any more, and for guests whom nobody gave a role."""
    async with store.transaction(tenant) as tx:
        member = await tx.talk.identities.member(identity)
    if member is None or _outside(identity, member):
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
    return Principal(tenant, known, outsider=_outside(identity, known))


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
        known: dict[tuple[str, str, str], MemberId] = {}
        for workspace in {(one.platform, one.workspace) for one in readers}:
            found = await tx.talk.identities.known(workspace[0], workspace=workspace[1])
            known |= {(*workspace, id_): member for id_, member in found.items()}
        members = {one.id: one for one in await tx.people.members()}
        by_email = {one.email: one for one in members.values() if one.email}
    people = [_member(one, known, members, by_email) for one in readers]
    outsiders = any(_outside(one, member) for one, member in zip(readers, people, strict=True))
    if outsiders:
        given = rules is not None and rules.may_ask is MayAsk.EVERYONE
        departments = frozenset((rules.department,)) if rules is not None and given else frozenset()
        return Audience(tenant, departments, outsiders=True)
    shared = [member.departments if member else frozenset() for member in people]
    return Audience(tenant, frozenset.intersection(*shared) if shared else frozenset())


def _outside(identity: Identity, member: Member | None) -> bool:
    """Guests without a role, and who is a member no more. A colleague who never was one is inside."""
    if member is not None and member.disabled_at is not None:
        return True
    return identity.guest and (member is None or not member.roles)


def _member(
    identity: Identity,
    known: dict[tuple[str, str, str], MemberId],
    members: dict[MemberId, Member],
    by_email: dict[str, Member],
) -> Member | None:
    linked = known.get((identity.platform, identity.workspace, identity.external_id))
    if linked is not None:
        return members.get(linked)
    if identity.email and not identity.guest:
        return by_email.get(identity.email.lower())
    return None


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
