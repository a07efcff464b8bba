"""Fresh databases: empty, gone afterwards, and never swept away from under the living."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from tests.workbook.stack_checkout import Checkout
from workbook.stack.databases import fresh_database, with_database
from workbook.stack.layout import CODE_ROOT


@pytest.fixture(scope="module")
def db_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    one = Checkout(tmp_path_factory.mktemp("databases"))
    yield one.up()["DB_URL"]
    one.run("down")


def databases(db_url: str) -> set[str]:
    with psycopg.connect(db_url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^fresh_'")}


def test_each_is_new_and_gone_afterwards_whatever_still_uses_it(db_url: str) -> None:
    with fresh_database(db_url) as one, fresh_database(db_url) as other:
        user = psycopg.connect(one)
        user.execute("CREATE TABLE t ()")
        user.commit()
        with psycopg.connect(other) as connection:
            assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)
        assert len(databases(db_url)) == 2
    assert databases(db_url) == set()
    with pytest.raises(psycopg.OperationalError):
        user.execute("SELECT 1")
    user.close()


def test_an_error_inside_drops_it_too(db_url: str) -> None:
    with pytest.raises(ZeroDivisionError), fresh_database(db_url):
        raise ZeroDivisionError
    assert databases(db_url) == set()


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_uses_is_not(db_url: str) -> None:
    script = (
        "import sys; from workbook.stack.databases import fresh_database\n"
        "with fresh_database(sys.argv[1]) as url: print(url, flush=True); sys.stdin.read()"
    )
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", script, db_url],
            cwd=CODE_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    dead, living = makers
    names = [maker.stdout.readline().strip().rpartition("/")[2] for maker in makers if maker.stdout]
    dead.kill()
    dead.communicate()
    for _ in range(50):  # the server needs a moment to notice
        with fresh_database(db_url):
            pass
        if names[0] not in databases(db_url):
            break
    assert databases(db_url) == {names[1]}
    living.communicate("")
    assert databases(db_url) == set()


def test_the_rest_of_the_url_stays() -> None:
    url = "postgresql://me:p%40ss@[::1]:5433/old?sslmode=require"
    assert with_database(url, "new") == "postgresql://me:p%40ss@[::1]:5433/new?sslmode=require"
