"""The plain relay: on Postgres, with a publisher that does as it is told, and on the mock cluster."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import psycopg
import pytest

from ingestion.errors import IngestionError, TransientError
from ingestion.outbox.at_least_once_relay import Relay, Relayed
from ingestion.outbox.dead_events import dead_events, redrive_dead
from ingestion.outbox.doorbell import listening, open_doorbell
from ingestion.outbox.exactly_once import Horizon
from ingestion.outbox.message import Message, Outcome, fetch_rows
from ingestion.outbox.partitions import drop_drained_days, keep_house, make_days
from ingestion.outbox.producer import KafkaProducer
from ingestion.outbox.relay import LANES, take_lanes
from ingestion.outbox.writer import add_events
from ingestion.store.database import Connection, Pool, transaction
from ingestion.store.run_ledger import Run
from tests.migrated import NOON, rows, value, with_pool
from tests.outbox_world import Recorder, by_key, consume, event, eventually, new_topic, running, write

RUN = Run.start("shop", "orders", now=lambda: NOON)
WAITING = "SELECT count(*) FROM ingestion.outbox"


@pytest.fixture
def servers(stack: dict[str, str]) -> str:
    return stack["KAFKA_BOOTSTRAP_SERVERS"]


@asynccontextmanager
async def open_transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction that stays open until the block is left, or it is ended inside."""
    async with pool.connection() as connection:
        await connection.execute("SELECT 1")
        yield connection


def test_a_late_committer_with_a_lower_position_is_published(db_url: str) -> None:
    """O4: a reader that remembers the highest position it has seen would lose it."""

    async def scenario(pool: Pool) -> None:
        publisher = Recorder()
        relay = Relay(pool, publisher)
        async with open_transaction(pool) as late:
            await add_events(late, [event(1, "a")])
            await write(pool, event(2, "b"))
            for _ in range(40):
                await relay.publish_batch()
            assert publisher.values == [2]
        await relay.publish_batch()
        assert publisher.values == [2, 1]
        assert await value(pool, WAITING) == 0

    with_pool(db_url, scenario)


@pytest.mark.parametrize("horizon", [None, Horizon], ids=["without a horizon", "with one"])
def test_a_late_committer_is_not_overtaken_by_the_next_event_of_its_key(
    db_url: str, horizon: Callable[[], Horizon] | None
) -> None:
    """O3: within one turn, too: the next batch is read from where all is done, and not from behind the last one."""

    async def scenario(pool: Pool) -> None:
        async with open_transaction(pool) as late:
            await add_events(late, [event(1, "a")])
            await write(pool, event(2, "b"))

            class Slow(Recorder):
                async def publish(self, messages: Sequence[Message]) -> Outcome:
                    if not self.sent:
                        await late.commit()
                        await write(pool, event(3, "a"))
                    await asyncio.sleep(0.05)
                    return await super().publish(messages)

            publisher = Slow()
            more: dict[str, Any] = {} if horizon is None else {"horizon": horizon}
            await Relay(pool, publisher, batch_rows=2, **more).run(until_empty=True)
        assert publisher.values == [2, 1, 3]

    with_pool(db_url, scenario)


def test_only_what_is_acknowledged_is_deleted(db_url: str) -> None:
    """O6."""

    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n, f"k{n}") for n in range(5)))
        publisher = Recorder(Outcome({}, frozenset({1, 3}), "broker down"))
        relay = Relay(pool, publisher)
        assert await relay.publish_batch() == Relayed(3, 0, 2, "broker down")
        assert await value(pool, WAITING) == 2
        assert await relay.publish_batch() == Relayed(published=2)
        assert publisher.values == [0, 2, 4, 1, 3]

    with_pool(db_url, scenario)


@pytest.mark.parametrize("failure", [TransientError("gone"), ZeroDivisionError("a bug")])
def test_a_publisher_that_fails_leaves_every_row(db_url: str, failure: Exception) -> None:
    async def scenario(pool: Pool) -> None:
        await write(pool, event(1))
        relay = Relay(pool, Recorder(failure))
        with pytest.raises(type(failure)):
            await relay.publish_batch()
        assert await relay.publish_batch() == Relayed(published=1)

    with_pool(db_url, scenario)


def test_a_delete_that_fails_leaves_every_row_and_sets_nothing_aside(db_url: str) -> None:
    """What became of a batch is sent to Postgres in one go: it is written down whole, or not at all."""

    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n, f"k{n}") for n in range(4)))
        refuse = """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$;
            CREATE TRIGGER refuse BEFORE DELETE ON ingestion.outbox FOR EACH ROW EXECUTE FUNCTION refuse()"""
        async with transaction(pool) as connection:
            await connection.execute(refuse)
        relay = Relay(pool, Recorder(Outcome({2: "too large"})), horizon=Horizon)
        with pytest.raises(IngestionError, match="disk full"):
            await relay.publish_batch()
        assert await value(pool, WAITING) == 4
        assert await value(pool, "SELECT count(*) FROM ingestion.outbox_dead") == 0
        async with transaction(pool) as connection:
            await connection.execute("DROP FUNCTION refuse CASCADE")
        assert await Relay(pool, Recorder(Outcome({2: "too large"}))).publish_batch() == Relayed(3, 1)
        assert await relay.publish_batch() == Relayed()

    with_pool(db_url, scenario)


@pytest.mark.parametrize("horizon", [None, Horizon])
def test_a_tombstone_comes_in_its_turn_however_full_the_batch_is(db_url: str, horizon: Any) -> None:
    """It has no size, but its place: what a batch has no room for is not passed by for it."""

    async def scenario(pool: Pool) -> None:
        sizes = [400, 400, 1, None, 1, None, 900, None, 1, 300, 300]
        await write(
            pool,
            *(event(n, payload=b"1" * size if size else None, is_tombstone=not size) for n, size in enumerate(sizes)),
        )
        publisher = Recorder()
        more = {"horizon": horizon} if horizon else {}
        relay = Relay(pool, publisher, batch_bytes=1_000, **more)
        assert await asyncio.wait_for(relay.run(until_empty=True), 20) == len(sizes)
        assert [len(m.value) if m.value else None for m in publisher.sent] == sizes

    with_pool(db_url, scenario)


def test_dead_rows_are_set_aside_and_redriven_once(db_url: str) -> None:
    """O7."""

    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n, f"k{n}") for n in range(4)))
        publisher = Recorder(Outcome({2: "too large"}))
        relay = Relay(pool, publisher)
        [(id_,)] = await rows(pool, "SELECT id FROM ingestion.outbox WHERE aggregateid = 'k2'")
        assert await relay.publish_batch() == Relayed(3, 1)
        async with transaction(pool) as connection:
            [dead] = await dead_events(connection)
        assert (dead.id, dead.aggregateid, dead.reason, dead.topic) == (id_, "k2", "too large", "ingested.events")

        async def redrive() -> int:
            async with transaction(pool) as connection:
                return await redrive_dead(connection)

        assert sorted(await asyncio.gather(redrive(), redrive())) == [0, 1]
        assert await relay.publish_batch() == Relayed(published=1)
        assert publisher.values == [0, 1, 3, 2]
        assert dict(publisher.sent[-1].headers)["event_id"] == str(id_).encode()

    with_pool(db_url, scenario)


@pytest.mark.parametrize("horizon", [None, Horizon], ids=["without a horizon", "with one"])
def test_two_relays_at_once_publish_each_row_once_and_keep_each_keys_order(
    db_url: str, horizon: Callable[[], Horizon] | None
) -> None:
    """O3: four writers, two relays, few rows a batch."""

    async def scenario(pool: Pool) -> None:
        publisher = Recorder()
        more: dict[str, Any] = {} if horizon is None else {"horizon": horizon}
        relays = [
            Relay(pool, publisher, batch_rows=7, max_lanes=lanes, poll_interval_s=0.01, **more)
            for lanes in (LANES // 2, 3)
        ]

        async def writer(start: int) -> None:
            for number in range(start, start + 150):
                await write(pool, event(number, f"key {start} {number % 5}"))

        async with running(relays[0]), running(relays[1]):
            await asyncio.gather(*(writer(1000 * n) for n in range(4)))
            await eventually(lambda: drained(pool))
        assert len(publisher.sent) == 600
        keys: dict[bytes, list[int]] = {}
        for message in publisher.sent:
            keys.setdefault(message.key, []).append(int(message.value or b""))
        assert all(numbers == sorted(set(numbers)) for numbers in keys.values())

    with_pool(db_url, scenario)


async def drained(pool: Pool) -> bool:
    return bool(await value(pool, WAITING) == 0)


def test_lanes_that_another_relay_is_in_are_skipped_and_free_when_it_dies(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n, f"k{n}") for n in range(100)))
        is_sending, may_end = asyncio.Event(), asyncio.Event()

        class Slow(Recorder):
            async def publish(self, messages: object) -> Outcome:
                is_sending.set()
                await may_end.wait()
                raise TransientError("killed")

        first = asyncio.create_task(Relay(pool, Slow(), max_lanes=10).publish_batch())
        await is_sending.wait()
        second = Recorder()
        relay = Relay(pool, second)
        await relay.publish_batch()
        assert 0 < len(second.sent) < 100
        assert await relay.publish_batch() == Relayed()
        # It waits for Kafka without holding anybody up.
        assert await value(pool, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                           " AND pid <> pg_backend_pid() AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL)"
                           " AND backend_type = 'client backend'") == 0  # fmt: skip
        may_end.set()
        await asyncio.gather(first, return_exceptions=True)
        await relay.publish_batch()
        assert len(second.sent) == 100

    with_pool(db_url, scenario)


def test_a_relay_that_is_cancelled_leaves_no_lane_taken(db_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that were taken by a statement whose answer nobody read would stay with the connection in the pool."""
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    here = " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"

    async def take_and_be_cancelled(*arguments: Any) -> list[int]:
        assert await take_lanes(*arguments)
        raise asyncio.CancelledError

    async def scenario(pool: Pool) -> None:
        async def none_held() -> bool:
            return bool(await value(pool, held + here) == 0)

        with monkeypatch.context() as patch:
            patch.setattr("ingestion.outbox.relay.take_lanes", take_and_be_cancelled)
            with pytest.raises(asyncio.CancelledError):
                await Relay(pool, Recorder()).publish_batch()
        await eventually(none_held, within_s=5)
        await write(pool, event(1))
        assert (await Relay(pool, Recorder()).publish_batch()).published == 1

    with_pool(db_url, scenario)


def test_the_doorbell_wakes_the_relay_and_polling_is_the_fallback(db_url: str) -> None:
    """One NOTIFY for a thousand rings; without any the event comes with the next poll."""

    async def scenario(pool: Pool) -> None:
        async with listening(db_url) as listener, open_doorbell(pool, interval_s=0.05) as doorbell:
            for _ in range(1_000):
                doorbell.ring()
                await asyncio.sleep(0)
            assert await listener.wait(5)
            await listener.wait(0.2)
            assert not await listener.wait(0.1)

            publisher = Recorder()
            relay = Relay(pool, publisher, listener.wait, poll_interval_s=30)
            async with running(relay):
                await asyncio.sleep(0.2)
                await write(pool, event(1))
                doorbell.ring()
                await eventually(lambda: drained(pool), within_s=5)
            polling = Relay(pool, publisher, poll_interval_s=0.1)
            async with running(polling):
                await write(pool, event(2))
                await eventually(lambda: drained(pool), within_s=5)
        assert publisher.values == [1, 2]

    with_pool(db_url, scenario)


def test_a_listener_that_lost_its_connection_hears_again(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        async with listening(db_url) as listener, open_doorbell(pool) as doorbell:
            await value(
                pool,
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'ingestion_outbox'",
            )
            await listener.wait(1.5)
            doorbell.ring()
            assert await listener.wait(5)

    with_pool(db_url, scenario)


def test_days_are_made_ahead_and_dropped_when_they_are_drained(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        assert await make_days(pool, ahead=5) in (2, 3)
        assert await make_days(pool, ahead=5) == 0
        await write(pool, event(1))
        assert await value(pool, "SELECT count(*) FROM ingestion.outbox_other") == 0
        for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
            assert await value(pool, "SELECT ingestion.make_outbox_partition(%s)", day)
        async with transaction(pool) as connection:
            await connection.execute(
                "INSERT INTO ingestion.outbox (created_at, aggregatetype, aggregateid, type)"
                " VALUES ('2026-01-02T12:00Z', 't', 'old', 'x')"
            )
        async with open_transaction(pool) as writer:
            await writer.execute(
                "INSERT INTO ingestion.outbox (created_at, aggregatetype, aggregateid, type)"
                " VALUES ('2026-01-03T12:00Z', 't', 'open', 'x')"
            )
            await drop_drained_days(pool)
            assert await value(pool, "SELECT to_regclass('ingestion.outbox_20260103')::text")
            await writer.commit()
        await drop_drained_days(pool)
        assert await value(pool, WAITING) == 3
        publisher = Recorder()
        assert await Relay(pool, publisher).publish_batch() == Relayed(published=3)
        await drop_drained_days(pool)
        left = await rows(pool, "SELECT relname FROM pg_class WHERE relname ~ '^outbox_2026010[123]$'")
        assert left == []

    with_pool(db_url, scenario)


def test_who_may_not_keep_house_is_told_so_and_tries_again(
    db_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A user who may not make tables: without a word, every day's rows would stay in the default partition for good."""
    monkeypatch.setattr("ingestion.outbox.partitions._INTERVAL_S", 0.02)

    async def scenario(pool: Pool) -> None:
        async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as stranger:
            [[day]] = await rows(stranger, "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '2 days', 'YYYYMMDD')")
            await stranger.execute(f"DROP TABLE ingestion.outbox_{day}")
            await stranger.execute("SET default_transaction_read_only = on")
            async with keep_house(stranger):
                await asyncio.sleep(0.5)

    with_pool(db_url, scenario)
    assert len([r for r in caplog.records if "were not looked after" in r.getMessage()]) > 1


def test_a_day_whose_rows_went_to_the_default_partition_is_not_made(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await value(pool, "SELECT count(*) FROM ingestion.outbox")
        async with transaction(pool) as connection:
            await connection.execute("DROP TABLE ingestion.outbox_" + f"{datetime.now(UTC):%Y%m%d}")
        await write(pool, event(1))
        assert not await value(pool, "SELECT ingestion.make_outbox_partition((now() AT TIME ZONE 'UTC')::date)")
        publisher = Recorder()
        await Relay(pool, publisher).publish_batch()
        assert publisher.values == [1]

    with_pool(db_url, scenario)


@pytest.mark.alone
@pytest.mark.slow
def test_polling_stays_fast_over_a_million_dead_rows_and_an_open_snapshot(
    db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O8: p99 under 5 ms for the query. Without the horizon each would walk over all the dead rows: 280 ms."""
    took_ms: list[float] = []

    async def timed(*arguments: Any) -> Any:
        began_s = time.perf_counter()
        try:
            return await fetch_rows(*arguments)
        finally:
            took_ms.append((time.perf_counter() - began_s) * 1000)

    monkeypatch.setattr("ingestion.outbox.at_least_once_relay.fetch_rows", timed)

    async def scenario(pool: Pool) -> None:
        relay = Relay(pool, Recorder(), horizon=Horizon, batch_rows=100)
        async with await psycopg.AsyncConnection.connect(db_url) as old:
            await old.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await old.execute("SELECT count(*) FROM ingestion.outbox")
            async with transaction(pool) as connection:
                await connection.execute(
                    "INSERT INTO ingestion.outbox (aggregatetype, aggregateid, type, payload)"
                    " SELECT 't', 'k' || n, 'x', '1' FROM generate_series(1, 1000000) AS n"
                )
                await connection.execute("DELETE FROM ingestion.outbox")
            for _ in range(3):
                await relay.publish_batch()
            took_ms.clear()
            for n in range(300):
                await write(pool, event(n))
                assert (await relay.publish_batch()).published == 1

    with_pool(db_url, scenario)
    assert quantiles(took_ms, n=100)[98] < 5


def test_events_arrive_on_kafka_with_key_value_and_headers_in_order(db_url: str, servers: str) -> None:
    topic = new_topic(servers)

    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n, f"k{n % 7}") for n in range(2_500)))
        async with KafkaProducer(servers) as producer:
            relay = Relay(pool, producer, route=lambda _: topic)
            while (await relay.publish_batch()).published:
                pass

    with_pool(db_url, scenario)
    messages = consume(servers, topic)
    assert len(messages) == 2_500
    assert by_key(messages) == {b"k%d" % k: list(range(k, 2_500, 7)) for k in range(7)}
    headers = dict(messages[0].headers())
    assert headers["event_type"] == b"updated"
    assert headers["occurred_at"] == b"2026-11-23T12:00:00.000000Z"
    assert len({dict(m.headers())["event_id"] for m in messages}) == 2_500
