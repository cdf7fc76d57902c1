"""The connection to Weaviate: made with the first call, by its own client, whose errors become ours here.

The client is loaded with the connection: an installation without Weaviate need not have it.
"""

import asyncio
import importlib.util
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from brain.adapters.outbound import Gate, parse_url
from brain.domain.circuit import Circuit
from brain.domain.errors import ExpertError, Missing, Rejected, Unavailable

if TYPE_CHECKING:
    from weaviate import WeaviateAsyncClient

GRPC_PORT = 50_051
# The longest that anything may take.
LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Access:
    """`grpc_url` None: the usual port of the same host."""

    url: str
    grpc_url: str | None = None
    api_key: str | None = field(default=None, repr=False)


class WeaviateConnection:
    """Made with the first call, and again after `close`."""

    def __init__(self, access: Access, gate: Gate, circuit: Circuit) -> None:
        self.circuit = circuit
        self._access = access
        self._gate = gate
        self._connecting = asyncio.Lock()
        self._connected: WeaviateAsyncClient | None = None

    async def close(self) -> None:
        async with self._connecting:
            if self._connected is not None:
                await self._connected.close()
                self._connected = None

    @asynccontextmanager
    async def asking(self, within_s: float) -> AsyncIterator["WeaviateAsyncClient"]:
        """Around one exchange; the one place where the client's errors become ours.

        Raises `Unavailable` for a setting that is wrong, too: until an admin has corrected it, what has to be
        copied waits.
        """
        with self.circuit.attempt() as attempt:
            try:
                async with asyncio.timeout(within_s):
                    yield await self._client()
            except ExpertError as error:
                if isinstance(error, Unavailable):
                    attempt.failed(str(error))
                raise
            except _its_errors() as error:
                failure = _failure(error)
                if isinstance(failure, Unavailable):
                    attempt.failed(str(failure))
                raise failure from error
            attempt.succeeded()

    async def _client(self) -> "WeaviateAsyncClient":
        async with self._connecting:
            if self._connected is None:
                await self._check_addresses()
                client = await asyncio.to_thread(_new_client, self._access)
                try:
                    await client.connect()
                except BaseException:
                    await client.close()
                    raise
                self._connected = client
            return self._connected

    async def _check_addresses(self) -> None:
        try:
            await self._gate.check(self._access.url, setting="EXPERT_WEAVIATE_URL")
            if self._access.grpc_url is not None:
                await self._gate.check(self._access.grpc_url, setting="EXPERT_WEAVIATE_GRPC_URL")
        except Rejected as error:
            raise Unavailable(str(error)) from error


def require_usable(access: Access) -> None:
    """Raises `Rejected` for what no server can mend."""
    if importlib.util.find_spec("weaviate") is None:
        raise Rejected("EXPERT_INDEX is weaviate, whose client is not installed: make setup-weaviate")
    for setting, text in (
        ("EXPERT_WEAVIATE_URL", access.url),
        ("EXPERT_WEAVIATE_GRPC_URL", access.grpc_url or access.url),
    ):
        try:
            url = parse_url(text)
        except Rejected as error:
            raise Rejected(f"{setting}: {error}") from None
        if url.path != "/" or url.query:
            raise Rejected(f"{setting} must end with the host or its port: the client knows no paths.")


def _new_client(access: Access) -> "WeaviateAsyncClient":
    """Loads the library, which takes a second."""
    # authlib warns of a library that is not used here, whatever filters say.
    with warnings.catch_warnings(record=True):
        import weaviate
        from weaviate.classes.init import AdditionalConfig, Auth, Timeout
    url = parse_url(access.url)
    grpc = parse_url(access.grpc_url) if access.grpc_url else url.copy_with(port=GRPC_PORT)
    return weaviate.use_async_with_custom(
        http_host=url.host,
        http_port=url.port or (443 if url.scheme == "https" else 80),
        http_secure=url.scheme == "https",
        grpc_host=grpc.host,
        grpc_port=grpc.port or (443 if grpc.scheme == "https" else 80),
        grpc_secure=grpc.scheme == "https",
        auth_credentials=Auth.api_key(access.api_key) if access.api_key else None,
        additional_config=AdditionalConfig(timeout=Timeout(init=5, query=LONGEST_S, insert=LONGEST_S)),
        # They ask a package registry for the newest client: nobody named that address.
        skip_init_checks=True,
    )


def _its_errors() -> tuple[type[BaseException], ...]:
    """httpx's too: the client lets some of them through, and its own surprise at what a server has, such as
    somebody else's collection with settings that it does not know."""
    import httpx
    from grpc.aio import AioRpcError
    from weaviate.exceptions import WeaviateBaseError

    return (TimeoutError, WeaviateBaseError, httpx.HTTPError, AioRpcError, KeyError)


def _failure(error: BaseException) -> ExpertError:
    """https://docs.weaviate.io/weaviate/client-libraries/python/notes-best-practices#error-handling"""
    from weaviate.exceptions import (
        AuthenticationFailedError,
        InsufficientPermissionsError,
        UnexpectedStatusCodeError,
        WeaviateInvalidInputError,
    )

    said = str(error)
    status = error.status_code if isinstance(error, UnexpectedStatusCodeError) else 0
    if isinstance(error, AuthenticationFailedError | InsufficientPermissionsError) or status in {401, 403}:
        return Unavailable("Weaviate does not let this key do that: see EXPERT_WEAVIATE_API_KEY.")
    if "could not find class" in said or "tenant not found" in said or status == 404:
        return Missing("Weaviate does not have this tenant's passages (any more): expert reindex.")
    if status == 422 or isinstance(error, WeaviateInvalidInputError):
        return Rejected(f"Weaviate refused what it was sent: {said[:300]}")
    return Unavailable("Weaviate is not answering as it should.")
