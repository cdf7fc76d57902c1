"""The way out: watched at the sockets, nothing is connected to that nobody opened."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

import httpx
import pytest

from brain.adapters.addresses import AllowedHosts, kind_of
from brain.adapters.outbound import Gate, Outbound, parse_url, refusal
from brain.domain.errors import ExpertError, Rejected, Unavailable
from tests.contract.hostile_urls import resolve, urls

_WATCHERS: list[list[str]] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        for watcher in _WATCHERS:
            watcher.append(str(arguments[1]))


sys.addaudithook(_watch)  # for good: a hook cannot be taken off again


@pytest.fixture
def connections() -> Iterator[list[str]]:
    """Every address that a socket of this process is connected to."""
    seen: list[str] = []
    _WATCHERS.append(seen)
    yield seen
    _WATCHERS.remove(seen)


def gate(*opened: str) -> Gate:
    return Gate(AllowedHosts.parse(opened), resolve)


@asynccontextmanager
async def client(
    gate: Gate, *, max_bytes: int = 1_000, within_s: float = 5.0
) -> AsyncIterator[httpx.AsyncClient]:
    transport = Outbound(gate, max_bytes=max_bytes, within_s=within_s)
    # As careless as an SDK may be: it would follow redirects.
    async with httpx.AsyncClient(transport=transport, follow_redirects=True, trust_env=False) as one:
        yield one


@asynccontextmanager
async def server(*reply: bytes, then_hang: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Its port, and the requests it got."""
    requests: list[bytes] = []
    exchanges: list[asyncio.Task[None]] = []

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchanges.append(asyncio.create_task(serve(reader, writer)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        for piece in reply:
            writer.write(piece)
        await writer.drain()
        if then_hang:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], requests
        await asyncio.gather(*exchanges)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


def test_there_are_enough_of_them() -> None:
    assert len(urls()) >= 120


@pytest.mark.parametrize("url", urls())
async def test_a_hostile_url_leads_nowhere(url: str, connections: list[str]) -> None:
    closed = gate("models.test")

    with pytest.raises(ExpertError):
        await closed.check(url, setting="EXPERT_MODEL_API_BASE")
    async with client(closed) as http:
        with pytest.raises((ExpertError, httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError)):
            await http.get(url)

    assert connections == []


@pytest.mark.parametrize(
    ("opened", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("loopback.test", "loopback.test"),
        ("loopback.test", "LOOPBACK.test"),
        ("Loopback.Test.", "loopback.test"),
        ("127.0.0.1", "loopback.test"),
        ("::ffff:127.0.0.1,127.0.0.1", "[::ffff:127.0.0.1]"),
    ],
)
async def test_what_an_admin_opened_is_reached(opened: str, host: str, connections: list[str]) -> None:
    async with server(OK) as (port, requests), client(gate(*opened.split(","))) as http:
        response = await http.get(f"http://{host}:{port}/v1", headers={"Accept-Encoding": "gzip"})

    assert response.text == "hello"
    assert len(connections) == len(requests) == 1
    assert "127.0.0.1" in connections[0] or "::ffff:7f00:1" in connections[0]
    assert b"accept-encoding: identity" in requests[0].lower()


@pytest.mark.parametrize(
    "url",
    [
        "https://user@93.184.215.14/",
        "https://@93.184.215.14/",
        "https://:@93.184.215.14:443",
        "https://93.184.215.14:0/",
        "https://93.184.215.14./",
        "https://0x5d.0xb8.0xd7.0xe/",
        "https://93.184.215.14 /",
        "https://93.184.215.14/\r\nX: y",
        "https://93.184.215.14/" + "a" * 2_048,
    ],
)
async def test_an_odd_url_is_refused_wherever_it_leads(url: str) -> None:
    with pytest.raises(Rejected):
        await gate("93.184.215.14").check(url, setting="X")


async def test_the_refusal_says_what_to_set(connections: list[str]) -> None:
    with pytest.raises(Rejected, match=r"EXPERT_ALLOW_HOSTS=tei\.internal,10\.9\.0\.0/16,private\.test$"):
        await gate("tei.internal", "10.9.0.0/16").check("https://private.test/v1", setting="X")
    with pytest.raises(Rejected, match=r"X: metadata .* EXPERT_ALLOW_HOSTS=169\.254\.169\.254$"):
        await gate().check("https://metadata/", setting="X")
    with pytest.raises(Rejected, match="in the clear"):
        await gate().check("http://93.184.215.14/", setting="X")


async def test_a_public_address_needs_no_entry() -> None:
    await gate().check("https://93.184.215.14/v1", setting="X")
    await gate().check("https://[2606:4700:4700::1111]:8443/v1?a=b%20c", setting="X")


@pytest.mark.parametrize("secret_url", ["https://user:hunter2@example.test/", "https://hunter2 x/"])
def test_a_url_with_a_secret_is_not_repeated(secret_url: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_url(secret_url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "entry", ["http://10.0.0.1", "10.0.0.1:80", "*.internal", "10.0.0.0/33", "10.1.2.3/8", "a b"]
)
def test_an_entry_that_opens_nothing_is_refused(entry: str) -> None:
    with pytest.raises(Rejected, match="EXPERT_ALLOW_HOSTS"):
        AllowedHosts.parse([entry])


def test_a_network_of_translated_addresses_opens_only_what_they_lead_to() -> None:
    allowed = AllowedHosts.parse(["64:ff9b::/96", "2002::/16"])
    assert allowed.opens("x", ip_address("64:ff9b::8.8.8.8"))
    assert not allowed.opens("x", ip_address("64:ff9b::169.254.169.254"))
    assert not allowed.opens("x", ip_address("2002:7f00:1::1"))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert kind_of(ip_address(address)) is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["http://169.254.169.254/latest", "/elsewhere", "http://127.0.0.1:{port}/"])
async def test_a_redirect_is_not_followed(status: int, to: str, connections: list[str]) -> None:
    reply = f"HTTP/1.1 {status} Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
    async with server(reply.encode()) as (port, requests), client(gate("127.0.0.1")) as http:
        with pytest.raises(Rejected, match="redirect"):
            await http.get(f"http://127.0.0.1:{port}/")

    assert len(connections) == len(requests) == 1


async def test_a_name_that_changes_its_address_is_asked_once_and_checked_each_time(
    connections: list[str],
) -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    turning = Gate(AllowedHosts.parse(["turning.test"]), rebinding)
    async with server(OK) as (port, _), client(turning) as http:
        assert (await http.get(f"http://turning.test:{port}/")).text == "hello"
        with pytest.raises(Rejected, match="metadata"):
            await http.get(f"http://turning.test:{port}/")

    assert asked == ["turning.test", "turning.test"]
    assert len(connections) == 1


async def test_the_next_address_is_tried_where_one_does_not_answer(connections: list[str]) -> None:
    async def two(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with server(OK) as (port, _), client(Gate(AllowedHosts.parse(["two.test"]), two)) as http:
        assert (await http.get(f"http://two.test:{port}/")).text == "hello"
    assert len(connections) == 2


async def test_proxies_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://169.254.169.254:3128")
    async with server(OK) as (port, _), httpx.AsyncClient(transport=Outbound(gate("127.0.0.1"))) as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).text == "hello"
    assert all("127.0.0.1" in one for one in connections)


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((HEAD + b"\r\n", b"x" * 2_000), "more than it should"),
        ((HEAD + b"Content-Encoding: gzip\r\n\r\n", b"x"), "packed"),
    ],
)
async def test_a_reply_that_is_too_much_is_cut_off(reply: tuple[bytes, ...], told: str) -> None:
    async with server(*reply) as (port, _), client(gate("127.0.0.1")) as http:
        with pytest.raises(Unavailable, match=told):
            await http.get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("reply", [(), (HEAD + b"Content-Length: 9\r\n\r\n", b"slow")])
async def test_a_reply_that_does_not_end_is_left(reply: tuple[bytes, ...]) -> None:
    async with server(*reply, then_hang=True) as (port, _), client(gate("127.0.0.1"), within_s=0.2) as http:
        with pytest.raises(Unavailable, match="in time"):
            await http.get(f"http://127.0.0.1:{port}/")


def test_what_was_said_is_found_under_what_an_sdk_made_of_it() -> None:
    wrapped, outer = ConnectionError("something"), RuntimeError("something else")
    wrapped.__cause__, outer.__context__ = Rejected("the reason"), wrapped
    assert str(refusal(outer)) == "the reason"
    assert refusal(ValueError()) is None
