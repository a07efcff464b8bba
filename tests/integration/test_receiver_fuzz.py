"""The receiver against inputs that nobody would send on purpose: no 5xx, no traceback, and it lives."""

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.receiving import Reply, Running, ask, read_reply, running, signed, stripe
from workbook.providers.webhook_sender import SECRETS
from workbook.stack.databases import fresh_database

EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
)
PROVIDERS = sorted(SECRETS)


@pytest.fixture(scope="module")
def receiver(stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("fuzz")
    with fresh_database(stack["DB_URL"]) as db_url, running(folder, db_url, stack["REDIS_URL"]) as started:
        yield started
        assert started.process.poll() is None, "the process died"
        said = started.said()
        assert "Traceback" not in said, said[said.index("Traceback") :][:3000]


@pytest.mark.filterwarnings("ignore")
def test_the_openapi_document_is_kept(receiver: Running) -> None:
    """Every operation, with any path and any JSON: what is answered stands in the document."""
    schema = schemathesis.openapi.from_url(f"{receiver.url}/openapi.json")
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @EXAMPLES
        def one(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(checks=checks, timeout=20)

        one()
    assert tried >= 100


@given(data=st.binary(max_size=3_000))
@EXAMPLES
def test_any_bytes_on_the_socket(receiver: Running, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port), 20) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        reply = read_reply(connection)
    assert reply.status < 500


header_bytes = st.binary(max_size=60).filter(lambda value: b"\r" not in value and b"\n" not in value)
header_names = st.sampled_from(
    [
        b"Stripe-Signature", b"X-Hub-Signature-256", b"X-Shopify-Hmac-Sha256", b"X-Slack-Signature", b"Content-Type",
        b"X-Slack-Request-Timestamp", b"Content-Encoding", b"X-GitHub-Delivery", b"X-GitHub-Event", b"Expect",
        b"Transfer-Encoding", b"Content-Length", b"Connection", b"Upgrade", b"X-Forwarded-For", b"Host",
    ]
)  # fmt: skip


@given(
    provider=st.sampled_from([*PROVIDERS, "nobody", "..", "%00", "stripe?x=1"]),
    headers=st.lists(st.tuples(header_names, header_bytes), max_size=8),
    body=st.binary(max_size=300),
)
@EXAMPLES
def test_any_headers(receiver: Running, provider: str, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    head = f"POST /webhooks/{provider} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n".encode()
    with socket.create_connection(("127.0.0.1", receiver.port), 20) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(head + lines + b"\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
        reply = read_reply(connection)
    assert reply.status < 500
    assert reply.status != 200, "nobody signed that"


bodies = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"id": st.text(max_size=30)},
        optional={"type": st.text(), "event": st.text(), "created": st.integers() | st.floats() | st.text()},
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"event_id": st.text(max_size=30)},
        optional={"event_time": st.integers(), "event": st.dictionaries(st.text(), st.text())},
    ).map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")),
)


@given(provider=st.sampled_from(PROVIDERS), body=bodies)
@EXAMPLES
def test_any_signed_body_is_stored(receiver: Running, provider: str, body: bytes) -> None:
    """R17: accepted, duplicate or parked; whatever its sender has signed is kept."""
    reply: Reply = ask(receiver, signed(body, provider))
    assert reply.status == 200, (reply.status, reply.body)
    assert reply.json["status"] in ("accepted", "duplicate", "parked")


def test_after_all_that_it_works(receiver: Running) -> None:
    assert ask(receiver, stripe(77)).json == {"status": "accepted"}
