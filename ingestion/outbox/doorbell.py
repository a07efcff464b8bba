# Made from solutions/m02_push/12_relay.ipynb: edit it there.
"""The doorbell between writers and relays: one debounced NOTIFY after commits, with polling as the fallback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection

from ingestion.errors import IngestionError
from ingestion.store.database import Connection, Pool, transaction

__all__ = ["CHANNEL", "Doorbell", "Listener", "listening", "open_doorbell"]


CHANNEL = "ingestion_outbox"
_LAST_RING_S = 2.0


class Doorbell:
    """Tells the relays that something has committed: at once, and then at most once an interval.

    A NOTIFY inside the writers' transactions makes every commit wait for every other, because Postgres takes a
    lock on the whole cluster for it. This one is sent after them, from a transaction of its own.

    The last ring is never swallowed: whatever committed before `ring()` is followed by a NOTIFY. A process that dies
    in between, or a database that is away, costs a relay no more than its poll interval.
    """

    def __init__(
        self, pool: Pool, *, interval_s: float = 0.01, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._pool = pool
        self._interval_s = interval_s
        self._sleep = sleep
        self._is_rung = asyncio.Event()

    def ring(self) -> None:
        """Say that a transaction with events has committed. Does not wait, and costs nothing when rung often."""
        self._is_rung.set()

    async def run(self) -> None:
        """Send what is rung, until cancelled."""
        try:
            while True:
                await self._is_rung.wait()
                await self._notify()
                await self._sleep(self._interval_s)
        finally:
            if self._is_rung.is_set():
                await self._notify()

    async def _notify(self) -> None:
        self._is_rung.clear()
        try:
            async with transaction(self._pool) as connection:
                await connection.execute("SELECT pg_notify(%s, '')", [CHANNEL])
        except IngestionError:
            pass  # the relays poll
        except asyncio.CancelledError:
            self._is_rung.set()
            raise


@asynccontextmanager
async def open_doorbell(pool: Pool, *, interval_s: float = 0.01) -> AsyncIterator[Doorbell]:
    """Give a doorbell that works until the block is left.

    What was rung by then is still sent, unless the database is silent: it is waited for no longer than 2 s.
    """
    doorbell = Doorbell(pool, interval_s=interval_s)
    ringing = asyncio.create_task(doorbell.run())
    try:
        yield doorbell
    finally:
        ringing.cancel()
        await asyncio.wait([ringing], timeout=_LAST_RING_S)
        ringing.cancel()  # in vain if it has ended


class Listener:
    """Hears the doorbell on a connection of its own, and makes itself a new one when that is lost."""

    def __init__(self, db_url: str) -> None:
        self._db_url = db_url
        self._connection: Connection | None = None

    async def wait(self, timeout_s: float) -> bool:
        """Wait until the doorbell rings, or *timeout_s* has passed; say whether it rang.

        Every ring since the last call counts, also those that came while nobody was waiting. While the database is
        away, this waits for the whole time.
        """
        try:
            async with asyncio.timeout(timeout_s + 1):
                return await self._hear(timeout_s)
        except TimeoutError:
            return False

    async def _hear(self, timeout_s: float) -> bool:
        while True:
            try:
                connection = await self._open()
                # To its end: a generator left early would keep the connection's lock.
                return bool([ring async for ring in connection.notifies(timeout=timeout_s, stop_after=1)])
            except psycopg.Error:
                await self.close()
                await asyncio.sleep(1)

    async def _open(self) -> Connection:
        if self._connection is None:
            connection = await AsyncConnection.connect(self._db_url, autocommit=True, application_name=CHANNEL)
            await connection.execute(f"LISTEN {CHANNEL}")
            self._connection = connection
        return self._connection

    async def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


@asynccontextmanager
async def listening(db_url: str) -> AsyncIterator[Listener]:
    """Give a listener that hears every ring from now on, and hang up on leaving."""
    listener = Listener(db_url)
    try:
        await listener.wait(0)
        yield listener
    finally:
        await listener.close()
