"""Vendors on loopback: a proxy that answers HTTPS requests from a table, so that the vendors' own client code runs unchanged.

The client is pointed at the proxy by ``HTTPS_PROXY`` and trusts its throw-away authority by ``REQUESTS_CA_BUNDLE`` (``CURL_CA_BUNDLE`` for
curl). It asks for a tunnel (CONNECT), the proxy ends TLS itself with a certificate for the host asked for, and answers. A host or
path without an answer gets 599, and is counted in ``missed``: nothing ever leaves the machine.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import trustme


@dataclass
class Answer:
    """What a path is answered with; ``body`` may be bytes, text, or anything JSON can hold."""

    body: Any = ""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)).encode()


Respond = Callable[[dict[str, str]], Answer]


class Vendors(ThreadingHTTPServer):
    """The proxy: ``answers[host, path]`` is an :class:`Answer` or a function of the query; ``seen`` and ``missed`` record requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, authority: trustme.CA) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.authority = authority
        self.answers: dict[tuple[str, str], Answer | Respond] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.missed: list[tuple[str, str]] = []
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def context(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.set_alpn_protocols(["http/1.1"])
                self.authority.issue_cert(host).configure_cert(context)
                self._contexts[host] = context
            return self._contexts[host]

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.seen]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is nothing to report."""


class _Tunnel(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Vendors
    host = ""

    def do_CONNECT(self) -> None:
        self.host = self.path.rpartition(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.context(self.host).wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb", -1), self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        host, query = self.host or url.hostname or "", dict(parse_qsl(url.query, keep_blank_values=True))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((host, url.path, query))
        found = self.server.answers.get((host, url.path))
        if found is None:
            self.server.missed.append((host, url.path))
            found = Answer("no answer is set for this path", 599, "text/plain")
        answer = found if isinstance(found, Answer) else found(query)
        body = answer.payload()
        self.send_response(answer.status)
        for name, value in {"Content-Type": answer.content_type, "Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.rfile.close()
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output to the test."""


@contextmanager
def vendors(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Vendors]:
    """Run a proxy and point this process's HTTPS clients at it; ``folder`` takes the authority's certificate."""
    authority = trustme.CA()
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    server = Vendors(authority)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    for name in ("HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_port}")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(bundle))
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
