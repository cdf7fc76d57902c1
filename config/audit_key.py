"""The secrets that sign the audit trail: from the settings, or `$EXPERT_HOME/audit.key`."""

import secrets
from pathlib import Path

from brain.domain.audit import Keyring
from brain.domain.errors import Rejected
from config.private_files import make_private_directory, write_private
from config.settings import Settings

_SHORTEST = 32


def audit_key_file(home: Path) -> Path:
    return home / "audit.key"


def audit_keyring(settings: Settings) -> Keyring:
    """One secret a line, the newest last. Made where there is none yet."""
    if settings.audit_key is not None:
        return _keyring(settings.audit_key.get_secret_value().split(","), "EXPERT_AUDIT_KEY")
    path = audit_key_file(settings.home)
    try:
        return _keyring(path.read_text(encoding="utf-8").splitlines(), str(path))
    except FileNotFoundError:
        make_private_directory(settings.home)
        write_private(path, secrets.token_hex(32) + "\n")
    except PermissionError as error:
        raise Rejected(f"{path} belongs to somebody else: run `expert` as its owner.") from error
    return audit_keyring(settings)


def _keyring(written: list[str], where: str) -> Keyring:
    keys = [key.strip() for key in written if key.strip()]
    if not keys or any(len(key) < _SHORTEST for key in keys):
        raise Rejected(
            f"{where} needs secrets of at least {_SHORTEST} characters, oldest first; make one with"
            ' python -c "import secrets; print(secrets.token_hex(32))".'
        )
    return Keyring(tuple(key.encode() for key in keys))
