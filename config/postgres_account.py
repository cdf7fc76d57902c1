"""Under which account PostgreSQL runs: our own, or a lesser one when we are root, which it refuses to be."""

import grp
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from brain.domain.errors import Unavailable

_NAME = "expert-postgres"
# Bits of /proc/self/status, weakest first: reading and searching anything, then writing and executing too.
_CAPABILITIES = (("dac_read_search", 2), ("dac_override", 1))
_CAP_SETPCAP = 8
_TO_CHANGE = 1 << 0 | 1 << 1 | 1 << 6 | 1 << 7  # chown, dac_override, setgid, setuid
_ADVICE = (
    "Run `expert` as an ordinary user, put EXPERT_HOME and the virtual environment where every user may enter"
    " (mode 0755), or set EXPERT_DATABASE_URL, …_APP and …_SYSTEM to a PostgreSQL of your own."
)


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int

    def may_search(self, directory: Path) -> bool:
        return all(self._has(place, stat.S_IXOTH) for place in (directory, *directory.parents))

    def may_read(self, file: Path) -> bool:
        return self.may_search(file.parent) and self._has(file, stat.S_IROTH)

    def may_execute(self, file: Path) -> bool:
        return self._has(file, stat.S_IXOTH)

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)

    def _has(self, path: Path, others: int) -> bool:
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & others << 6)
        return bool(found.st_mode & (others << 3 if found.st_gid == self.gid else others))


def lesser_account(data: Path) -> Account | None:
    """None: we are not root, PostgreSQL may run as ourselves. Data that is there already keeps its owner."""
    if os.geteuid() != 0:
        return None
    if _held_capabilities() & _TO_CHANGE != _TO_CHANGE:
        raise Unavailable(
            f"PostgreSQL does not run as root, and this root may not change to another account. {_ADVICE}"
        )
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    if (own := _lookup(_NAME)) is not None:
        return own
    if (useradd := shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")) is not None:
        subprocess.run(  # noqa: S603  # fixed words, no shell
            [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAME],
            capture_output=True,
            check=False,  # a read-only /etc is no reason to give up, nor that somebody else was faster
        )
    for name in (_NAME, "nobody"):
        if (found := _lookup(name)) is not None:
            return found
    raise Unavailable(f"PostgreSQL does not run as root, and no other account was found. {_ADVICE}")


def privileges(account: Account, *, directory: Path, installation: Path) -> list[str]:
    """Words to put before a command so that the account can reach its data and binaries; none if it can.

    Below a directory that only root may enter, the process keeps one capability instead of us
    opening somebody's directories to everybody.
    """
    executable = installation / "bin" / "postgres"
    executes = account.may_execute(executable)
    reads = all(account.may_read(file) for file in (executable, *installation.glob("share/**/postgres.bki")))
    if executes and reads and account.may_search(directory):
        return []
    setpriv = shutil.which("setpriv")
    held = _held_capabilities()
    usable = [name for name, bit in _CAPABILITIES if held >> bit & 1 and (executes or name == "dac_override")]
    if setpriv is None or not usable or not held >> _CAP_SETPCAP & 1:
        raise Unavailable(
            f"PostgreSQL does not run as root, and the account it would run as cannot enter {directory}"
            f" or {executable.parent}. {_ADVICE}"
        )
    capability = f"-all,+{usable[0]}"
    # PostgreSQL looks for itself with access(2), which ignores capabilities unless the fix-up is off.
    keep = ["--securebits=+no_setuid_fixup", f"--inh-caps={capability}", f"--ambient-caps={capability}"]
    who = [
        f"--reuid={account.uid}",
        f"--regid={account.gid}",
        "--clear-groups",
        f"--bounding-set={capability}",
    ]
    return [setpriv, *who, *keep, "--pdeathsig=INT", "--"]


def _lookup(name: str) -> Account | None:
    try:
        user = pwd.getpwnam(name)
        return Account(user.pw_uid, grp.getgrgid(user.pw_gid).gr_gid)
    except KeyError:
        return None


def _held_capabilities() -> int:
    status = Path("/proc/self/status")
    if not status.exists():  # macOS: root may do everything, but there is nothing to hand on
        return _TO_CHANGE
    line = next(line for line in status.read_text().splitlines() if line.startswith("CapEff:"))
    return int(line.split()[1], 16)
