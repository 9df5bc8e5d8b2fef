"""A server that answers as OpenAI's chat completions do: where it is, and one careful request to it.

The key goes into one header and nowhere else: no message, no representation, no file holds it. Redirects are not followed, so that it
cannot be sent on. Pauses between attempts grow, carry jitter, and are never shorter than the server's ``Retry-After``.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from research.errors import SourceError, UsageError

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from urllib3 import BaseHTTPResponse

__all__ = ["Completion", "Endpoint", "NoAnswer", "poster"]

#: a larger answer is not read to its end
_LARGEST = 4_000_000
#: statuses that may pass by themselves
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
#: statuses that are the same for every document: wrong key, wrong address
_FINAL = frozenset({401, 403, 404, 405})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers, and how hard it is asked.

    Parameters
    ----------
    url
        Address of the server: ``http://127.0.0.1:8000``, with ``/v1`` or with the whole ``/v1/chat/completions``. Only http and https.
    model
        Name the server knows the model by; it becomes part of the annotator's name.
    api_key
        Sent as a bearer token, and shown, logged and stored nowhere. It is only sent over https, or to this machine.
    timeout
        Seconds an answer may take, from the request to its last byte.
    max_concurrency
        Documents asked for at once.
    attempts, wait, longest_wait
        How often a request is tried, the first pause in seconds (it doubles, with jitter; ``Retry-After`` lengthens it), and the longest
        pause there may be: a server that asks for a longer one is given up.
    max_characters
        A longer text is not sent but quarantined; the rules' reading stands.
    seed
        Sent with every request; the second request after a malformed answer has the next one.

    Raises
    ------
    UsageError
        For an address that is not http(s) or holds a user, a key that would go over the wire in clear text, a number out of range.
    """

    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 60.0
    max_concurrency: int = 4
    attempts: int = 5
    wait: float = 1.0
    longest_wait: float = 120.0
    max_characters: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
            # The address is not repeated: a user or a query may hold a secret.
            raise UsageError("The model's address is not of the form http(s)://host[:port][/v1]; give it without user, query or fragment.")
        if not self.model or not self.model.isprintable():
            raise UsageError(f"The model is called {self.model!r}; expected the name the server knows it by.")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable() and " " not in self.api_key):
            raise UsageError("The key of the model's server has spaces or characters that no header may hold; expected one word of ASCII.")
        if self.api_key and parts.scheme == "http" and not _loopback(parts.hostname):
            raise UsageError(f"The key would go to {parts.hostname} in clear text; expected an https address, or one on this machine.")
        if min(self.timeout, self.max_concurrency, self.attempts, self.max_characters) <= 0 or min(self.wait, self.longest_wait) < 0:
            raise UsageError("Time-out, concurrency, attempts and characters of an endpoint are to be more than 0, waits not less than 0.")

    @property
    def address(self) -> str:
        """The whole address requests go to."""
        base = self.url.rstrip("/")
        if base.endswith("/chat/completions"):
            return base
        return f"{base}/chat/completions" if base.endswith("/v1") else f"{base}/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Completion:
    """What the server answered: the whole body, and how many requests it took."""

    body: bytes
    requests: int


class NoAnswer(Exception):
    """The server gave no answer to one request body, after so many ``requests``."""

    def __init__(self, reason: str, requests: int) -> None:
        super().__init__(reason)
        self.requests = requests


class _Passing(Exception):
    """A request that may succeed later; ``retry_after`` is what the server asked for, in seconds."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class _Refused(Exception):
    """A request that is turned down for good."""


@contextmanager
def poster(endpoint: Endpoint) -> Iterator[Callable[[Mapping[str, Any]], Completion]]:
    """Give a function, safe to call from several threads, that posts one body as JSON and returns the completion.

    It raises :class:`NoAnswer` when the attempts are used up or this body is refused, and
    :class:`~research.errors.SourceError` when the server refuses the key or the address: that would be so for every body.
    """
    import urllib3
    from tenacity import Retrying, retry_if_exception_type

    pool = urllib3.PoolManager(maxsize=endpoint.max_concurrency, retries=False)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"

    def send(data: bytes) -> bytes:
        deadline = monotonic() + endpoint.timeout
        try:
            # The time-out of urllib3 is one of silence: a server that trickles is stopped by the deadline.
            response = pool.request(
                "POST", endpoint.address, body=data, headers=headers, timeout=endpoint.timeout, redirect=False, preload_content=False
            )
            try:
                body = _body(response, deadline)
            except BaseException:
                # Only an answer read to its end leaves a connection that can be used again.
                response.close()
                raise
            response.release_conn()
        except urllib3.exceptions.NewConnectionError:
            raise _Passing("no connection") from None  # urllib3 counts it among the time-outs
        except (urllib3.exceptions.TimeoutError, TimeoutError):
            raise _Passing(f"no answer within {endpoint.timeout:g} s") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _Passing(f"connection lost, {type(error).__name__}") from None
        if response.status == 200:
            return body
        reason = f"status {response.status}{_said(body, endpoint)}"
        if response.status in _PASSING:
            raise _Passing(reason, _retry_after(response.headers))
        if response.status in _FINAL:
            raise SourceError(
                f"{endpoint.address} refused the request ({reason}); expected it to answer chat completions: check address, model and key."
            )
        raise _Refused(reason)

    def pause(state: RetryCallState) -> float:
        return _pause(endpoint, state)

    def stop(state: RetryCallState) -> bool:
        return state.attempt_number >= endpoint.attempts or _asked_for(state) > endpoint.longest_wait

    def post(body: Mapping[str, Any]) -> Completion:
        retrying = Retrying(retry=retry_if_exception_type(_Passing), stop=stop, wait=pause, reraise=True)
        try:
            answer = retrying(send, json.dumps(body).encode("ascii"))
        except (_Passing, _Refused) as error:
            raise NoAnswer(str(error), retrying.statistics["attempt_number"]) from None
        return Completion(answer, retrying.statistics["attempt_number"])

    try:
        yield post
    finally:
        pool.clear()


def _body(response: BaseHTTPResponse, deadline: float) -> bytes:
    read = bytearray()
    while part := response.read1(65_536, decode_content=True):
        read += part
        if len(read) > _LARGEST:
            raise _Refused(f"an answer of more than {_LARGEST:,} bytes")
        if monotonic() > deadline:
            raise TimeoutError
    return bytes(read)


def _pause(endpoint: Endpoint, state: RetryCallState) -> float:
    from tenacity import wait_exponential, wait_random

    usual = wait_exponential(multiplier=endpoint.wait, max=endpoint.longest_wait) + wait_random(0, endpoint.wait)
    return max(usual(state), _asked_for(state))


def _asked_for(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.retry_after if isinstance(error, _Passing) else 0.0


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds ``Retry-After`` asks for, 0.0 without a readable one; a date counts from the answer's own ``Date``."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _said(body: bytes, endpoint: Endpoint) -> str:
    """Return the beginning of an error's text, without the key that some servers repeat in it."""
    said = " ".join(body[:4_000].decode("utf-8", "replace").split())
    if endpoint.api_key:
        said = said.replace(endpoint.api_key, "[key]")
    return f": {said[:160]}" if said else ""


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
