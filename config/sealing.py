"""Seals what others trust us with: with EXPERT_SECRETS_KEY, or the secrets in `$EXPERT_HOME/secrets.key`."""

import base64
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from brain.domain.errors import Rejected
from config.private_files import make_private_directory, write_private
from config.settings import Settings

_SHORTEST = 32


@dataclass(frozen=True, slots=True)
class Sealer:
    """Nobody without the key can read, change or make what it seals; nor use it as something else."""

    _fernet: MultiFernet = field(repr=False)

    def seal(self, value: Mapping[str, Any], *, about: str) -> str:
        written = json.dumps({"about": about, **value}, separators=(",", ":"))
        return self._fernet.encrypt(written.encode()).decode()

    def unseal(self, sealed: str, *, about: str) -> dict[str, Any]:
        """Raises `Rejected` where it was not sealed as this, by us."""
        try:
            value = json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError) as error:
            raise Rejected("This was not sealed with a key that is known here.") from error
        if value.pop("about") != about:
            raise Rejected("This was sealed as something else.")
        return dict(value)


def secrets_key_file(home: Path) -> Path:
    return home / "secrets.key"


def sealer(settings: Settings, *, make: bool = True) -> Sealer:
    """One secret a line, the newest last, which seals. Made where there is none yet; or else the sealer is
    one that opens nothing.
    """
    if settings.secrets_key is not None:
        return _sealer(settings.secrets_key.get_secret_value().split(","), "EXPERT_SECRETS_KEY")
    path = secrets_key_file(settings.home)
    try:
        return _sealer(path.read_text(encoding="utf-8").splitlines(), str(path))
    except FileNotFoundError:
        if not make:
            return Sealer(MultiFernet([Fernet(Fernet.generate_key())]))
        make_private_directory(settings.home)
        _make(path)
    except PermissionError as error:
        raise Rejected(f"{path} belongs to somebody else: run `expert` as its owner.") from error
    return sealer(settings)


def _make(path: Path) -> None:
    """Once: of two processes that start together, the second takes what the first has made."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_private(made, secrets.token_hex(32) + "\n")
    try:
        with suppress(FileExistsError):
            path.hardlink_to(made)
    finally:
        made.unlink()


def _sealer(written: list[str], where: str) -> Sealer:
    keys = [key.strip() for key in written if key.strip()]
    if not keys or any(len(key) < _SHORTEST for key in keys):
        raise Rejected(
            f"{where} needs secrets of at least {_SHORTEST} characters, oldest first; make one with"
            ' python -c "import secrets; print(secrets.token_hex(32))".'
        )
    return Sealer(MultiFernet([Fernet(_derived(key)) for key in reversed(keys)]))


def _derived(secret: str) -> bytes:
    key = HKDF(SHA256(), length=32, salt=None, info=b"the-expert sealing").derive(secret.encode())
    return base64.urlsafe_b64encode(key)
