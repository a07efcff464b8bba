"""The receiver killed under load, and the database taken away from it: what was acknowledged is stored, and once."""

import asyncio
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.own_servers import in_a_folder_of_its_own, start
from tests.receiving import ask, running, stripe
from workbook.providers.webhook_load import Outcome, load, raw_request, stripe_events
from workbook.stack.postgres import Postgres
from workbook.stack.server import Server

KILLS = 20


def rows(db_url: str, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(db_url, autocommit=True) as connection:
        return connection.execute(sql.encode(), parameters).fetchall()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Load(threading.Thread):
    """Senders that repeat what was not answered until all of it is, in a thread of their own."""

    def __init__(self, url: str, requests: list[bytes], **options: Any) -> None:
        super().__init__(daemon=True)
        self._work = (url, requests, options)
        self.outcome = Outcome()

    def run(self) -> None:
        url, requests, options = self._work
        asyncio.run(load(url, requests, retries=True, outcome=self.outcome, **options))

    def acknowledged(self) -> list[int]:
        return list(self.outcome.acknowledged)

    def wait_for(self, count: int) -> None:
        while self.is_alive() and len(self.outcome.acknowledged) < count:
            time.sleep(0.001)


def signed_events(count: int, seed: int) -> tuple[list[bytes], list[str]]:
    """Give the requests, and the key of each."""
    now = datetime.now(UTC)
    bodies = list(stripe_events(count, seed=seed, duplicate_share=0.05))
    return [raw_request("stripe", body, now=now) for body in bodies], [json.loads(body)["id"] for body in bodies]


def check(db_url: str, acknowledged: set[str]) -> int:
    """Check that what was acknowledged is there, and that nothing is there twice; gives how many events there are."""
    stored = [key for [key] in rows(db_url, "SELECT key FROM ingestion.records")]
    told = Counter(key for [key] in rows(db_url, "SELECT aggregateid FROM ingestion.outbox"))
    lost = acknowledged - set(stored)
    assert not lost, f"{len(lost)} acknowledged and lost: {sorted(lost)[:3]}"
    assert told == Counter({f"stripe.events/{key}": 1 for key in stored})
    return len(stored)


@pytest.mark.slow
def test_killed_twenty_times_it_loses_nothing_that_was_acknowledged(
    db_url: str, redis_url: str, tmp_path: Path, rng: random.Random
) -> None:
    """R11: `kill -9` with work left, each time; checked after each kill and at the end."""
    port, count = free_port(), 8_000
    requests, keys = signed_events(count, rng.randrange(10**8))
    senders = Load(f"http://127.0.0.1:{port}", requests, connections=32)
    kill_at = sorted(rng.sample(range(count // 50, count - count // 10), KILLS))
    for number, when in enumerate([*kill_at, None]):
        with running(tmp_path, db_url, redis_url, port=port) as receiver:
            if number == 0:
                senders.start()
            if when is None:
                senders.join(120)
            else:
                senders.wait_for(when)
                assert senders.is_alive(), f"kill {number} found no work left"
                receiver.kill()
            assert "Traceback" not in receiver.said(), receiver.said()[-2000:]
        check(db_url, {keys[place] for place in senders.acknowledged()})
    assert sorted(senders.acknowledged()) == list(range(count))
    assert check(db_url, set(keys)) == len(set(keys))
    assert senders.outcome.broken >= KILLS
    print(f"\n{count} deliveries, {len(set(keys))} events, {KILLS} kills, {senders.outcome.broken} broken requests")


def sessions(db_url: str) -> list[int]:
    statement = """SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'webhooks' AND pid <> pg_backend_pid()"""
    return [pid for [pid] in rows(db_url, statement)]


@pytest.mark.slow
def test_sessions_killed_under_load_lose_nothing(
    db_url: str, redis_url: str, tmp_path: Path, rng: random.Random
) -> None:
    """R13: what was rolled back is stored by the sender's next attempt."""
    requests, keys = signed_events(4_000, rng.randrange(10**8))
    with running(tmp_path, db_url, redis_url) as receiver:
        senders = Load(receiver.url, requests, connections=32)
        senders.start()
        for share in range(1, 9):
            senders.wait_for(share * 400)
            for pid in sessions(db_url):
                rows(db_url, "SELECT pg_terminate_backend(%s)", pid)
        senders.join(60)
        assert sorted(senders.acknowledged()) == list(range(4_000))
        assert check(db_url, set(keys)) == len(set(keys))
        assert receiver.process.poll() is None


def block_connections(db_url: str, *, allow: bool) -> None:
    name = db_url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(db_url.replace(f"/{name}", "/postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {str(allow).lower()}'.encode())
        if not allow:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.mark.slow
def test_without_postgres_it_answers_503_and_recovers_by_itself(db_url: str, redis_url: str, tmp_path: Path) -> None:
    """R15: nothing is acknowledged, everything is told when to come back, the memory stays flat."""
    with running(tmp_path, db_url, redis_url) as receiver:
        assert ask(receiver, stripe(1)).status == 200
        before_mb = psutil.Process(receiver.process.pid).memory_info().rss / (1 << 20)
        block_connections(db_url, allow=False)
        try:
            with ThreadPoolExecutor(64) as workers:
                requests = [stripe(number, note="x" * 100_000) for number in range(2, 600)]
                began_s = time.monotonic()
                replies = list(workers.map(lambda request: ask(receiver, request), requests))
                took_s = time.monotonic() - began_s
            ready = ask(receiver, b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        finally:
            block_connections(db_url, allow=True)
        assert {reply.status for reply in replies} == {503}
        assert all(int(reply.headers["retry-after"]) >= 1 for reply in replies)
        assert {reply.json["error"] for reply in replies} == {"not stored, send it again"}
        assert (ready.status, list(ready.json)) == (503, ["error"])
        assert took_s < 60
        assert psutil.Process(receiver.process.pid).memory_info().rss / (1 << 20) - before_mb < 40
        deadline_s = time.monotonic() + 30
        while ask(receiver, stripe(1_000)).status != 200:
            assert time.monotonic() < deadline_s
            time.sleep(0.2)
        assert check(db_url, {"evt_1_1", "evt_1_1000"}) == 2


@contextmanager
def silent(server: Server) -> Iterator[None]:
    """Stop all processes of a server where they stand: it keeps its connections, and says nothing on them."""
    assert server.process
    parent = psutil.Process(server.process.pid)
    parent.suspend()  # first: from now on there are no new ones
    processes = [parent, *parent.children(recursive=True)]
    for process in processes[1:]:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in reversed(processes):
            with suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.mark.slow
def test_a_database_that_goes_silent_keeps_no_sender_waiting(redis_url: str, tmp_path: Path) -> None:
    """R15: what cannot be stored is turned away before the most impatient senders give up, and what comes behind it."""
    with in_a_folder_of_its_own(Postgres) as server:
        assert isinstance(server, Postgres)
        start(server)
        db_url = f"postgresql://postgres@127.0.0.1:{server.port}/ingestion"

        def deliver(number: int) -> tuple[int, float]:
            time.sleep(max(0, number - 100) * 0.03)
            began_s = time.monotonic()
            return ask(receiver, stripe(number, seed=70)).status, time.monotonic() - began_s

        with running(tmp_path, db_url, redis_url) as receiver, ThreadPoolExecutor(100) as workers:
            assert {status for status, _ in workers.map(deliver, range(100))} == {200}
            with silent(server):
                answers = list(workers.map(deliver, range(100, 200)))
                began_s = time.monotonic()
                assert ask(receiver, b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").status == 503
                assert time.monotonic() - began_s < 4
            assert {status for status, _ in answers} == {503}
            assert max(took_s for _, took_s in answers) < 6  # 4.8, and what a busy machine adds
            deadline_s = time.monotonic() + 30
            while deliver(100)[0] != 200:
                assert time.monotonic() < deadline_s
            assert check(db_url, {f"evt_70_{number}" for number in range(101)}) >= 101
            with silent(server):
                receiver.stop()
            assert "Traceback" not in receiver.said()


@pytest.mark.slow
def test_a_full_line_turns_away_at_once(db_url: str, redis_url: str, tmp_path: Path) -> None:
    """R15: with the table locked, what is over the bound is refused within a second, and the rest within the deadline."""
    with running(tmp_path, db_url, redis_url) as receiver, psycopg.connect(db_url) as blocker:
        assert ask(receiver, stripe(1)).status == 200
        blocker.execute("LOCK TABLE ingestion.records IN ACCESS EXCLUSIVE MODE")
        began_s = time.monotonic()
        with ThreadPoolExecutor(80) as workers:
            requests = [stripe(number, note="x" * 1_000_000) for number in range(2, 82)]
            timed = list(workers.map(lambda request: (ask(receiver, request), time.monotonic() - began_s), requests))
        blocker.rollback()
        assert {reply.status for reply, _ in timed} == {503}
        assert max(at_s for _, at_s in timed) < 12
        assert ask(receiver, stripe(3)).json == {"status": "accepted"}


def test_one_poison_event_holds_up_no_other(db_url: str, redis_url: str, tmp_path: Path) -> None:
    """R14: a row that only Postgres refuses is parked, and the others of its batch land."""
    with running(tmp_path, db_url, redis_url) as receiver:
        rows_refused = "ALTER TABLE ingestion.records ADD CHECK (key <> 'evt_1_250')"
        with psycopg.connect(db_url, autocommit=True) as connection:
            connection.execute(rows_refused.encode())
        with psycopg.connect(db_url) as blocker:  # so that they gather into few batches
            blocker.execute("LOCK TABLE ingestion.records IN ACCESS EXCLUSIVE MODE")
            with ThreadPoolExecutor(100) as workers:
                answers = [workers.submit(ask, receiver, stripe(number)) for number in range(200, 300)]
                time.sleep(1.0)
                blocker.rollback()
                said = Counter(answer.result().json["status"] for answer in answers)
        assert said == {"accepted": 99, "parked": 1}
        assert rows(db_url, "SELECT count(*) FROM ingestion.records") == [(99,)]
        [(raw,)] = rows(db_url, "SELECT raw FROM ingestion.dead_letters")
        assert json.loads(raw)["id"] == "evt_1_250"
