"""Whose URL wins, and what happens to `.env`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbook.stack_checkout import Checkout
from workbook.stack.environment import MARKER, EnvFile, UsersChoice, parse, publish

USERS = b"# mine\r\nAPI_KEY='a # b'\r\nexport TOKEN=x # a comment\n\n  last line without an end"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    one = Checkout(tmp_path)
    yield one
    one.run("down")


def test_the_users_bytes_survive_the_block(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(USERS)
    path.chmod(0o600)
    for values in ({"DB_URL": "one"}, {"DB_URL": "two", "REDIS_URL": "three"}):
        EnvFile(path).write_block(values)
        assert path.read_bytes().endswith(USERS)
        assert EnvFile(path).block_values() == values
        assert path.stat().st_mode & 0o777 == 0o600
    EnvFile(path).write_block({})
    assert path.read_bytes() == USERS


def test_a_file_of_the_block_alone_goes_with_it(tmp_path: Path) -> None:
    EnvFile(tmp_path / ".env").write_block({"DB_URL": "one"})
    EnvFile(tmp_path / ".env").write_block({})
    assert not (tmp_path / ".env").exists()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(USERS)
    (tmp_path / ".env").symlink_to("real")
    EnvFile(tmp_path / ".env").write_block({"DB_URL": "one"})
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real").read_bytes().endswith(USERS)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("DB_URL=plain", "plain"),
        ("export DB_URL = spaced ", "spaced"),
        ("DB_URL='a # b' # c", "a # b"),
        ('DB_URL="quoted"', "quoted"),
        ("DB_URL=a#b # c", "a#b"),
        ("# DB_URL=commented", None),
        ("DB_URL=", None),
        ("DB_URL= # nothing", None),
    ],
)
def test_lines_are_read_as_dotenv_readers_do(line: str, value: str | None) -> None:
    assert parse(line).get("DB_URL") == value


def test_environment_wins_over_file_and_both_over_the_stack(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DB_URL=from-file\nREDIS_URL=from-file\n")
    choice = UsersChoice.read(EnvFile(tmp_path / ".env"), {"DB_URL": "from-environment", "MOCK_API_URL": ""})
    assert choice.values == {"DB_URL": "from-environment", "REDIS_URL": "from-file"}
    assert choice.wanted_servers() == ("mock_api", "s3", "kafka_mock")


def test_what_the_stack_has_set_is_not_the_users(tmp_path: Path) -> None:
    env_file = EnvFile(tmp_path / ".env")
    environ: dict[str, str] = {}
    publish(environ, {"DB_URL": "ours"}, UsersChoice.read(env_file, environ))
    assert environ["DB_URL"] == "ours"
    assert UsersChoice.read(env_file, environ).values == {}, "nor is it in a process that inherits it"
    environ["DB_URL"] = "changed"
    assert UsersChoice.read(env_file, environ).values == {"DB_URL": "changed"}


def test_a_value_read_from_the_block_by_a_shell_is_not_the_users(tmp_path: Path) -> None:
    EnvFile(tmp_path / ".env").write_block({"DB_URL": "ours"})
    assert UsersChoice.read(EnvFile(tmp_path / ".env"), {"DB_URL": "ours"}).values == {}


def test_publishing_takes_back_what_no_longer_holds(tmp_path: Path) -> None:
    nothing = UsersChoice({}, {})
    environ = {"REDIS_URL": "users"}
    users = UsersChoice({"REDIS_URL": "users"}, {})
    publish(environ, {"DB_URL": "one", "REDIS_URL": "users"}, users)
    publish(environ, {"REDIS_URL": "users"}, users)
    assert environ == {"REDIS_URL": "users"}
    publish(environ, {"DB_URL": "two"}, nothing)
    publish(environ, {"DB_URL": "three"}, nothing)
    assert environ["DB_URL"] == "three"
    assert MARKER in environ


@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_server_whose_url_the_user_has_set_is_not_started(checkout: Checkout, place: str) -> None:
    theirs = "postgresql://somebody@example.invalid/theirs"
    line = f"DB_URL={theirs}\n".encode()
    if place == "file":
        checkout.layout.env_file.write_bytes(line)
    else:
        checkout.environment["DB_URL"] = theirs
    assert checkout.up()["DB_URL"] == theirs
    assert "postgres" not in checkout.state().servers
    assert "DB_URL" not in EnvFile(checkout.layout.env_file).block_values()
    checkout.run("down")
    assert checkout.layout.env_file.exists() == (place == "file")
    if place == "file":
        assert checkout.layout.env_file.read_bytes() == line


def test_a_later_caller_gets_the_server_that_the_first_did_without(checkout: Checkout) -> None:
    first = Checkout(checkout.root, environment={"DB_URL": "postgresql://somebody@example.invalid/theirs"})
    first.up()
    redis_pid = checkout.state().servers["redis"].pid
    assert checkout.up()["DB_URL"].startswith("postgresql://postgres@127.0.0.1:")
    assert checkout.state().servers["redis"].pid == redis_pid, "the others must not notice"
    assert first.up()["DB_URL"].endswith("/theirs")


def test_with_every_url_set_nothing_is_started(checkout: Checkout) -> None:
    checkout.environment.update(
        {
            "DB_URL": "a",
            "REDIS_URL": "b",
            "MOCK_API_URL": "c",
            "AWS_ENDPOINT_URL": "d",
            "KAFKA_BOOTSTRAP_SERVERS": "e",
        }
    )
    assert checkout.up()["DB_URL"] == "a"
    assert list(checkout.root.iterdir()) == []
