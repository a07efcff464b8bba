# Made from solutions/m01_rest/15_idempotency.ipynb: edit it there.
"""The door to Postgres: a pool, one transaction that speaks the package's own errors, and the migrations."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg import errors as pg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ingestion.errors import ConfigurationError, ContractViolationError, IngestionError, TransientError

__all__ = [
    "REFUSED_DATA",
    "Connection",
    "Door",
    "Pool",
    "migrate",
    "open_pool",
    "own_error",
    "said_by_postgres",
    "transaction",
]


Connection = AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]
Door = Connection | Pool

REFUSED_DATA = (psycopg.DataError, psycopg.IntegrityError, pg.ProgramLimitExceeded, pg.StatementTooComplex)
"""What Postgres raises when the data is at fault: a value, a constraint, a key too long, deep nesting."""

_REFUSED_US = (
    pg.InvalidAuthorizationSpecification,
    pg.InvalidCatalogName,
    pg.InsufficientPrivilege,
)
# A connection that fails carries no SQLSTATE, only the server's words.
_REFUSED_AT_THE_DOOR = re.compile(
    "does not exist|authentication failed|no pg_hba.conf entry|no password supplied"
    r"|invalid \w+ value|invalid value for"
)


class _ForgetfulPool(AsyncConnectionPool[Connection]):
    """A pool that forgets who has given up waiting for a connection.

    psycopg_pool (3.3) keeps them in its line until there is a connection again, each with the error it gave up with,
    and that with all that its callers held: in an outage every batch there was.
    """

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 - as the library has it
        """Give a connection, as the library does."""
        try:
            return await super().getconn(timeout)
        except asyncio.CancelledError:
            raise asyncio.CancelledError from None  # a new one: nobody keeps it
        except PoolTimeout as error:
            raise PoolTimeout(*error.args) from None
        finally:
            for waiting in [waiting for waiting in self._waiting if waiting.error]:
                self._waiting.remove(waiting)


@asynccontextmanager
async def open_pool(
    db_url: str, *, max_connections: int = 8, wait_s: float = 10.0, application_name: str = "ingestion"
) -> AsyncIterator[Pool]:
    """Open a pool of connections to *db_url*, and close it on leaving.

    The first connection is made before anything else happens, so that a wrong URL or a server that is down
    shows here, within *wait_s*, and not inside the first run.

    Raises:
        ConfigurationError: the server refuses the user, the password or the database, or *db_url* sets something to
            what there is not (`?sslmode=maybe`).
        TransientError: no server answers.
    """
    options: dict[str, Any] = {"application_name": application_name, "connect_timeout": max(2, int(wait_s))}
    try:
        await (await AsyncConnection.connect(db_url, **options)).close()
    except psycopg.ProgrammingError:
        raise ConfigurationError("DB_URL is no connection string: want postgresql://user@host:port/database") from None
    except psycopg.OperationalError as error:
        raise (_refused_us(error) if _REFUSED_AT_THE_DOOR.search(str(error)) else own_error(error)) from error
    pool: Pool = _ForgetfulPool(
        db_url, kwargs=options, min_size=1, max_size=max_connections, timeout=wait_s, open=False
    )
    async with pool:
        yield pool


@asynccontextmanager
async def transaction(door: Door) -> AsyncIterator[Connection]:
    """Open a transaction on a connection, or on one from a pool; inside an open transaction, a savepoint.

    Commits on leaving; rolls back on any exception, cancellation included, so a block is all or nothing.

    Raises:
        IngestionError: what `own_error` makes of an error from Postgres; the original is its cause.
    """
    try:
        if isinstance(door, AsyncConnectionPool):
            async with door.connection() as connection, connection.transaction():
                yield connection
        else:
            async with door.transaction():
                yield door
    except (psycopg.Error, PoolTimeout) as error:
        raise own_error(error) from error


def own_error(error: Exception) -> IngestionError:
    """Say an error from Postgres in the package's own terms: by what the caller does next."""
    what = said_by_postgres(error)
    if isinstance(error, REFUSED_DATA):
        return ContractViolationError(f"Postgres refuses the data: {what}")
    if isinstance(error, pg.UndefinedTable | pg.UndefinedColumn | pg.InvalidSchemaName):
        return ConfigurationError(f"the database lacks a table: {what}. Run `python -m ingestion migrate`")
    if isinstance(error, _REFUSED_US):
        return _refused_us(error)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout):
        return TransientError(f"Postgres is not available: {what}")
    return IngestionError(f"Postgres: {what}")


def said_by_postgres(error: Exception) -> str:
    """Give one line with what the server said, without the statement, its parameters or the URL."""
    diagnosis = error.diag if isinstance(error, psycopg.Error) else None
    if diagnosis is None or diagnosis.message_primary is None:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    # The detail of a broken constraint quotes the whole row.
    detail = "" if isinstance(error, psycopg.IntegrityError) else diagnosis.message_detail
    return diagnosis.message_primary + (f" ({detail[:100]})" if detail else "")


def _refused_us(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Postgres refuses us: {said_by_postgres(error)}. Check the user and the database in DB_URL"
    )


_MIGRATION_LOCK = int.from_bytes(hashlib.sha256(b"ingestion.migrate").digest()[:8], signed=True)
_OLDEST_POSTGRES = 18  # whose `RETURNING old` and `uuidv7()` landing needs
_PREPARE_LEDGER = """
    CREATE SCHEMA IF NOT EXISTS ingestion;
    CREATE TABLE IF NOT EXISTS ingestion.migrations (
        name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
    )"""


async def migrate(door: Door) -> list[str]:
    """Apply the migrations that this database lacks, in one transaction, and give their names.

    Any number of processes may call this at once: one applies, the others wait and find nothing to do. A
    migration that fails leaves the database as it was. A database that is ahead of this code is left alone.

    Raises:
        ConfigurationError: the server is older than PostgreSQL 18, or a migration that was applied earlier has been
            edited since.
    """
    async with transaction(door) as connection:
        version = connection.info.server_version // 10_000
        if version < _OLDEST_POSTGRES:
            raise ConfigurationError(f"this server is PostgreSQL {version}, and {_OLDEST_POSTGRES} or newer is needed")
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        await connection.execute(_PREPARE_LEDGER)
        applied = dict(await (await connection.execute("SELECT name, sha256 FROM ingestion.migrations")).fetchall())
        pending = []
        for name, sql in _migrations():
            digest = hashlib.sha256(sql).hexdigest()
            if name not in applied:
                await connection.execute(sql)
                await connection.execute(
                    "INSERT INTO ingestion.migrations (name, sha256) VALUES (%s, %s)", [name, digest]
                )
                pending.append(name)
            elif applied[name] != digest:
                raise ConfigurationError(
                    f"migration {name} was edited after it was applied: restore it and add a new file"
                )
    return pending


def _migrations() -> list[tuple[str, bytes]]:
    folder = resources.files("ingestion.store") / "migrations"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return [
        (file.name.removesuffix(".sql"), file.read_bytes().replace(b"\r\n", b"\n"))
        for file in sorted(files, key=lambda file: file.name)
    ]
