"""The receiver as it is run: uvicorn in a process of its own, Postgres and Redis behind it, raw bytes in front."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from ingestion.webhooks.limits import Limits
from tests.octokit_payloads import MissingError, SignedPayload, signed_payloads
from tests.receiving import Reply, Running, ask, read_reply, running, signed, stripe
from workbook.providers.webhook_load import raw_request, run_load
from workbook.providers.webhook_sender import SECRETS, load_deliveries, sign
from workbook.stack.databases import fresh_database

STANDARD = base64.b64encode(bytes(range(32))).decode()
LIMIT = Limits().body_bytes


@pytest.fixture(scope="module")
def database(stack: dict[str, str]) -> Iterator[str]:
    with fresh_database(stack["DB_URL"]) as url:
        yield url


@pytest.fixture(scope="module")
def receiver(database: str, stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests of this file: they use keys of their own."""
    secrets = {**SECRETS, "standard": f"whsec_{STANDARD}"}
    with running(tmp_path_factory.mktemp("receiver"), database, stack["REDIS_URL"], secrets=secrets) as started:
        yield started
        assert started.process.poll() is None, "the process died"


def rows(db_url: str, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(db_url, autocommit=True) as connection:
        return connection.execute(sql.encode(), parameters).fetchall()


def outbox_keys(db_url: str) -> list[str]:
    return [key for [key] in rows(db_url, "SELECT aggregateid FROM ingestion.outbox")]


def test_a_delivery_is_accepted_and_its_event_is_in_the_table_and_in_the_outbox(
    receiver: Running, database: str
) -> None:
    reply = ask(receiver, stripe(1, type="charge.refunded"))
    assert (reply.status, reply.json) == (200, {"status": "accepted"})
    [(payload,)] = rows(database, "SELECT payload FROM ingestion.records WHERE key = 'evt_1_1'")
    assert (payload["id"], payload["type"], payload["data"]["id"]) == ("evt_1_1", "charge.refunded", "evt_1_1")
    assert outbox_keys(database).count("stripe.events/evt_1_1") == 1


def test_a_duplicate_is_answered_200_and_changes_nothing(receiver: Running, database: str) -> None:
    """R16; first wins: Stripe's second attempt has another `pending_webhooks`."""
    assert ask(receiver, stripe(2, pending_webhooks=2)).json == {"status": "accepted"}
    assert ask(receiver, stripe(2, pending_webhooks=1)).json == {"status": "duplicate"}
    [(data,)] = rows(database, "SELECT payload -> 'data' FROM ingestion.records WHERE key = 'evt_1_2'")
    assert data["pending_webhooks"] == 2
    assert outbox_keys(database).count("stripe.events/evt_1_2") == 1


def test_the_same_body_under_a_new_unsigned_id_is_a_duplicate(receiver: Running) -> None:
    """R7."""
    for provider, name in (("github", "X-GitHub-Delivery"), ("shopify", "X-Shopify-Event-Id")):
        first = ask(receiver, signed(b'{"r":7}', provider, **{name: "one"}))
        again = ask(receiver, signed(b'{"r":7}', provider, **{name: "two"}))
        assert [first.json["status"], again.json["status"]] == ["accepted", "duplicate"], provider


def test_standard_webhooks(receiver: Running) -> None:
    body, now = b'{"type":"ping","data":{}}', str(int(time.time()))
    mac = hmac.new(bytes(range(32)), b"msg_1." + now.encode() + b"." + body, hashlib.sha256).digest()
    head = {
        "webhook-id": "msg_1",
        "webhook-timestamp": now,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    request = (
        f"POST /webhooks/standard HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body
    )
    assert ask(receiver, request).json == {"status": "accepted"}
    assert ask(receiver, request).json == {"status": "duplicate"}


def change(request: bytes, what: bytes, into: bytes) -> bytes:
    assert what in request
    return request.replace(what, into)


def bare(head: str, body: bytes = b"{}") -> bytes:
    return f"{head}\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


REFUSALS = {
    "no signature": (401, bare("POST /webhooks/stripe HTTP/1.1")),
    "spelled anew": (401, change(signed(b'{"id": "evt_x"}'), b'{"id": "evt_x"}', b'{"id" :"evt_x"}')),
    "unknown provider": (404, bare("POST /webhooks/nobody HTTP/1.1")),
    "no provider": (404, bare("POST /webhooks/ HTTP/1.1")),
    "a deeper path": (404, bare("POST /webhooks/stripe/more HTTP/1.1")),
    "not a POST": (405, bare("PUT /webhooks/stripe HTTP/1.1")),
    "GET": (405, b"GET /webhooks/stripe HTTP/1.1\r\nHost: a\r\n\r\n"),
    "compressed": (415, signed(gzip.compress(b"{}"), Content_Encoding="gzip")),
    "a form": (415, change(stripe(3), b"application/json", b"application/x-www-form-urlencoded")),
    "type twice": (400, signed(b"{}", content_type="text/plain")),
    "large headers": (431, signed(b"{}", X_Padding="x" * 40_000)),
    "many headers": (431, signed(b"{}", **{f"X_{number}": "y" * 100 for number in range(400)})),
    "declared too large": (413, bare("POST /webhooks/stripe HTTP/1.1").replace(b"Length: 2", b"Length: 999999999")),
    "declared absurdly": (413, bare("POST /webhooks/stripe HTTP/1.1").replace(b"Length: 2", b"Length: 9" + b"0" * 17)),
    "two signatures": (400, signed(b"{}", Stripe_Signature="t=1,v1=00")),
    "no HTTP": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_why(receiver: Running, case: str) -> None:
    status, request = REFUSALS[case]
    reply = ask(receiver, request)
    assert reply.status == status, reply.body
    if case != "no HTTP":  # that one is uvicorn's own answer
        assert list(reply.json) == ["error"]
        assert 5 < len(reply.json["error"]) < 120
    if status == 405:
        assert reply.headers["allow"] == "POST"


def rss_mb(receiver: Running) -> float:
    return float(psutil.Process(receiver.process.pid).memory_info().rss) / (1 << 20)


@pytest.mark.parametrize("is_declared", [True, False], ids=["with Content-Length", "chunked"])
def test_a_huge_body_is_refused_before_it_is_buffered(receiver: Running, is_declared: bool) -> None:
    """R9: 300 MB are on offer; the receiver's memory does not grow by them, and the answer comes."""
    before_mb, sent = rss_mb(receiver), 0
    about = b"Content-Length: 300000000" if is_declared else b"Transfer-Encoding: chunked"
    piece = bytes(65_536) if is_declared else b"10000\r\n" + bytes(65_536) + b"\r\n"
    with socket.create_connection(("127.0.0.1", receiver.port), 20) as connection:
        connection.sendall(b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\n" + about + b"\r\n\r\n")
        try:
            while sent < 300_000_000:
                connection.settimeout(3)
                sent += connection.send(piece)
        except OSError:
            pass
        reply = read_reply(connection)
    assert reply.status == 413, (sent, reply.body)
    assert rss_mb(receiver) - before_mb < 8


CHUNKED = b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "trailers": (CHUNKED + b"1\r\nx\r\n0\r\n", b"X-Trailer: " + b"y" * 60_000 + b"\r\n"),
    "one trailer": (CHUNKED + b"1\r\nx\r\n0\r\nX-Trailer: ", b"y" * 60_000),
    "the size of a chunk": (CHUNKED, b"0" * 60_000),
    "a chunk's extension": (CHUNKED + b"1;a=", b"y" * 60_000),
    "trailers elsewhere": (
        CHUNKED.replace(b"/webhooks/stripe", b"/healthz") + b"0\r\n",
        b"X-Trailer: " + b"y" * 60_000 + b"\r\n",
    ),
    "a head after a body that nobody read": (
        b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
        b"xGET /healthz HTTP/1.1\r\nX-Header: " + b"y" * 60_000,
    ),
    "requests ahead": (b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 2_000),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_what_has_no_end_and_is_no_body_is_cut_off(receiver: Running, case: str) -> None:
    """R9: uvicorn keeps trailers of any size, and any number of requests that were sent ahead."""
    start, piece = ENDLESS[case]
    before_mb, sent = rss_mb(receiver), 0
    with socket.create_connection(("127.0.0.1", receiver.port), 20) as connection:
        connection.sendall(start)
        time.sleep(0.2)
        connection.settimeout(3)
        try:
            while sent < 60_000_000:
                sent += connection.send(piece)
        except OSError:
            pass
    assert sent < 60_000_000
    assert rss_mb(receiver) - before_mb < 16
    assert ask(receiver, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").json == {"status": "alive"}


@pytest.mark.parametrize("wish", ["h2c", "websocket"])
def test_a_wish_for_another_protocol_is_passed_over(receiver: Running, wish: str) -> None:
    """Java's own client asks for HTTP/2 with the first request of a connection, and goes on with HTTP/1.1 on it."""
    about = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": wish, "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABk"}
    body = json.dumps({"id": f"evt_{wish}", "note": "\r\nUpgrade: h2c\r\n"}).encode()
    with socket.create_connection(("127.0.0.1", receiver.port), 20) as connection:
        connection.sendall(signed(body, **about))
        assert read_reply(connection).json == {"status": "accepted"}
        connection.sendall(signed(body))
        assert read_reply(connection).json == {"status": "duplicate"}


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(receiver: Running) -> None:
    fixed = len(b'{"id":"evt_large","note":""}')
    body = b'{"id":"evt_large","note":"%b"}' % (b"x" * (LIMIT - fixed))
    assert len(body) == LIMIT
    assert ask(receiver, signed(body)).json == {"status": "accepted"}
    reply = ask(receiver, signed(body.replace(b'"}', b'x"}')))
    assert reply.status == 413


def test_the_limit_of_a_body_is_a_setting(
    tmp_path: Path, db_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_BODY_BYTES", str(2 * LIMIT))
    with running(tmp_path, db_url, redis_url) as receiver:
        assert ask(receiver, stripe(note="x" * LIMIT)).json == {"status": "accepted"}
        assert ask(receiver, stripe(note="x" * 2 * LIMIT)).status == 413


def test_a_chunked_body_is_as_good_as_any(receiver: Running) -> None:
    request = stripe(4)
    head, _, body = request.partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:100], body[100:]))
    assert ask(receiver, head + b"\r\n\r\n" + chunks + b"0\r\n\r\n").json == {"status": "accepted"}


def test_one_connection_serves_many_deliveries_also_pipelined(receiver: Running) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port), 20) as connection:
        for number in range(10, 13):
            connection.sendall(stripe(number))
            assert read_reply(connection).json == {"status": "accepted"}
        connection.sendall(stripe(13) + stripe(13))
        data = b""
        while data.count(b'"status"') < 2:
            data += connection.recv(65_536)
        assert b"accepted" in data
        assert b"duplicate" in data


STRANGE = {
    "not UTF-8": b'{"id": "\xff"}',
    "not JSON": b"<xml/>",
    "empty": b"",
    "NUL": b'{"id": "evt_nul", "note": "a\\u0000b"}',
    "NaN": b'{"id": "evt_nan", "amount": NaN}',
    "half a surrogate pair": b'{"id": "evt_half", "note": "\\ud83d"}',
    "deep": b'{"id": "evt_deep", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number too large": b'{"id": "evt_big", "n": 1e400}',
    "no id": b'{"type": "charge.succeeded"}',
    "an id that is none": b'{"id": 17}',
    "a string": b'"evt"',
}


@pytest.mark.parametrize("case", STRANGE)
def test_a_signed_body_that_is_no_event_is_parked_byte_for_byte(receiver: Running, database: str, case: str) -> None:
    """R17: it is stored, so it is answered 200: sending it again would not mend it."""
    body = STRANGE[case]
    reply = ask(receiver, signed(body))
    assert (reply.status, reply.json) == (200, {"status": "parked"})
    letters = rows(
        database, "SELECT raw, reason FROM ingestion.dead_letters WHERE source = 'stripe' AND raw = %s", body
    )
    assert len(letters) == 1
    assert letters[0][1]


def test_a_number_beyond_64_bits_is_no_reason_to_park(receiver: Running, database: str) -> None:
    assert ask(receiver, signed(b'{"id": "evt_int", "n": 123456789012345678901234567890}')).status == 200
    found = rows(database, "SELECT payload #>> '{data,n}' FROM ingestion.records WHERE key = 'evt_int'")
    assert found == [("123456789012345678901234567890",)]


def test_slacks_question_is_answered_and_stored_nowhere(receiver: Running, database: str) -> None:
    question = b'{"type": "url_verification", "challenge": "3eZbrw1a"}'
    reply = ask(receiver, signed(question, "slack"))
    assert (reply.status, reply.json) == (200, {"challenge": "3eZbrw1a"})
    assert ask(receiver, change(signed(question, "slack"), b"3eZbrw1a", b"3eZbrw1b")).status == 401
    assert rows(database, "SELECT count(*) FROM ingestion.dead_letters WHERE raw = %s", question) == [(0,)]


def test_githubs_own_examples_are_all_stored(receiver: Running, database: str) -> None:
    """Signed by GitHub's own library, in the bytes that it signed."""
    try:
        payloads = signed_payloads(SECRETS["github"])
    except MissingError as missing:
        pytest.skip(str(missing))

    def deliver(numbered: tuple[int, SignedPayload]) -> str:
        number, payload = numbered
        about = {**payload.headers(f"octokit-{number}"), "Host": "a", "Content-Length": str(len(payload.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in about.items())
        reply = ask(receiver, f"POST /webhooks/github HTTP/1.1\r\n{lines}\r\n".encode() + payload.body)
        assert reply.status == 200, (payload.name, reply.body)
        return str(reply.json["status"])

    with ThreadPoolExecutor(16) as workers:
        answers = Counter(workers.map(deliver, enumerate(payloads)))
    different = {(payload.name, payload.body) for payload in payloads}
    assert answers == Counter(accepted=len(different), duplicate=len(payloads) - len(different))
    stored = rows(
        database,
        "SELECT payload ->> 'type', payload -> 'data' FROM ingestion.records WHERE payload ->> 'id' LIKE 'octokit-%%'",
    )
    assert sorted((kind, json.dumps(data, sort_keys=True)) for kind, data in stored) == sorted(
        (name, json.dumps(json.loads(body), sort_keys=True)) for name, body in different
    )


def test_many_workers_with_one_event_store_it_once(receiver: Running, database: str) -> None:
    """R12."""
    request = stripe(99)
    with ThreadPoolExecutor(24) as workers:
        replies = list(workers.map(lambda _: ask(receiver, request), range(96)))
    assert Counter(reply.json.get("status") for reply in replies) == {"accepted": 1, "duplicate": 95}
    assert len(rows(database, "SELECT 1 FROM ingestion.records WHERE key = 'evt_1_99'")) == 1
    assert outbox_keys(database).count("stripe.events/evt_1_99") == 1


def test_two_processes_with_the_same_events_store_each_once(
    receiver: Running, database: str, redis_url: str, tmp_path: Path
) -> None:
    """R12, across processes."""
    with running(tmp_path, database, redis_url) as other, ThreadPoolExecutor(16) as workers:
        requests = [stripe(number, seed=12) for number in range(50)]
        both = [(to, request) for request in requests for to in (receiver, other)]
        answers = Counter(reply.json["status"] for reply in workers.map(lambda each: ask(*each), both))
    assert answers == {"accepted": 50, "duplicate": 50}
    assert rows(database, "SELECT count(*) FROM ingestion.records WHERE key LIKE 'evt_12_%%'") == [(50,)]


def test_the_1500_stored_deliveries_are_1425_events(stack: dict[str, str], redis_url: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with fresh_database(stack["DB_URL"]) as db_url, running(tmp_path, db_url, redis_url) as started:
        answers: Counter[str] = Counter()
        with ThreadPoolExecutor(16) as workers:

            def deliver(delivery: Any) -> Reply:
                head = sign(delivery, SECRETS[delivery.provider], now)
                lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
                about = f"Host: a\r\nContent-Length: {len(delivery.body)}\r\n{lines}"
                start = f"POST /webhooks/{delivery.provider} HTTP/1.1\r\n"
                return ask(started, f"{start}{about}\r\n".encode() + delivery.body)

            for reply in workers.map(deliver, load_deliveries()):
                assert reply.status == 200, reply.body
                answers[reply.json["status"]] += 1
        assert answers == {"accepted": 1425, "duplicate": 75}
        assert rows(db_url, "SELECT count(*) FROM ingestion.records") == [(1425,)]
        assert len(outbox_keys(db_url)) == len(set(outbox_keys(db_url))) == 1425


def test_no_secret_and_no_body_is_ever_logged(database: str, redis_url: str, tmp_path: Path) -> None:
    """R18, at the most talkative level."""
    marked = "s3cr3t-body-mark"
    with running(tmp_path, database, redis_url, options="--log-level trace") as started:
        body = json.dumps({"id": "evt_18", "note": marked}).encode()
        replies = [
            ask(started, signed(body)),
            ask(started, change(signed(body), b"evt_18", b"evt_19")),
            ask(started, signed(body[:-1])),
            ask(started, signed(body, X_Secret=SECRETS["stripe"], Content_Encoding="gzip")),
            ask(started, bare("POST /webhooks/stripe HTTP/1.1", body)),
        ]
        assert [reply.status for reply in replies] == [200, 401, 200, 415, 401]
        started.stop()
        said = started.said() + "".join(reply.body.decode() for reply in replies)
    assert marked not in said
    assert all(secret not in said for secret in SECRETS.values())


def test_wrong_settings_end_the_start_with_one_line(database: str, redis_url: str, tmp_path: Path) -> None:
    """R6, R18."""
    for secrets, named in ({"stripe": ""}, "WEBHOOK_SECRETS"), ({"standard": "whsec_short"}, "WEBHOOK_SECRETS"):
        with pytest.raises(AssertionError) as ended, running(tmp_path, database, redis_url, secrets=secrets):
            pass
        said = str(ended.value).partition("\nassert ")[0]
        assert named in said
        assert "Traceback" not in said
        assert "whsec_short" not in said


@pytest.mark.parametrize("option", ["socket_timeout=abc", "bogus=1", "protocol=9"])
def test_a_wrong_option_of_redis_ends_the_start_with_one_line(database: str, tmp_path: Path, option: str) -> None:
    with (
        pytest.raises(AssertionError) as ended,
        running(tmp_path, database, f"redis://u:s3cr3t@127.0.0.1:1/0?{option}"),
    ):
        pass
    said = str(ended.value).partition("\nassert ")[0]
    assert "REDIS_URL has an option that is wrong" in said
    assert "Traceback" not in said
    assert "s3cr3t" not in said


def test_a_receiver_that_cannot_start_does_not_serve() -> None:
    """Uvicorn takes an application whose lifespan raises for one without a lifespan, and serves it all the same."""
    from ingestion.webhooks.receiver import Receiver

    said: list[Any] = []

    async def main() -> None:
        async def send(message: Any) -> None:
            said.append(message)

        async def receive() -> Any:
            return {"type": "lifespan.startup"}

        def load_settings() -> Any:
            raise KeyError("s3cr3t")

        with pytest.raises(KeyError):
            await Receiver(load_settings)({"type": "lifespan"}, receive, send)

    asyncio.run(main())
    assert said == [{"type": "lifespan.startup.failed", "message": "a bug: KeyError"}]


def test_health_readiness_and_metrics(receiver: Running) -> None:
    def get(path: str) -> Reply:
        return ask(receiver, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert get("/healthz").json == {"status": "alive"}
    assert get("/readyz").json == {"status": "ready"}
    ask(receiver, bare("POST /webhooks/evil%22%0Aname HTTP/1.1"))
    ask(receiver, stripe(20))
    text = get("/metrics").body.decode()
    counted = dict(re.findall(r"^(\S+) (\S+)$", text, re.MULTILINE))
    assert int(counted['webhook_answers_total{provider="stripe",answer="accepted"}']) >= 1
    assert int(counted['webhook_answers_total{provider="unknown",answer="404"}']) >= 1
    assert counted["webhook_waiting"] == "0"
    assert counted["webhook_batch_deliveries_count"] == counted['webhook_batch_deliveries_bucket{le="+Inf"}']
    assert "evil" not in text


def test_the_openapi_document_shows_the_webhook(receiver: Running) -> None:
    document = ask(receiver, b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n").json
    operation = document["paths"]["/webhooks/{provider}"]["post"]
    assert {"200", "401", "404", "405", "413", "415", "503"} <= set(operation["responses"])
    assert ask(receiver, b"GET /docs HTTP/1.1\r\nHost: a\r\n\r\n").status == 200


def test_sigterm_answers_what_was_taken_in(db_url: str, redis_url: str, tmp_path: Path) -> None:
    """Every request that was read before the signal is answered; the process ends by itself; the ledger is closed."""
    with running(tmp_path, db_url, redis_url) as started:

        def one(number: int) -> Reply:
            return ask(started, stripe(number, seed=30))

        with ThreadPoolExecutor(32) as workers:
            answers = [workers.submit(one, number) for number in range(400)]
            while sum(answer.done() for answer in answers) < 100:
                time.sleep(0.001)
            assert started.stop() == -15 or started.process.returncode == 0
            replies = []
            for answer in answers:
                try:
                    replies.append(answer.result())
                except OSError:
                    continue  # came when nobody listened any more
        accepted = [reply for reply in replies if reply.status == 200]
        assert all(reply.status in (0, 200) for reply in replies)
        assert len(accepted) >= 100
    stored = rows(db_url, "SELECT count(*) FROM ingestion.records WHERE key LIKE 'evt_30_%%'")[0][0]
    assert stored >= len(accepted)
    runs = rows(db_url, "SELECT status, sum(inserted) FROM ingestion.runs GROUP BY status")
    assert runs == [("succeeded", stored)]


def test_with_redis_down_it_receives_all_the_same(database: str, tmp_path: Path) -> None:
    """D2: the filter is a matter of speed only."""
    with running(tmp_path, database, "redis://127.0.0.1:1/0") as started:
        assert ask(started, stripe(1, seed=40)).json == {"status": "accepted"}
        assert ask(started, stripe(1, seed=40)).json == {"status": "duplicate"}


def test_a_duplicate_storm_is_answered_without_a_write(database: str, redis_url: str, tmp_path: Path) -> None:
    with running(tmp_path, database, redis_url) as started:
        first = run_load(started.url, "--connections", "16", "--count", "300", "--duplicates", "0", "--seed", "55")
        assert first.answers == {"accepted": 300}
        for _ in range(6):
            again = run_load(started.url, "--connections", "16", "--count", "300", "--duplicates", "0", "--seed", "55")
            assert again.answers == {"duplicate": 300}


def test_every_kind_of_address_meets_the_same_front(receiver: Running) -> None:
    """Signed requests from raw_request and from a proxy that adds headers are equal."""
    request = raw_request("stripe", b'{"id":"evt_proxy"}', now=datetime.now(UTC))
    more = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nHost:"
    assert ask(receiver, request.replace(b"Host:", more, 1)).json == {"status": "accepted"}


def test_the_event_loop_is_the_receivers_alone() -> None:
    """Importing the application opens nothing and needs no settings."""
    from ingestion.webhooks.receiver import Receiver

    said: list[Any] = []

    async def main() -> None:
        async def send(message: Any) -> None:
            said.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/readyz",
            "headers": [],
            "query_string": b"",
            "root_path": "",
        }
        await Receiver()(
            {**scope, "http_version": "1.1", "scheme": "http", "server": ("a", 1), "client": ("b", 2)}, receive, send
        )

    asyncio.run(main())
    assert said[0]["status"] == 503
