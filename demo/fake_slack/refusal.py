"""How the fake says no: with Slack's own word for it, and whether the caller ought to have known."""

from typing import Any

from demo.fake_slack.records import Json


class Refused(Exception):
    """`wrong` where no careful caller would have asked; not where the world had simply moved on."""

    def __init__(self, error: str, *problems: str, wrong: bool = True, **more: Any) -> None:
        super().__init__(error, *problems)
        self.error = error
        self.problems = problems
        self.wrong = wrong
        self._more = more

    @property
    def answer(self) -> Json:
        body: Json = {"ok": False, "error": self.error, **self._more}
        if self.problems:
            body["response_metadata"] = {"messages": [f"[ERROR] {one}" for one in self.problems]}
        return body


def gone(error: str) -> Refused:
    """What was meant is not there, or not any more: nobody's mistake."""
    return Refused(error, wrong=False)
