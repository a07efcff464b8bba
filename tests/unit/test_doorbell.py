"""The doorbell when the database says nothing: who leaves is not held up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from ingestion.outbox.doorbell import open_doorbell
from workbook import virtual_time


class SilentDatabase:
    """A connection that never answers, and takes ten seconds to end a statement that is cancelled, as psycopg does."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await asyncio.sleep(10)
            raise
        yield


@pytest.mark.parametrize("is_under_way", [False, True])
def test_a_silent_database_holds_nobody_up_who_leaves(is_under_way: bool) -> None:
    async def main() -> float:
        async with open_doorbell(cast(Any, SilentDatabase())) as doorbell:
            doorbell.ring()
            await asyncio.sleep(1.0 * is_under_way)
            left_at_s = virtual_time.CLOCK.time_s()
        return virtual_time.CLOCK.time_s() - left_at_s

    assert virtual_time.run(main()) <= 2.0
