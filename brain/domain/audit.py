"""The audit trail as a chain: each entry is signed together with its predecessor, so that none can be
changed, removed, added or moved unseen. Details are bound by salted digests, so that they can be erased."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from brain.domain.identity import MemberId, TenantId
from brain.domain.records import AuditEntry

# The act after which details may be missing from earlier entries; its detail `entries` says from which.
ERASED = "audit.erased"
_MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain. Its hash stands for every entry before it."""

    sequence: int
    hash: str


START = Head(0, "")


@dataclass(frozen=True, slots=True)
class Keyring:
    """The installation's secrets, oldest first; the last one signs. Without one a chain tells accidents only:
    whoever can write the table could sign it anew."""

    keys: tuple[bytes, ...] = field(default=(b"",), repr=False)

    @property
    def newest(self) -> str:
        return key_name(self.keys[-1])

    def age(self, name: str) -> int | None:
        """The place of a key in the order of their use; None for an unknown one."""
        return next((n for n, key in enumerate(self.keys) if key_name(key) == name), None)

    def signature(self, name: str, content: bytes) -> str | None:
        age = self.age(name)
        return None if age is None else hmac.new(self.keys[age], content, hashlib.sha256).hexdigest()


def key_name(key: bytes) -> str:
    """Tells keys apart, and nothing of what they are."""
    return hashlib.sha256(b"audit key\x1f" + key).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Link:
    """An entry in its chain. `seals` bind its details; a detail that was erased leaves its seal."""

    sequence: int
    at: datetime
    entry: AuditEntry
    salts: Mapping[str, str]
    seals: Mapping[str, str]
    key: str
    hash: str = ""

    @property
    def head(self) -> Head:
        return Head(self.sequence, self.hash)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries are wanted; `action` is one, or what several begin with ("verdict")."""

    actor: MemberId | None = None
    action: str | None = None
    since: datetime | None = None
    before: int | None = None
    limit: int = 100


def chained(
    entries: Iterable[tuple[datetime, AuditEntry]], *, after: Head, tenant: TenantId, keyring: Keyring
) -> list[Link]:
    """The next links of the tenant's chain."""
    links = []
    for at, entry in entries:
        salts = {name: secrets.token_hex(16) for name, _ in entry.details}
        seals = {name: _seal(salts[name], name, text) for name, text in dict(entry.details).items()}
        link = Link(after.sequence + 1, at, entry, salts, seals, keyring.newest)
        signed = replace(link, hash=_signature(link, after.hash, tenant, keyring) or "")
        links.append(signed)
        after = signed.head
    return links


def _seal(salt: str, name: str, text: str) -> str:
    return hashlib.sha256("\x1f".join((salt, name, text)).encode()).hexdigest()


def _signature(link: Link, former: str, tenant: TenantId, keyring: Keyring) -> str | None:
    entry = link.entry
    content = [
        "expert audit 1",
        str(tenant),
        link.sequence,
        link.at.astimezone(UTC).isoformat(timespec="microseconds"),
        str(entry.actor) if entry.actor else None,
        entry.action,
        entry.subject,
        sorted(link.seals.items()),
        link.key,
        former,
    ]
    return keyring.signature(link.key, json.dumps(content, ensure_ascii=True).encode())


@dataclass(slots=True)
class Verification:
    """Reads one chain from its first link to its last, and says what is wrong with it."""

    tenant: TenantId
    keyring: Keyring
    known: Sequence[Head] = ()
    head: Head = START
    findings: list[str] = field(default_factory=list)
    _age: int = 0
    _missing: set[int] = field(default_factory=set)
    _erased: set[int] = field(default_factory=set)

    def read(self, link: Link) -> None:
        number = link.sequence
        if number > self.head.sequence + 1:
            self._find(f"{_numbers(self.head.sequence + 1, number - 1)} missing")
        elif number <= self.head.sequence:
            self._find(f"entry {number} is there twice, or out of its place")
        self._check_signature(link)
        self._check_details(link)
        for known in self.known:
            if known.sequence == number and known.hash != link.hash:
                self._find(f"entry {number} is another than when its hash was noted")
        self.head = link.head

    def finish(self, *, unchained: int) -> None:
        """`unchained`: how many rows stand beside the chain."""
        if unchained:
            self._find(
                f"{unchained} {'entry stands' if unchained == 1 else 'entries stand'} outside the chain"
            )
        newest = max((known.sequence for known in self.known), default=0)
        if newest > self.head.sequence:
            self._find(f"{_numbers(self.head.sequence + 1, newest)} missing at the end")
        for number in sorted(self._missing - self._erased):
            self._find(f"details of entry {number} are missing, and no erasure says so")

    def _check_signature(self, link: Link) -> None:
        number, age = link.sequence, self.keyring.age(link.key)
        if age is None:
            self._find(f"entry {number} is signed with a key that is not this installation's ({link.key})")
            return
        if age < self._age:
            self._find(f"entry {number} is signed with a key that was already replaced ({link.key})")
        self._age = max(age, self._age)
        expected = _signature(link, self.head.hash, self.tenant, self.keyring) or ""
        if not hmac.compare_digest(expected, link.hash):
            self._find(f"entry {number} is not what was written, or does not follow the one before it")

    def _check_details(self, link: Link) -> None:
        details = dict(link.entry.details)
        broken = [
            name
            for name, text in details.items()
            if link.seals.get(name) != _seal(link.salts.get(name, ""), name, text)
        ]
        for name in broken:
            self._find(f"detail {name!r} of entry {link.sequence} is not what was written")
        if link.seals.keys() - details.keys():
            self._missing.add(link.sequence)
        if link.entry.action == ERASED and not broken:
            self._erased |= expanded(details.get("entries", ""))

    def _find(self, what: str) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(what)


def _numbers(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def collapsed(numbers: Iterable[int]) -> str:
    """1, 2, 3, 7 as "1-3,7"."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def expanded(runs: str) -> set[int]:
    numbers: set[int] = set()
    for run in filter(None, runs.split(",")):
        first, _, last = run.partition("-")
        numbers |= set(range(int(first), int(last or first) + 1))
    return numbers
