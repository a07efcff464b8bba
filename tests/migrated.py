"""Run one scenario against a fresh database with the package's schema in it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from psycopg_pool import AsyncConnectionPool

from ingestion.record import Record
from ingestion.store.database import Connection, Pool, migrate, open_pool

T = TypeVar("T")

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def with_pool(db_url: str, scenario: Callable[[Pool], Awaitable[T]], *, max_connections: int = 8) -> T:
    """Give what *scenario* gives, in a loop of its own, with a pool on the migrated database."""

    async def main() -> T:
        async with open_pool(db_url, max_connections=max_connections) as pool:
            await migrate(pool)
            return await scenario(pool)

    return asyncio.run(main())


async def rows(door: Pool | Connection, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Give all rows of one query."""
    if isinstance(door, AsyncConnectionPool):
        async with door.connection() as connection:
            return await (await connection.execute(sql, parameters)).fetchall()
    return await (await door.execute(sql, parameters)).fetchall()


async def value(door: Pool | Connection, sql: str, *parameters: object) -> Any:
    """Give the one value of a query."""
    [[only]] = await rows(door, sql, *parameters)
    return only


def order(number: int, *, version: int = 0, **fields: object) -> Record:
    """Make order *number*, in a version that is *version* seconds newer than the first."""
    at = NOON + timedelta(seconds=version)
    payload = {"id": f"ord_{number:06d}", "version": version, "updated_at": at.isoformat(), **fields}
    return Record.of("shop", "orders", f"ord_{number:06d}", payload, at)
