"""What goes wrong on real machines ends in one clear line that says what to do, and exit code 1."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbook.stack_checkout import Checkout
from workbook.stack import kafka_broker, layout, logs, postgres, redis
from workbook.stack.errors import StackError, require_python
from workbook.stack.layout import Layout
from workbook.stack.life import Life
from workbook.stack.lifeline import Lifeline
from workbook.stack.locks import exclusive
from workbook.stack.ports import HOST, PortMemory


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    one = Checkout(tmp_path)
    yield one
    one.run("down")


@pytest.fixture
def place(tmp_path: Path) -> Layout:
    one = Layout.of(tmp_path)
    one.prepare()
    return one


def one_line(checkout: Checkout) -> str:
    done = checkout.run("up")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_postgres_that_does_not_start_names_its_log_and_reason_and_is_tried_again(
    checkout: Checkout,
) -> None:
    checkout.up()
    checkout.run("down")
    settings = checkout.layout.home / "postgres" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(good + "\nshared_buffers = 'plenty'\n")
    said = one_line(checkout)
    assert "shared_buffers" in said
    assert ".workbook/logs/postgres.log" in said
    settings.write_text(good)
    assert checkout.up()["DB_URL"]


def test_data_of_another_major_version_says_how_to_remove_it(checkout: Checkout) -> None:
    folder = checkout.layout.home / "postgres"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("16\n")
    assert "made by PostgreSQL 16" in one_line(checkout)


def test_a_checkout_that_cannot_be_written(checkout: Checkout) -> None:
    checkout.layout.home.write_text("a file in the way")
    assert "cannot write" in one_line(checkout)
    checkout.layout.home.unlink()


def test_a_remembered_port_that_is_taken_is_replaced(checkout: Checkout) -> None:
    before = checkout.up()
    checkout.run("down")
    port = int(before["REDIS_URL"].rpartition(":")[2].partition("/")[0])
    with socket.create_server((HOST, port)):
        assert checkout.up()["REDIS_URL"] != before["REDIS_URL"]


def test_a_port_taken_between_choice_and_use_costs_another_try(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HOST, 0)) as thief:
        stolen = thief.getsockname()[1]
        ports = PortMemory(place)
        choose, choices = ports.choose, iter([stolen])
        monkeypatch.setattr(ports, "choose", lambda name: next(choices, None) or choose(name))
        lifeline = Lifeline()
        life = Life(redis.Redis(place, ports), lifeline)
        life.start()
        deadline = time.monotonic() + 10
        while life.state.status == "starting" and time.monotonic() < deadline:
            life.advance()
            time.sleep(0.01)
        life.tell_to_stop()
        life.finish(time.monotonic() + 5)
        lifeline.close()
    assert life.state.status == "ready", life.state.detail
    assert str(stolen) not in life.state.variables["REDIS_URL"]


def test_a_server_that_keeps_dying_is_given_up_with_its_last_words(place: Layout) -> None:
    class Mayfly(redis.Redis):
        name = "mayfly"

        def command(self) -> list[str]:
            return ["sh", "-c", "echo ERROR: no strength; exit 3"]

        def is_ready(self) -> bool:
            return True

    lifeline = Lifeline()
    life = Life(Mayfly(place, PortMemory(place)), lifeline)
    life.start()
    deadline = time.monotonic() + 10
    while life.state.status != "failed" and time.monotonic() < deadline:
        life.advance()
        time.sleep(0.005)
    lifeline.close()
    assert life.state.status == "failed"
    assert "exit code 3" in life.state.detail
    assert "no strength" in life.state.detail


def test_no_disk(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    free_bytes = shutil.disk_usage(place.root).free
    monkeypatch.setattr(layout, "NEEDED_DISK_BYTES", free_bytes)
    with pytest.raises(StackError, match=r"only \d+ MB free .*: free some space"):
        place.require_free_disk(free_bytes * 2)


def test_a_missing_redis(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "find_binary", lambda: None)
    with pytest.raises(StackError, match="no redis-server on the PATH: install it"):
        redis.Redis(place, PortMemory(place)).prepare()


def test_a_missing_postgres(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_binaries", lambda: None)
    with pytest.raises(StackError, match=r"pip install -r requirements\.txt"):
        postgres.Postgres(place, PortMemory(place)).prepare()


def test_a_missing_java_or_maven(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place.home))
    with pytest.raises(StackError, match="no java on the PATH: install Java 17"):
        kafka_broker.fetch(place)
    monkeypatch.setattr(kafka_broker, "java_version", lambda: 11)
    with pytest.raises(StackError, match="java 11 is too old"):
        kafka_broker.fetch(place)
    monkeypatch.setattr(kafka_broker, "java_version", lambda: 21)
    with pytest.raises(StackError, match="no mvn on the PATH: install Maven"):
        kafka_broker.fetch(place)


def test_an_old_python() -> None:
    with pytest.raises(StackError, match=r"Python 3\.9\.2 at /usr/bin/python3 is too old: install Python 3\.11"):
        require_python((3, 9, 2), "/usr/bin/python3")
    require_python((3, 11, 0))
    require_python((4, 0, 0))


def test_a_caller_that_holds_the_lock_for_too_long(place: Layout) -> None:
    expected = pytest.raises(StackError, match="another process has been starting or stopping")
    with exclusive(place.caller_lock, 1), expected, exclusive(place.caller_lock, 0.05):
        raise AssertionError("two at once")


def test_logs_do_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    descriptor = logs.open_log(path)
    for _ in range(50):
        os.write(descriptor, b"x" * 99 + b"\n")
        logs.trim(path, limit_bytes=1000)
    os.write(descriptor, b"the last line\n")
    os.close(descriptor)
    assert path.stat().st_size + path.with_name("server.log.1").stat().st_size <= 2 * 1100
    assert path.read_bytes().endswith(b"the last line\n"), "the writer goes on in the emptied file"
    assert b"\0" not in path.read_bytes()


def test_the_telling_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old ERROR of the last run\n")
    offset = path.stat().st_size
    assert logs.telling_line(path, offset) == "it wrote nothing"
    with path.open("a") as log:
        log.write("LOG: starting\nFATAL: bad setting\nLOG: bye\n")
    assert logs.telling_line(path, offset) == "FATAL: bad setting"
