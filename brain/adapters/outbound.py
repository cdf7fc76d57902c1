"""The one way out: HTTP to addresses that settings or people name, and never to where it must not go.

A name is resolved once, every address it has is checked, and the connection goes to a checked address.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address
from types import TracebackType

import httpcore
import httpx

from brain.adapters.addresses import SETTING, Address, AllowedHosts, Kind, is_literal, is_name, kind_of
from brain.domain.errors import ExpertError, Rejected, Unavailable

# All addresses of a name, in the order in which they should be tried; raises `OSError` where it has none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_URL_CHARACTERS = 2_048
_URL = re.compile(r"[!#-;=?-\[\]_a-z~%]+", re.IGNORECASE)  # printable ASCII without space " < > \ ^ ` { | }


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Gate:
    """Decides where a connection may go. Raises `Rejected` with what an admin would have to set."""

    def __init__(self, allowed: AllowedHosts, resolve: Resolve = resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve

    async def check(self, text: str, *, setting: str) -> None:
        """For a URL from the settings, at the start. Raises `Unavailable` where its name has no address."""
        try:
            url = parse_url(text)
            await self.addresses(url.host, url.port or 443, plain=url.scheme == "http")
        except ExpertError as error:
            raise type(error)(f"{setting}: {error}") from None

    async def addresses(self, host: str, port: int, *, plain: bool) -> Sequence[str]:
        """Where to connect to. `plain`: without TLS, which only what an admin opened may be."""
        for address in (found := await self._found(host, port)):
            kind = kind_of(address)
            if self._allowed.opens(host, address) or (kind is None and not plain):
                continue
            entry = host if kind in (None, Kind.LOOPBACK, Kind.PRIVATE) else str(address)
            reason = f"leads to {address}, {kind}" if kind else "is public, and http:// sends in the clear"
            raise Rejected(
                f"{host} {reason}, so no connection was made."
                f" If it is meant, an admin can set {SETTING}={self._allowed.with_entry(entry)}"
            )
        return [str(address) for address in found]

    async def _found(self, host: str, port: int) -> Sequence[Address]:
        try:
            return [ip_address(host)]
        except ValueError:
            pass
        try:
            found = [ip_address(one) for one in await self._resolve(host, port)]
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"The name {host} cannot be resolved.") from error
        if not found:
            raise Unavailable(f"The name {host} has no address.")
        return found


def parse_url(text: str) -> httpx.URL:
    """A URL in which every parser sees the same host. Messages never repeat it: it may hold a secret."""
    if len(text) > _URL_CHARACTERS or not _URL.fullmatch(text):
        raise Rejected(
            f"This is not a URL of at most {_URL_CHARACTERS} plain characters;"
            " write an international name in its xn-- form."
        )
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise Rejected(f"This is not a URL: {error}.") from None
    _require_plain(url)
    if "@" in text.split("://", 1)[-1].split("/", 1)[0]:  # an empty user name is gone once it is parsed
        raise Rejected("A URL must not carry a user name or password; keys have settings of their own.")
    return url


def _require_plain(url: httpx.URL) -> None:
    if url.scheme not in ("https", "http"):
        raise Rejected(f"Only https:// is possible here, not {url.scheme[:20] or 'no scheme'!r}.")
    if url.userinfo:
        raise Rejected("A URL must not carry a user name or password; keys have settings of their own.")
    host = url.raw_host.decode("ascii", "replace")
    if not (is_literal(host) or is_name(host)):
        raise Rejected(
            f"{host[:100]!r} is no host name, and no IP address in its usual form (such as 192.0.2.7)."
        )
    if url.port == 0:
        raise Rejected("Port 0 is none.")


class _CheckedConnections(httpcore.AsyncNetworkBackend):
    """https://www.encode.io/httpcore/network-backends/"""

    def __init__(self, gate: Gate, *, plain: bool) -> None:
        self._gate = gate
        self._plain = plain
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._gate.addresses(host, port, plain=self._plain)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"The name {host} was not resolved in time.") from error
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # the next one may answer; of the last one the failure is told
        return await self._network.connect_tcp(
            addresses[-1], port, timeout=timeout, local_address=local_address, socket_options=socket_options
        )

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Rejected("Files that are sockets are not for HTTP from here.")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class _Pool(httpx.AsyncHTTPTransport):
    """httpx's own transport over our connections, which it has no parameter for."""

    def __init__(self, connections: httpcore.AsyncNetworkBackend, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=connections,
        )


class Outbound(httpx.AsyncBaseTransport):
    """For any httpx client, an SDK's too. A redirect is refused: it would be an address nobody named."""

    def __init__(self, gate: Gate, *, max_bytes: int = 20_000_000, within_s: float = 300.0) -> None:
        # SSL_CERT_FILE counts: it names the company's own authority, not a place to connect to.
        tls = httpx.create_ssl_context()
        self._pools = {
            "https": _Pool(_CheckedConnections(gate, plain=False), tls),
            "http": _Pool(_CheckedConnections(gate, plain=True), tls),
        }
        self._max_bytes = max_bytes
        self._within_s = within_s

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _require_plain(request.url)
        until = asyncio.get_running_loop().time() + self._within_s
        # Else a small body could unpack to a large one behind the limit.
        request.headers["Accept-Encoding"] = "identity"
        try:
            async with asyncio.timeout_at(until):
                response = await self._pools[request.url.scheme].handle_async_request(request)
        except TimeoutError as error:
            raise _too_slow(request.url.host) from error
        try:
            _require_usable(response, request.url.host)
        except ExpertError:
            await response.aclose()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  # for the types: ours are
        response.stream = _Limited(response.stream, request.url.host, self._max_bytes, until)
        return response

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()


def _require_usable(response: httpx.Response, host: str) -> None:
    if response.has_redirect_location:
        raise Rejected(f"{host} answered with a redirect, which is not followed: set the final address.")
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unavailable(f"{host} sent a packed body that nobody asked for.")


class _Limited(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, host: str, max_bytes: int, until: float) -> None:
        self._stream = stream
        self._host = host
        self._left = max_bytes
        self._until = until

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        while (piece := await self._next(pieces)) is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise Unavailable(f"{self._host} sent more than it should.")
            yield piece

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout_at(self._until):
                return await anext(pieces, None)
        except TimeoutError as error:
            raise _too_slow(self._host) from error

    async def aclose(self) -> None:
        await self._stream.aclose()


def _too_slow(host: str) -> Unavailable:
    return Unavailable(f"{host} did not finish its answer in time.")


def refusal(error: BaseException) -> ExpertError | None:
    """What this module said, out of what an SDK made of it."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None or isinstance(cause, ExpertError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None
