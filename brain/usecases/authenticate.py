"""Find out who holds an API key.

A key names its tenant, so that it is looked up among that tenant's rows only; the secret proves it.
"""

import hashlib
import re
import secrets
from uuid import UUID

from brain.domain.errors import Denied
from brain.domain.identity import Principal, TenantId
from brain.domain.records import AuditEntry
from brain.ports import Store

_KEY = re.compile(r"expk_(?P<tenant>[0-9a-f]{32})_(?P<secret>[A-Za-z0-9_-]{43})")


def new_key(tenant: TenantId) -> str:
    return f"expk_{tenant.hex}_{secrets.token_urlsafe(32)}"


def digest(key: str) -> str:
    """A fast hash is right here: the secret is 256 random bits, not a person's password."""
    return hashlib.sha256(key.encode()).hexdigest()


async def authenticate(store: Store, key: str) -> Principal:
    match = _KEY.fullmatch(key)
    if match is None:
        raise Denied("This is not an API key of The Expert.")
    tenant = TenantId(UUID(hex=match["tenant"]))
    async with store.transaction(tenant) as tx:
        owner = await tx.people.key_owner(digest(key))
        if owner is not None and not owner.admitted:
            # Told apart from a guess in the trail alone: whoever left, or found an old key, tries to come in.
            await tx.records.audit(AuditEntry(owner.member.id, "key.refused", f"member {owner.member.id}"))
    if owner is None or not owner.admitted:
        raise Denied("This API key is unknown or revoked, or its member is disabled.")
    return Principal(tenant, owner.member)
