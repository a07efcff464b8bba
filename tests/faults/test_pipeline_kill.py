"""The pipeline killed: whatever dies when, the next run ends in the same table."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from workbook.stack.databases import fresh_database

Api = Callable[..., Any]
TABLE = "SELECT source, stream, key, payload::text, occurred_at, content_hash FROM ingestion.records ORDER BY key"


def command(db_url: str, redis_url: str, base_url: str) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "DB_URL": db_url,
        "REDIS_URL": redis_url,
        "REST_API_URL": base_url,
        "INGESTION_RATE_PER_S": "1000",
        "INGESTION_LOOKBACK_S": "0",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ingestion.pipeline"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def table(db_url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(db_url) as connection:
        return connection.execute(TABLE).fetchall()


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline_s = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline_s, "the run did not get that far"
        time.sleep(0.005)


@pytest.mark.parametrize("page", range(6))
def test_killed_at_every_page_the_next_run_ends_in_the_same_table(
    api: Api, db_url: str, redis_url: str, page: int
) -> None:
    """P11, G6: 0 rows lost or doubled; at most one page is fetched twice."""
    session = api(latency_ms=60)
    process = command(db_url, redis_url, session.base_url)
    wait_for(lambda: session.requests() >= page, process)
    process.kill()
    process.communicate()
    again = command(db_url, redis_url, session.base_url)
    output, errors = again.communicate(timeout=60)
    assert again.returncode == 0, errors
    assert session.requests() <= 5 + 1, output
    fresh = api()
    landed = table(db_url)
    assert len(landed) == 500
    third = command(db_url, redis_url, fresh.base_url)
    assert third.communicate(timeout=60)[0].startswith("0 records ingested across 1 paginated page\n")
    assert table(db_url) == landed


@pytest.mark.slow
@pytest.mark.parametrize("chain", range(4))
def test_twenty_kills_at_random_moments(api: Api, stack: dict[str, str], redis_url: str, chain: int) -> None:
    """G6: five kills one after the other on each of four databases; each costs at most one page fetched twice."""
    moments = random.Random(20260323 + chain)
    with fresh_database(stack["DB_URL"]) as undisturbed_url, fresh_database(stack["DB_URL"]) as killed_url:
        session = api(latency_ms=40)
        started_s = time.monotonic()
        finish(command(undisturbed_url, redis_url, session.base_url))
        took_s = time.monotonic() - started_s
        pages = {call["query"] for call in session.journal()}
        session = api(latency_ms=40)
        for _ in range(5):
            process = command(killed_url, redis_url, session.base_url)
            time.sleep(moments.uniform(0.3, 1.0) * took_s)
            process.kill()
            process.communicate()
        finish(command(killed_url, redis_url, session.base_url))
        fetched = [call["query"] for call in session.journal() if call["query"] in pages]
        assert len(pages) == 5
        assert len(fetched) <= 5 + 5
        assert table(killed_url) == table(undisturbed_url)
        assert len(table(killed_url)) == 500


def finish(process: "subprocess.Popen[str]") -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_the_batch_in_hand(
    api: Api, db_url: str, redis_url: str, number: signal.Signals
) -> None:
    session = api(latency_ms=300)
    process = command(db_url, redis_url, session.base_url)
    wait_for(lambda: session.requests() >= 3, process)
    started_s = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - started_s < 5
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    landed = len(table(db_url))
    assert landed % 100 == 0
    assert output.startswith(f"{landed} records ingested across {landed // 100} paginated pages\n")
    assert 100 <= landed < 500


def test_a_second_run_refuses_while_the_first_holds_the_source(api: Api, db_url: str, redis_url: str) -> None:
    """W10: by a lease that dies with its holder."""
    slow, quick = api(latency_ms=5_000), api()
    first = command(db_url, redis_url, slow.base_url)
    wait_for(lambda: slow.requests() >= 1, first)
    second = command(db_url, redis_url, quick.base_url)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 75
    assert "being read by" in errors.splitlines()[-1]
    first.kill()
    first.communicate()
    third = command(db_url, redis_url, quick.base_url)
    third.communicate(timeout=60)
    assert third.returncode == 0
    assert len(table(db_url)) == 500


def test_a_database_that_goes_away_costs_one_line_and_no_row(api: Api, db_url: str, redis_url: str) -> None:
    session = api(latency_ms=200)
    process = command(db_url, redis_url, session.base_url)
    wait_for(lambda: session.requests() >= 3, process)
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 69, errors
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("error: Postgres")
    again = command(db_url, redis_url, session.base_url)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert len(table(db_url)) == 500
