"""The horizon: no event appears below it, and only those who write into the outbox hold it up."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from ingestion.outbox.exactly_once import Horizon, Look
from ingestion.outbox.writer import add_events
from ingestion.store.database import Connection, Pool
from tests.migrated import rows, with_pool
from tests.outbox_world import event, write
from tests.own_servers import telling_postgres

POSITIONS = "SELECT position FROM ingestion.outbox WHERE position <= %s"


def test_it_stands_behind_a_writer_that_is_open_and_goes_on_when_that_ends(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        horizon = Horizon()
        assert await horizon.advance(pool) == 0
        assert horizon.is_settled
        async with pool.connection() as late:
            await add_events(await begun(late), [event(1)])
            await write(pool, event(2))
            assert [await horizon.advance(pool) for _ in range(3)] == [0, 0, 0]
            assert not horizon.is_settled
            await late.commit()
            assert await horizon.advance(pool) == 2
            await add_events(await begun(late), [event(3)])
            await horizon.advance(pool)
            await late.rollback()
        await write(pool, event(4))
        assert await horizon.advance(pool) == 4, "a gap is no event to come"

    with_pool(db_url, scenario)


async def begun(connection: Connection) -> Connection:
    await connection.execute("SELECT 1")
    return connection


def test_who_comes_later_does_not_hold_up_what_was_before(db_url: str) -> None:
    """Writers that overlap without end: there is always one at work, and the horizon follows nevertheless."""

    async def scenario(pool: Pool) -> None:
        horizon, seen = Horizon(), []
        async with pool.connection() as one, pool.connection() as two:
            await add_events(await begun(one), [event(0)])
            for _ in range(5):
                await add_events(await begun(two), [event(0)])
                await horizon.advance(pool)
                await one.commit()
                seen.append(await horizon.advance(pool))
                one, two = two, one
            await one.commit()
        assert seen == sorted(set(seen))
        assert seen[-1] >= 4

    with_pool(db_url, scenario)


@pytest.mark.parametrize(
    "other",
    [
        "SELECT count(*) FROM ingestion.outbox",
        "CREATE TABLE somebody_elses (n int)",
        "INSERT INTO ingestion.watermarks (source, stream, updated_at, key) VALUES ('s', 't', now(), '')",
        "SELECT id FROM ingestion.outbox FOR UPDATE",
    ],
)
def test_others_do_not_hold_it_up(db_url: str, other: str) -> None:
    """Neither readers nor transactions that write elsewhere: they can hold no position."""

    async def scenario(pool: Pool) -> None:
        async with pool.connection() as stranger:
            await stranger.execute(other)
            await write(pool, event(1))
            assert await Horizon().advance(pool) == 1

    with_pool(db_url, scenario)


def test_a_writer_is_seen_whichever_way_it_writes(db_url: str) -> None:
    """Through the table, through a partition of it, by COPY, in a savepoint, and under a lock of its own."""

    async def scenario(pool: Pool) -> None:
        insert = "INSERT INTO {} (aggregatetype, aggregateid, type) VALUES ('t', 'k', 'x')"

        async def copied(connection: Connection) -> None:
            copy = "COPY ingestion.outbox (aggregatetype, aggregateid, type) FROM STDIN"
            async with connection.cursor() as cursor, cursor.copy(copy) as rows:
                await rows.write_row(("t", "k", "x"))

        async def in_savepoint(connection: Connection) -> None:
            async with connection.transaction():
                await connection.execute(insert.format("ingestion.outbox"))

        async def locked(connection: Connection) -> None:
            await connection.execute("LOCK TABLE ingestion.outbox IN EXCLUSIVE MODE")
            await connection.execute(insert.format("ingestion.outbox"))

        async def prepared(connection: Connection) -> None:
            for _ in range(2):
                await connection.execute(insert.format("ingestion.outbox"), prepare=True)

        ways: list[Callable[[Connection], Awaitable[object]]] = [copied, in_savepoint, locked, prepared]
        today = f"ingestion.outbox_{datetime.now(UTC):%Y%m%d}"
        ways.append(lambda connection: connection.execute(insert.format(today)))
        horizon = Horizon()
        for way in ways:
            async with pool.connection() as writer:
                await way(await begun(writer))
                before = horizon.position
                assert await horizon.advance(pool) == before
                assert not horizon.is_settled
                await writer.commit()
                assert await horizon.advance(pool) > before

    with_pool(db_url, scenario)


def test_an_insert_that_waits_for_its_lock_has_no_position_yet(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        async with pool.connection() as keeper, pool.connection() as waiting:
            await keeper.execute("LOCK TABLE ingestion.outbox IN SHARE MODE")
            inserting = asyncio.create_task(add_events(await begun(waiting), [event(1)]))
            await asyncio.sleep(0.1)
            horizon = Horizon()
            assert await horizon.advance(pool) == 0
            assert horizon.is_settled
            await keeper.rollback()
            await inserting
            assert await horizon.advance(pool) == 0
            assert not horizon.is_settled

    with_pool(db_url, scenario)


def test_under_many_writers_nothing_appears_below_it(db_url: str) -> None:
    """Short ones and long ones, commits, rollbacks, savepoints, dropped connections; also by hindsight."""

    async def scenario(pool: Pool) -> None:
        stop = asyncio.Event()
        held_up = 0

        async def writer(number: int) -> None:
            rng = random.Random(number)
            while not stop.is_set():
                async with await psycopg.AsyncConnection.connect(db_url) as connection:
                    for _ in range(20):
                        await add_events(await begun(connection), [event(number)] * rng.randint(1, 3))
                        if rng.random() < 0.2:
                            async with connection.transaction(force_rollback=True):
                                await add_events(connection, [event(number)])
                        await asyncio.sleep(rng.choice((0, 0.001, 0.004, 0.03)))
                        await (connection.rollback() if rng.random() < 0.2 else connection.commit())
                        if stop.is_set():
                            break

        writers = [asyncio.create_task(writer(n)) for n in range(8)]
        horizon, seen, before = Horizon(), set[int](), 0
        ends_at_s = asyncio.get_running_loop().time() + 2.5
        while asyncio.get_running_loop().time() < ends_at_s:
            at = await horizon.advance(pool)
            held_up += not horizon.is_settled
            visible = {n for (n,) in await rows(pool, POSITIONS, at)}
            assert not {n for n in visible - seen if n <= before}, "an event appeared below the horizon"
            seen, before = seen | visible, at
        stop.set()
        await asyncio.gather(*writers)
        assert {n for (n,) in await rows(pool, POSITIONS, before)} == seen
        assert len(seen) > 200
        assert held_up > 50

    with_pool(db_url, scenario, max_connections=3)


@pytest.fixture(scope="module")
def two_phase_url() -> Iterator[str]:
    with telling_postgres() as url:
        yield url


def test_a_prepared_transaction_still_counts(two_phase_url: str) -> None:
    """PREPARE TRANSACTION gives the locks, and with them the position, to a transaction of another name."""

    async def scenario(pool: Pool) -> None:
        horizon = Horizon()
        async with pool.connection() as writer:
            await add_events(await begun(writer), [event(1)])
            assert await horizon.advance(pool) == 0
            await writer.execute("PREPARE TRANSACTION 'later'")
            await writer.rollback()
            assert [await horizon.advance(pool) for _ in range(3)] == [0, 0, 0]
            await writer.set_autocommit(True)
            await writer.execute("COMMIT PREPARED 'later'")
            assert await horizon.advance(pool) == 1

    with_pool(two_phase_url, scenario)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_right_in_any_history(seed: int) -> None:
    """A simulation: positions are taken and ended in a random order; looks come whenever they come."""
    rng = random.Random(seed)
    at_work: dict[str, list[int]] = {}
    last, horizon, behind = 0, Horizon(), 0
    for number in range(600):
        step = rng.random()
        if step < 0.35 and len(at_work) < 6:
            at_work[f"3/{number}"] = []
        elif step < 0.65 and at_work:
            last += 1
            rng.choice(list(at_work.values())).append(last)
        elif step < 0.85 and at_work:
            del at_work[rng.choice(list(at_work))]
        else:
            position = horizon.saw(Look(last, frozenset(at_work)))
            open_positions = [taken for all_taken in at_work.values() for taken in all_taken]
            assert position < min(open_positions, default=last + 1)
            behind += position < last
    assert behind
    at_work.clear()
    assert horizon.saw(Look(last)) == last
