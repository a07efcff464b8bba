"""`python -m ingestion`: migrate, run, status, redrive, as an operator uses them."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import ingestion

Api = Callable[..., Any]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(db_url: str, redis_url: str) -> Command:
    def command(*words: str, base_url: str = "http://127.0.0.1:1") -> "subprocess.CompletedProcess[str]":
        settings = {"DB_URL": db_url, "REDIS_URL": redis_url, "REST_API_URL": base_url, "INGESTION_RATE_PER_S": "1000"}
        line = [sys.executable, "-m", "ingestion", *words]
        return subprocess.run(
            line, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False
        )

    return command


def test_migrate_says_what_it_did(command: Command) -> None:
    first, again = command("migrate"), command("migrate")
    assert first.returncode == again.returncode == 0
    assert all(line.startswith("applied 0") for line in first.stdout.splitlines())
    assert again.stdout == "up to date\n"


def test_status_before_anything_has_happened(command: Command) -> None:
    missing = command("status")
    assert missing.returncode == 78
    assert "python -m ingestion migrate" in missing.stderr.splitlines()[-1]
    command("migrate")
    assert command("status").stdout == "nothing has landed yet\n"


def test_run_status_and_redrive(command: Command, api: Api, db_url: str) -> None:
    """D3: what was parked for a cause that is gone lands once, and a second redrive finds nothing."""
    base_url = api("poison").base_url
    assert command("run", base_url=base_url).stdout.startswith("497 records ingested across 5 paginated pages\n")
    header, _, row = command("status").stdout.splitlines()
    assert header.split()[:4] == ["stream", "rows", "parked", "quarantined"]
    assert row.split()[:4] == ["shop.orders", "497", "3", "0"]
    assert command("redrive").stdout == "0 landed, 3 refused again, 0 quarantined\n"
    with psycopg.connect(db_url) as connection:
        connection.execute(
            """UPDATE ingestion.dead_letters SET raw = convert_to(
                 '{"id":"ord_repaired_' || id || '","updated_at":"2026-01-01T00:00:00Z","currency":"EUR","total":"1"}', 'UTF8')"""
        )
        connection.execute("UPDATE ingestion.dead_letters SET raw_size_bytes = octet_length(raw)")
    assert command("redrive").stdout == "3 landed, 0 refused, 0 quarantined\n".replace("refused", "refused again")
    assert command("redrive").stdout == "0 landed, 0 refused again, 0 quarantined\n"
    assert command("status").stdout.splitlines()[2].split()[:4] == ["shop.orders", "500", "0", "0"]


def test_status_names_the_last_error(command: Command, api: Api) -> None:
    command("run", base_url=api("error_200").base_url)
    lines = command("status").stdout.splitlines()
    assert "failed" in lines[2].split()
    assert lines[3].startswith("shop.orders: CorruptError:")


@pytest.mark.parametrize("words", [[], ["fly"]])
def test_a_wrong_command_line_ends_with_2(command: Command, words: list[str]) -> None:
    result = command(*words)
    assert result.returncode == 2
    assert "usage:" in result.stderr


def test_help_lists_the_commands(command: Command) -> None:
    result = command("--help")
    assert all(f"    {name} " in result.stdout for name in ("migrate", "run", "drops", "relay", "status", "redrive"))


def test_the_front_page_names_what_there_is() -> None:
    assert len(ingestion.__all__) <= 25
    for name in ingestion.__all__:
        assert getattr(ingestion, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ingestion.nothing


def test_importing_the_package_loads_nothing_else() -> None:
    line = [
        sys.executable,
        "-c",
        "import sys, ingestion; print([name for name in sys.modules if name.startswith('ingestion.')])",
    ]
    assert subprocess.run(line, capture_output=True, text=True, check=True).stdout == "[]\n"
