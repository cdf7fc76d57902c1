"""The manifest that a customer's own Slack app is made from, held against Slack's schema and scopes."""

import ast
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from bots.slack import inbound, scopes
from bots.slack.manifest import Wanted, manifest
from brain.domain.errors import Rejected
from config.cli import app

ROOT = Path(__file__).parents[2]
SPECS = ROOT.parent / "shared" / "specs" / "slack"
URL = "https://expert.example.org"
EVERY = [
    Wanted(),
    Wanted(name="Acme Answers", command="/acme"),
    Wanted(url=URL),
    Wanted(url=f"{URL}/expert/", several=True),
]

needs_specs = pytest.mark.skipif(not SPECS.exists(), reason="Slack's schema and methods are not at hand")


def _spec(name: str) -> Any:
    return json.loads((SPECS / name).read_text(encoding="utf-8"))


def _valid(made: Any) -> bool:
    schema = _spec("manifest/schemas__manifest.schema.2.0.0.json")
    return bool(jsonschema.Draft7Validator(schema).is_valid(made))


@needs_specs
@pytest.mark.parametrize("wanted", EVERY, ids=str)
def test_satisfies_slack(wanted: Wanted) -> None:
    schema = _spec("manifest/schemas__manifest.schema.2.0.0.json")
    jsonschema.Draft7Validator(schema).validate(manifest(wanted))


@needs_specs
def test_the_schema_tells_right_from_wrong() -> None:
    assert _valid(_spec("manifest/tests__manifests__v2__manifest.valid.json"))
    assert not _valid(_spec("manifest/tests__manifests__v2__manifest.invalid.json"))
    assert not _valid(manifest(Wanted()) | {"unheard": "of"})


@pytest.mark.parametrize("wanted", EVERY, ids=str)
def test_asks_for_what_is_needed_and_no_more(wanted: Wanted) -> None:
    made = manifest(wanted)
    assert made["oauth_config"]["scopes"] == {"bot": scopes.needed()}
    assert made["settings"]["event_subscriptions"]["bot_events"] == sorted(scopes.EVENTS)
    assert made["settings"]["socket_mode_enabled"] is not bool(wanted.url)
    assert made["settings"]["token_rotation_enabled"] is wanted.several
    names = {one["callback_id"] for one in made["features"]["shortcuts"]}
    assert names == set(inbound._SHORTCUTS)


def test_every_scope_has_a_use() -> None:
    assert all(scopes.wanted_for(one) for one in scopes.needed())
    assert scopes.wanted_for("commands") == ["slash commands"]
    assert scopes.wanted_for("admin") == []


def test_every_method_that_is_called_has_its_scopes() -> None:
    """Strings in functions that are methods of Slack's, and no others, are what the adapter calls."""
    known = set(scopes.METHODS) | set(scopes.APP_METHODS)
    methods = set(_spec("web_api_methods_2026-05.json")) if SPECS.exists() else known
    called = {one for path in sorted((ROOT / "bots/slack").glob("*.py")) for one in _strings(path)} & methods
    assert called - {"oauth.v2.access"} <= known
    # The rest is called by methods of the SDK.
    assert known - called <= {"auth.test", "apps.connections.open"}


def _strings(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = (node for function in functions for node in ast.walk(function))
    return {node.value for node in inside if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@needs_specs
@pytest.mark.parametrize("method", scopes.METHODS)
def test_scopes_are_those_that_slack_lists(method: str) -> None:
    """What is an alternative there, such as the kinds of conversations, may be left out; what is more is
    only the address of people, which comes with a scope of its own."""
    published = {
        one["name"] for one in _spec("web_api_methods_2026-05.json")[method]["scopes"].get("bot", [])
    }
    ours = set(scopes.METHODS[method])
    assert ours - {"users:read.email"} <= published
    assert bool(ours) is bool(published)


def test_addresses() -> None:
    made = manifest(Wanted(url=f"{URL}/", several=True))
    assert made["settings"]["event_subscriptions"]["request_url"] == f"{URL}/slack/events"
    assert made["settings"]["interactivity"]["request_url"] == f"{URL}/slack/events"
    assert made["features"]["slash_commands"][0]["url"] == f"{URL}/slack/events"
    assert made["oauth_config"]["redirect_urls"] == [f"{URL}/slack/oauth"]


@pytest.mark.parametrize(
    "wrong",
    [
        Wanted(name=""),
        Wanted(name="x" * 36),
        Wanted(command="expert"),
        Wanted(command="/Expert"),
        Wanted(command="/two words"),
        Wanted(command="/" + "x" * 32),
        Wanted(url="http://expert.example.org"),
        Wanted(url="expert.example.org"),
        Wanted(url="https://localhost"),
        Wanted(url="https://expert.example.org?a=b"),
        Wanted(url="https://me@expert.example.org"),
        Wanted(several=True),
    ],
    ids=str,
)
def test_what_slack_would_not_take_is_refused(wrong: Wanted) -> None:
    with pytest.raises(Rejected):
        manifest(wrong)


def test_limits_at_n() -> None:
    manifest(Wanted(name="x" * 35, command="/" + "x" * 31))


def test_the_command_prints_what_can_be_pasted() -> None:
    said = CliRunner().invoke(app, ["slack", "manifest", "--url", URL])
    assert said.exit_code == 0
    assert yaml.safe_load(said.stdout) == manifest(Wanted(url=URL))
    said = CliRunner().invoke(app, ["slack", "manifest", "--json", "--name", "Ask Us"])
    assert json.loads(said.stdout) == manifest(Wanted(name="Ask Us"))
    assert CliRunner().invoke(app, ["slack", "manifest", "--socket", "--url", URL]).exit_code == 2
