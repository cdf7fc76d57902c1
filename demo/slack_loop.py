"""The whole loop on Slack, without an account: ask, doubt, review in the thread, approve, ask again.

Starts The Expert with its demo beside a Slack of our own, plays the conversation, prints what each person
sees, and writes it as JSON lines (who, where, what, when) to the file that the last line names.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from config import demo
from demo.fake_slack import Channel, FakeSlack, Person, Seen

EXPERT = [sys.executable, "-c", "from config.cli import main; main()"]
_START_S = 600.0
_ANSWER_S = 60.0
_WIDTH = 96

ROTATE = "How do I rotate the Redis password?"
TERRACE = "How do I book the roof terrace for a party?"
AGAIN = "How can I reserve the roof terrace for a party?"
ANSWER = "Write to the front desk two weeks ahead, with the date and the number of guests."


class Transcript:
    """What happens, as it happens: on the screen, and in the file."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w", encoding="utf-8")

    def scene(self, title: str) -> None:
        print(f"\n── {title} " + "─" * (_WIDTH - len(title) - 4))

    def note(self, entry: dict[str, Any]) -> None:
        """An entry of the fake Slack's own log."""
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()
        author, where = entry.get("from") or entry.get("who"), entry.get("where", "")
        seen_by = entry["who"] if isinstance(entry.get("who"), list) else [entry.get("who")]
        head = f"{_names(author)} in {where}" if where else _names(author)
        print(f"\n  {head}  [{entry['kind']}; seen by {_names(seen_by)}]")
        for line in str(entry.get("what", "")).splitlines():
            print(textwrap.fill(line, _WIDTH, initial_indent="    │ ", subsequent_indent="    │ "))

    def close(self) -> None:
        self._file.close()


def _names(who: object) -> str:
    return ", ".join(str(one) for one in who) if isinstance(who, list) else str(who)


class Stage:
    """The office that the conversation happens in."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.amira = slack.add_person("Amira Solberg", email="amira@northlight.example")
        self.omar = slack.add_person("Omar Haddad", email="omar@northlight.example")
        self.ravi = slack.add_person("Ravi Lindqvist", email="ravi@northlight.example")
        self.help = slack.add_channel("it-help", [self.amira, self.omar, self.ravi])
        self.desk = slack.add_channel("it-desk", [self.ravi], private=True)

    async def sees(self, who: Person, channel: Channel, words: str, *, thread: Any = None) -> Seen:
        def found() -> Seen | None:
            seen = [one for one in who.sees(channel, thread=thread) if words.lower() in one.text.lower()]
            return seen[-1] if seen else None

        seen = await self.slack.until(found, _ANSWER_S)
        if seen is None:
            raise TimeoutError(f"{who} did not see {words!r} in {channel.label}")
        return seen


async def set_up(stage: Stage, channel: Channel, **rules: Any) -> None:
    before = len(stage.ravi.sees(stage.ravi.dm))
    await stage.ravi.commands("/expert", "setup", channel)
    view = await stage.slack.until(lambda: stage.ravi.view, _ANSWER_S)
    if view is None:
        raise TimeoutError("The form did not open.")
    await stage.ravi.submits(view, {"department": "it-ops", **rules})
    await stage.slack.until(lambda: len(stage.ravi.sees(stage.ravi.dm)) > before, _ANSWER_S)


async def play(stage: Stage, transcript: Transcript) -> None:
    """Each step waits for what the one before it must have led to."""
    amira, omar, ravi = stage.amira, stage.omar, stage.ravi
    transcript.scene("Ravi, an admin, sets up #it-help to ask in, and #it-desk to review in")
    await set_up(stage, stage.help)
    await set_up(stage, stage.desk, reviews=["yes"])

    transcript.scene("Amira asks what the runbooks answer")
    asked = amira.says(stage.help, f"@expert {ROTATE}")
    await stage.sees(amira, stage.help, "Sure", thread=asked)

    transcript.scene("Amira asks what nobody wrote down: a person is asked")
    asked = amira.says(stage.help, f"@expert {TERRACE}")
    await stage.sees(amira, stage.help, "I don't know", thread=asked)
    card = await stage.sees(ravi, stage.desk, TERRACE)

    transcript.scene("Ravi writes the answer in the thread of the review, and confirms it")
    ravi.says(stage.desk, ANSWER, thread=card)
    offer = await stage.sees(ravi, stage.desk, "Shall this be the answer", thread=card)
    await ravi.clicks(offer, "Approve this text")
    await stage.sees(amira, stage.help, "Checked by Ravi", thread=asked)
    await stage.sees(ravi, stage.desk, "Approved with changes by Ravi")

    transcript.scene("Omar asks the same in other words, and is answered at once")
    again = omar.says(stage.help, f"@expert {AGAIN}")
    await stage.sees(omar, stage.help, "Checked by Ravi", thread=again)

    transcript.scene("Amira asks for herself alone")
    amira.commands("/expert", f"ask {AGAIN}", stage.help)
    await stage.sees(amira, stage.help, "Share in channel")


@asynccontextmanager
async def product(slack: FakeSlack, home: Path) -> AsyncIterator[None]:
    """`expert up` beside the fake Slack, with its demo, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "EXPERT_HOME": str(home),
        "EXPERT_PORT": str(port),
        "EXPERT_SLACK_BOT_TOKEN": slack.bot_token,
        "EXPERT_SLACK_APP_TOKEN": slack.app_token,
        "EXPERT_SLACK_API_URL": slack.api_url,
        "EXPERT_SLACK_TENANT": demo.TENANT,
    }
    log = home.parent / "expert-up.log"
    with log.open("wb") as lines:
        server = await asyncio.create_subprocess_exec(
            *EXPERT, "up", env=environment, stdout=lines, stderr=lines
        )
    try:
        if not await _ready(server, port):
            raise RuntimeError(f"The Expert did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
        await _add_member(environment)
        await slack.until(lambda: slack.sockets.connections, _ANSWER_S)
        yield
    finally:
        await _stop(server)


async def _add_member(environment: dict[str, str]) -> None:
    """The demo knows Amira and Ravi; Omar asks as well."""
    words = ["member", "add", "omar", "--name", "Omar Haddad", "--email", "omar@northlight.example"]
    command = [*EXPERT, *words, "--role", "it-ops:asker", "--as", "reviewer"]
    adding = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, trouble = await adding.communicate()
    if adding.returncode:
        raise RuntimeError(trouble.decode())


async def _stop(server: asyncio.subprocess.Process) -> None:
    if server.returncode is None:
        server.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(server.wait(), 60)
        except TimeoutError:
            server.kill()


async def _ready(server: asyncio.subprocess.Process, port: int) -> bool:
    async with asyncio.timeout(_START_S), httpx.AsyncClient() as client:
        while server.returncode is None:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/ready")).is_success:
                    return True
            except httpx.TransportError:
                pass  # not listening yet
            await asyncio.sleep(0.2)
    return False


async def run(home: Path, transcript: Transcript) -> None:
    async with FakeSlack(workspace="Northlight Freight") as slack:
        stage = Stage(slack)
        print("Starting The Expert with its demo, beside a Slack of its own…")
        async with product(slack, home):
            slack.on_event.append(transcript.note)
            await play(stage, transcript)
            await slack.settled()
        wrong = slack.violations
    if wrong:
        raise RuntimeError(f"Slack would have refused: {wrong}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, help="where the JSON lines go (default: a temporary file)")
    parser.add_argument("--home", type=Path, help="keep the data there, to start faster the next time")
    options = parser.parse_args()
    # A socket's path must be short, and nothing of the demo is to be left behind.
    base = Path(tempfile.mkdtemp(prefix="expert-demo-"))
    base.chmod(0o755)
    descriptor, name = tempfile.mkstemp(prefix="expert-slack-", suffix=".jsonl")
    os.close(descriptor)
    out = options.out or Path(name)
    transcript = Transcript(out)
    try:
        asyncio.run(run(options.home or base / "home", transcript))
    except (TimeoutError, RuntimeError) as error:
        print(f"\nThe conversation stopped: {error}", file=sys.stderr)
        return 1
    finally:
        transcript.close()
        shutil.rmtree(base, ignore_errors=True)
    print("\nThe loop is closed: asked, doubted, checked by a person, learned, and answered again.")
    print(f"What everybody saw, as JSON lines: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
