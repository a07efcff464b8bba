"""The pool, the transaction and the migrations."""

import asyncio
import gc
import weakref

import psycopg
import pytest

from ingestion.console import in_one_line
from ingestion.errors import ConfigurationError, ContractViolationError, TransientError
from ingestion.store.database import Pool, migrate, open_pool, transaction
from tests.migrated import value, with_pool


def test_eight_migrators_at_once_apply_each_migration_once(db_url: str) -> None:
    async def scenario() -> list[list[str]]:
        async def one() -> list[str]:
            async with open_pool(db_url, max_connections=1) as pool:
                return await migrate(pool)

        return await asyncio.gather(*(one() for _ in range(8)))

    applied = [names for names in asyncio.run(scenario()) if names]
    assert len(applied) == 1
    assert applied[0] == sorted(applied[0])
    assert applied[0][0] == "0001_records_and_runs"


def test_a_migration_edited_after_it_was_applied_is_refused_by_name(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await connection.execute("UPDATE ingestion.migrations SET sha256 = 'other' WHERE name LIKE '0001%'")
        with pytest.raises(ConfigurationError, match="0001_records_and_runs was edited"):
            await migrate(pool)

    with_pool(db_url, scenario)


def test_a_server_that_is_too_old_is_refused_before_anything_is_made(
    db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(server_version: int) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setattr(psycopg.ConnectionInfo, "server_version", server_version)
            async with open_pool(db_url, max_connections=1) as pool:
                return await migrate(pool)

    with pytest.raises(ConfigurationError) as refused:
        asyncio.run(scenario(170_009))
    assert in_one_line(refused.value) == "this server is PostgreSQL 17, and 18 or newer is needed"
    with psycopg.connect(db_url) as connection:
        assert connection.execute("SELECT to_regnamespace('ingestion')").fetchone() == (None,)
    assert asyncio.run(scenario(180_000))


class _Batch:
    """Something that a waiter holds, and that can be watched."""


@pytest.mark.parametrize("how", ["in vain", "cancelled"])
def test_a_pool_forgets_who_gave_up_waiting(db_url: str, how: str) -> None:
    """And with them all that they held: no collector has to come by, and no connection back."""

    async def wait(pool: Pool, held: list["weakref.ref[_Batch]"]) -> None:
        batch = _Batch()
        held.append(weakref.ref(batch))
        async with transaction(pool) as connection:
            await connection.execute("SELECT 1")
        raise AssertionError(batch)

    async def attempt(pool: Pool, held: list["weakref.ref[_Batch]"]) -> None:
        if how == "cancelled":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await wait(pool, held)
        else:
            with pytest.raises(TransientError, match="couldn't get a connection"):
                await wait(pool, held)

    async def scenario() -> None:
        held: list[weakref.ref[_Batch]] = []
        async with open_pool(db_url, max_connections=1, wait_s=0.2) as pool:
            async with pool.connection():
                gc.disable()
                try:
                    for _ in range(3):
                        await attempt(pool, held)
                    assert [each() for each in held] == [None] * 3
                    assert pool.get_stats()["requests_waiting"] == 0
                finally:
                    gc.enable()
            async with transaction(pool) as connection:
                await connection.execute("SELECT 1")

    asyncio.run(scenario())


def test_a_database_ahead_of_the_code_is_left_alone(db_url: str) -> None:
    async def scenario(pool: Pool) -> list[str]:
        async with transaction(pool) as connection:
            await connection.execute("INSERT INTO ingestion.migrations VALUES ('9999_later', 'x')")
        return await migrate(pool)

    assert with_pool(db_url, scenario) == []


def test_any_exception_rolls_the_transaction_back_and_keeps_its_type(db_url: str) -> None:
    async def scenario(pool: Pool) -> int:
        for stop in (KeyError("bug"), asyncio.CancelledError()):
            with pytest.raises(type(stop)):
                async with transaction(pool) as connection:
                    await connection.execute("INSERT INTO ingestion.migrations VALUES ('lost', 'x')")
                    raise stop
        return await value(pool, "SELECT count(*) FROM ingestion.migrations WHERE name = 'lost'")

    assert with_pool(db_url, scenario) == 0


@pytest.mark.parametrize(
    ("statement", "error", "says"),
    [
        ("SELECT * FROM ingestion.nothing", ConfigurationError, "ingestion migrate"),
        ("SELECT 1/0", ContractViolationError, "division by zero"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", TransientError, "not available"),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)", TransientError, "statement timeout"),
        (
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; DO $$ BEGIN RAISE SQLSTATE '40001'; END $$",
            TransientError,
            "not available",
        ),
    ],
)
def test_errors_of_postgres_come_out_as_what_to_do_next(
    db_url: str, statement: str, error: type[Exception], says: str
) -> None:
    async def scenario(pool: Pool) -> None:
        with pytest.raises(error, match=says) as caught:
            async with transaction(pool) as connection:
                await connection.execute(statement)
        assert isinstance(caught.value.__cause__, psycopg.Error)

    with_pool(db_url, scenario)


def test_a_wrong_database_is_a_configuration_error_and_a_dead_server_a_transient_one(db_url: str) -> None:
    async def open_and_close(url: str) -> None:
        async with open_pool(url, wait_s=2):
            pass

    with pytest.raises(ConfigurationError, match="DB_URL"):
        asyncio.run(open_and_close(db_url.rpartition("/")[0] + "/no_such_database"))
    with pytest.raises(TransientError):
        asyncio.run(open_and_close("postgresql://someone:hush@127.0.0.1:1/x"))


def test_a_pool_that_is_used_up_is_a_transient_error(db_url: str) -> None:
    async def scenario() -> None:
        async with open_pool(db_url, max_connections=1, wait_s=0.2) as pool, pool.connection():
            with pytest.raises(TransientError):
                async with transaction(pool):
                    pass

    asyncio.run(scenario())
