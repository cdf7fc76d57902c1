"""Parent of PostgreSQL that stops it when the process that wanted it is gone, however that one died.

Run by path with nothing but the standard library, in a session of its own: Ctrl-C must not reach PostgreSQL.
Standard input is a pipe from the owner; when it closes, PostgreSQL is shut down. Prints the child's number.
"""

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_LOG_BYTES = 5_000_000
_FAST_SHUTDOWN_S = 30.0
_IMMEDIATE_SHUTDOWN_S = 10.0
_PR_SET_PDEATHSIG = 1


def main() -> int:
    options = _options()
    child = _start(options)
    print(child.pid, flush=True)
    threading.Thread(target=_keep_log, args=(child, options.log), daemon=True).start()
    threading.Thread(target=_stop_when_alone, args=(child,), daemon=True).start()
    # The owner decides through the pipe; whoever asks the guard to end asks for an orderly shutdown too.
    signal.signal(signal.SIGTERM, lambda *_: child.send_signal(signal.SIGINT))
    return child.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--cwd", type=Path, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def _start(options: argparse.Namespace) -> subprocess.Popen[bytes]:
    die_with_guard = _die_with(os.getpid()) if sys.platform == "linux" else None
    return subprocess.Popen(  # noqa: S603  # the owner's words, no shell
        options.command,
        cwd=options.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        user=options.uid,
        group=options.gid,
        extra_groups=None if options.uid is None else [],
        umask=0o077,
        # Called after the change of user, which clears the death signal.
        preexec_fn=die_with_guard,  # noqa: PLW1509  # no thread runs yet
    )


def _die_with(guard: int) -> Callable[[], None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != guard:
            os._exit(1)

    return ask_kernel


def _stop_when_alone(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1024):
        pass
    patience = (
        (signal.SIGINT, _FAST_SHUTDOWN_S),
        (signal.SIGQUIT, _IMMEDIATE_SHUTDOWN_S),
        (signal.SIGKILL, None),
    )
    for number, seconds in patience:
        child.send_signal(number)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def _keep_log(child: subprocess.Popen[bytes], path: Path) -> None:
    """At most two files of a bounded size, however long PostgreSQL runs."""
    while child.stdout is not None and (chunk := os.read(child.stdout.fileno(), 65536)):
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            log.write(chunk)


if __name__ == "__main__":
    sys.exit(main())
