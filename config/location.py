"""Where an installation lives: its home directory, host and port.

The standard library only, so that `expert ask` need not wait for the rest of the settings to load.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from brain.domain.errors import Rejected

DEFAULT_HOME = Path(".expert")
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True)
class Location:
    home: Path
    host: str
    port: int

    @property
    def host_to_call(self) -> str:
        """A server that listens everywhere is reached through the loopback."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # not bound here

    @property
    def url(self) -> str:
        host = self.host_to_call
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def home_directory() -> Path:
    return Path(os.environ.get("EXPERT_HOME") or DEFAULT_HOME).expanduser().absolute()


def installation_file(home: Path) -> Path:
    """Settings of one installation; the environment wins over it."""
    return home / "expert.toml"


def locate() -> Location:
    home = home_directory()
    kept = _kept(installation_file(home))
    port = os.environ.get("EXPERT_PORT") or str(kept.get("port", DEFAULT_PORT))
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise Rejected(f"EXPERT_PORT={port}: a port is a number from 1 to 65535.")
    host = os.environ.get("EXPERT_HOST") or str(kept.get("host", DEFAULT_HOST))
    return Location(home, host, int(port))


def _kept(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Rejected(f"{path} cannot be read: {error}.") from error
