"""The pipeline as its operator meets it: what it prints, how it ends, what it leaves in the database."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Api = Callable[..., Any]


@pytest.fixture
def run(db_url: str, redis_url: str) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    def run(base_url: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        settings = {"DB_URL": db_url, "REDIS_URL": redis_url, "REST_API_URL": base_url}
        environment = {**os.environ, **settings, "INGESTION_RATE_PER_S": "1000", **variables}
        line = [sys.executable, "-m", "ingestion.pipeline", *arguments]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60)

    return run


def count(db_url: str, sql: str) -> Any:
    with psycopg.connect(db_url) as connection:
        row = connection.execute(sql).fetchone()
        return row and row[0]


def last_line(result: "subprocess.CompletedProcess[str]") -> str:
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


@pytest.mark.parametrize("scenario", ["calm", "rough_day"])
def test_500_records_in_5_pages_and_again_none(api: Api, run: Callable[..., Any], db_url: str, scenario: str) -> None:
    session = api(scenario)
    first = run(session.base_url)
    assert first.returncode == 0
    assert first.stdout.splitlines()[0] == "500 records ingested across 5 paginated pages"
    assert first.stdout.splitlines()[1].split() == [
        "landed",
        "pages",
        "requests",
        "retries",
        "waits",
        "seconds",
    ]
    assert count(db_url, "SELECT count(*) FROM ingestion.records") == 500
    again = run(session.base_url)
    assert again.stdout.splitlines()[0] == "0 records ingested across 1 paginated page"
    assert again.stdout.splitlines()[1].startswith("0 new")
    assert count(db_url, "SELECT count(*) FROM ingestion.runs WHERE status = 'succeeded'") == 2
    assert count(db_url, "SELECT sum(inserted) FROM ingestion.runs") == 500


def test_poison_is_parked_and_the_rest_lands(api: Api, run: Callable[..., Any], db_url: str) -> None:
    """D1."""
    session = api("poison")
    first = run(session.base_url)
    assert first.stdout.splitlines()[:2] == [
        "497 records ingested across 5 paginated pages",
        "3 rows were parked; see python -m ingestion status",
    ]
    run(session.base_url, INGESTION_LOOKBACK_S="2592000")
    assert count(db_url, "SELECT count(*) FROM ingestion.dead_letters") == 3


def test_a_page_full_of_poison_ends_the_run(api: Api, run: Callable[..., Any], db_url: str) -> None:
    """D6: a changed schema does not fill the dead letters."""
    result = run(api("poison", poison=200).base_url)
    assert result.returncode == 65
    assert "schema" in last_line(result)
    assert count(db_url, "SELECT count(*) FROM ingestion.dead_letters") == 0
    assert count(db_url, "SELECT count(*) FROM ingestion.runs WHERE status = 'failed'") == 1


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({"DB_URL": "nonsense"}, 78, ["DB_URL"]),
        ({"DB_URL": "postgresql://u:s3cret@127.0.0.1:1/x"}, 69, ["Postgres", "u:***@127.0.0.1:1", "DB_URL"]),
        ({"REST_API_URL": "http://127.0.0.1:1"}, 69, ["http://127.0.0.1:1", "REST_API_URL"]),
        ({"INGESTION_RATE_PER_S": "fast"}, 78, ["INGESTION_RATE_PER_S"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    api: Api, run: Callable[..., Any], variables: dict[str, str], code: int, words: list[str]
) -> None:
    variables = {"REST_API_URL": api().base_url, **variables}
    result = run(variables.pop("REST_API_URL"), **variables)
    assert result.returncode == code
    assert last_line(result).startswith("error: ")
    assert all(word in last_line(result) for word in words)
    assert "s3cret" not in result.stderr + result.stdout


def test_a_wait_that_is_too_long_ends_the_run_with_try_later(api: Api, run: Callable[..., Any]) -> None:
    """R5."""
    # All processes keep away from that origin for the hour, so it is not the one that other tests use.
    base_url = api("retry_after_too_long").base_url.replace("127.0.0.1", "localhost")
    result = run(base_url)
    assert result.returncode == 75
    assert "nothing may be sent before" in last_line(result)


def test_redis_away_is_a_warning(api: Api, run: Callable[..., Any]) -> None:
    """T11: the declared policy is to go on alone with a part of the rate."""
    result = run(api().base_url, REDIS_URL="redis://127.0.0.1:1/0")
    assert result.returncode == 0
    assert result.stdout.startswith("500 records ingested across 5 paginated pages\n")
    assert "WARNING" in result.stderr and "Redis" in result.stderr


def test_a_traceback_is_shown_when_asked_for(api: Api, run: Callable[..., Any]) -> None:
    result = run("http://127.0.0.1:1", "--debug")
    assert "Traceback" in result.stderr
    assert result.returncode == 69


def test_help_names_the_exit_codes(run: Callable[..., Any]) -> None:
    result = run("http://127.0.0.1:1", "--help")
    assert result.returncode == 0
    assert all(f"\n  {code} " in result.stdout for code in (0, 65, 69, 70, 75, 78))
