"""The exactly-once relay on the mock cluster: what it does when Kafka, the database or another relay went on without it."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from ingestion.errors import ConfigurationError, TransientError
from ingestion.outbox.exactly_once_relay import ExactlyOnceRelay
from ingestion.outbox.kafka_position import KafkaPosition, Kept
from ingestion.outbox.message import Message, Outcome
from ingestion.outbox.transactions import TransactionalProducer
from ingestion.store.database import Pool, transaction
from tests.migrated import rows, value, with_pool
from tests.outbox_world import by_key, consume, event, event_id, new_topic, write

WAITING = "SELECT count(*) FROM ingestion.outbox"
QUIET = {"log_level": 0}


@pytest.fixture
def servers(stack: dict[str, str]) -> str:
    return stack["KAFKA_BOOTSTRAP_SERVERS"]


def relay_of(pool: Pool, servers: str, topic: str, **more: int) -> ExactlyOnceRelay:
    return ExactlyOnceRelay(
        pool, servers, route=lambda _: topic, position_topic=f"{topic}.positions", settings=QUIET,
        poll_interval_s=0.05, **more,
    )  # fmt: skip


def test_no_row_is_passed_by_whatever_the_sizes(db_url: str, servers: str) -> None:
    """A tombstone has no size: it comes in its turn, and not before smaller rows that the batch had no room for."""
    topic = new_topic(servers)
    sizes = [400, 400, 1, None, 1, None, 900, None, 1, 300, 300]

    async def scenario(pool: Pool) -> None:
        await write(
            pool,
            *(event(n, payload=b"1" * size if size else None, is_tombstone=not size) for n, size in enumerate(sizes)),
        )
        assert await relay_of(pool, servers, topic, batch_bytes=500).run(until_empty=True) == len(sizes)

    with_pool(db_url, scenario)
    assert [len(m.value()) if m.value() else None for m in consume(servers, topic)] == sizes


@pytest.mark.parametrize("overtaken_by", [5, 20])
def test_a_restored_database_that_wrote_on_is_refused_and_loses_nothing(
    db_url: str, servers: str, overtaken_by: int
) -> None:
    """Its positions were given out twice: deleting up to Kafka's would delete what was written since."""
    topic = new_topic(servers)

    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n) for n in range(10)))
        await relay_of(pool, servers, topic).run(until_empty=True)
        async with transaction(pool) as connection:
            await connection.execute("ALTER SEQUENCE ingestion.outbox_positions RESTART WITH 3")
        await write(pool, *(event(100 + n) for n in range(overtaken_by)))
        for beyond in (False, True):  # also when somebody moves the sequence on
            if beyond:
                await value(pool, "SELECT setval('ingestion.outbox_positions', 1000)")
            with pytest.raises(ConfigurationError, match="UPDATE ingestion.outbox_identity"):
                await relay_of(pool, servers, topic).run()
            assert await value(pool, WAITING) == overtaken_by
        async with transaction(pool) as connection:
            await connection.execute("UPDATE ingestion.outbox_identity SET id = gen_random_uuid()")
        assert await relay_of(pool, servers, topic).run(until_empty=True) == overtaken_by

    with_pool(db_url, scenario)
    assert by_key(consume(servers, topic)) == {b"k": [*range(10), *range(100, 100 + overtaken_by)]}


def test_rows_that_a_crash_brought_back_are_still_taken_for_published(db_url: str, servers: str) -> None:
    """Nobody waits for the disk when rows are deleted: after a crash of Postgres the last ones are there again."""
    topic = new_topic(servers)

    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n) for n in range(30)))
        kept = await rows(pool, "SELECT position, created_at, id FROM ingestion.outbox ORDER BY position")
        await relay_of(pool, servers, topic, batch_rows=10).run(until_empty=True)
        async with transaction(pool) as connection:
            for row in kept[7:]:
                await connection.execute(
                    "INSERT INTO ingestion.outbox (position, created_at, id, aggregatetype, aggregateid, type, payload)"
                    " VALUES (%s, %s, %s, 'shop.orders', 'k', 'updated', '1')",
                    row,
                )
        await write(pool, event(1000))
        assert await relay_of(pool, servers, topic).run(until_empty=True) == 1

    with_pool(db_url, scenario)
    messages = consume(servers, topic)
    assert by_key(messages) == {b"k": [*range(30), 1000]}
    assert len({event_id(m) for m in messages}) == 31


class Elsewhere:
    """What a relay that took over has done in Kafka."""

    sent: list[list[bytes]]
    kept: Kept | None


class SlowToOpen:
    """A producer whose first batch is refused as a group: while it opens anew, another relay takes over and is done."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def publish(self, messages: Sequence[Message], mark: Message) -> Outcome:
        Elsewhere.sent.append([message.value or b"" for message in messages])
        async with await psycopg.AsyncConnection.connect(self.db_url, autocommit=True) as connection:
            [[last]] = await rows(connection, "SELECT max(position) FROM ingestion.outbox")
            await rows(
                connection,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
            Elsewhere.kept = Kept(last)
            await connection.execute("DELETE FROM ingestion.outbox")
        return Outcome({}, frozenset(range(len(messages))), "some of these are too large")

    db_url = ""


def test_a_relay_that_was_taken_over_from_publishes_no_more(db_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening anew shuts out the one that took over: nothing may be sent behind that on what was read before."""
    Elsewhere.sent, Elsewhere.kept, SlowToOpen.db_url = [], None, db_url
    module = "ingestion.outbox.exactly_once_relay"
    monkeypatch.setattr(f"{module}.TransactionalProducer", lambda *_, **__: SlowToOpen())

    async def read(_: KafkaPosition) -> Kept | None:
        return Elsewhere.kept

    monkeypatch.setattr(f"{module}.KafkaPosition.read", read)

    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n) for n in range(4)))
        assert await relay_of(pool, "nowhere:9", "t").run(until_empty=True) == 0

    with_pool(db_url, scenario)
    assert Elsewhere.sent == [[b"0", b"1", b"2", b"3"]]


@pytest.mark.parametrize("size", [0, 1, 4])
def test_a_mark_that_is_refused_is_nobodys_fault_among_the_messages(servers: str, size: int) -> None:
    """No message is set aside or tried again for it: whoever opens anew finds out what is wrong with its topic."""
    topic = new_topic(servers)

    async def scenario() -> None:
        producer = TransactionalProducer(servers, topic, timeout_s=20, settings=QUIET)
        await producer.open()
        messages = [Message(topic, b"k", b"%d" % n, []) for n in range(size)]
        try:
            with pytest.raises(TransientError, match="mark"):
                await producer.publish(messages, Message(topic, b"k", b"1" * 1_100_000, []))
            with pytest.raises(TransientError, match="open it first"):
                await producer.publish(messages, Message(topic, b"k", b"1", []))
        finally:
            await producer.close()

    asyncio.run(scenario())
