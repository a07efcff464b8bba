"""Both relays against Apache Kafka itself, killed at random moments (the seed is fixed), with a broker that dies, too."""

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from ingestion.errors import ConfigurationError, TransientError
from ingestion.outbox.at_least_once_relay import Relay
from ingestion.outbox.dead_events import dead_events
from ingestion.outbox.exactly_once_relay import ExactlyOnceRelay
from ingestion.outbox.kafka_position import KafkaPosition, Kept
from ingestion.outbox.message import Message, Outcome
from ingestion.outbox.producer import KafkaProducer
from ingestion.outbox.transactions import TransactionalProducer
from ingestion.store.database import Pool, migrate, open_pool, transaction
from tests.migrated import value, with_pool
from tests.outbox_program import end, end_all, relay_process
from tests.outbox_world import (
    by_key,
    consume,
    event,
    event_id,
    eventually,
    first_copies,
    new_topic,
    running,
    write,
)  # fmt: skip
from tests.own_servers import Broker, kafka
from tests.own_servers import end as end_server
from tests.own_servers import start as start_server
from workbook.stack.kafka_broker import what_is_missing

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(bool(what_is_missing()), reason=what_is_missing()),
]

WAITING = "SELECT count(*) FROM ingestion.outbox"
EVENTS = int(os.environ.get("OUTBOX_EVENTS", "100000"))
KILLS = 20
BATCH_ROWS = max(20, EVENTS // 400)
WRITERS = 4
SEED = 20261123


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with kafka() as running_broker:
        yield running_broker


@pytest.fixture
def servers(broker: Broker) -> str:
    return broker.variables()["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture
def migrated(db_url: str) -> str:
    async def main() -> None:
        async with open_pool(db_url) as pool:
            await migrate(pool)

    asyncio.run(main())
    return db_url


class Writers:
    """Threads that write events: several keys each, interleaved transactions, some rolled back."""

    def __init__(self, db_url: str, events: int) -> None:
        self._db_url = db_url
        self._each = events // WRITERS
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def _write(self, writer: int) -> None:
        rng, written = random.Random(SEED + writer), 0
        insert = """INSERT INTO ingestion.outbox (aggregatetype, aggregateid, type, payload)
            SELECT 'shop.orders', %s || n %% 25, 'updated', n::text::bytea FROM generate_series(%s::int, %s::int) AS n"""
        with psycopg.connect(self._db_url) as connection:
            while written < self._each:
                size = min(rng.randint(1, 120), self._each - written)
                connection.execute(insert, [f"w{writer}-", written, written + size - 1])
                time.sleep(rng.choice((0, 0.002, 0.02)))
                if rng.random() < 0.1:
                    connection.rollback()
                    continue
                connection.commit()
                written += size

    @property
    def expected(self) -> dict[bytes, list[int]]:
        return {
            f"w{writer}-{k}".encode(): list(range(k, self._each, 25)) for writer in range(WRITERS) for k in range(25)
        }


def waiting(db_url: str) -> int:
    with psycopg.connect(db_url) as connection:
        [count] = connection.execute(WAITING).fetchone() or [0]
        return int(count)


def lowest(db_url: str) -> int | None:
    with psycopg.connect(db_url) as connection:
        row = connection.execute("SELECT min(position) FROM ingestion.outbox").fetchone()
        return row[0] if row else None


def wait_for_progress(process: BaseProcess, db_url: str, within_s: float = 60) -> None:
    """Wait until the relay is in the midst of it, or has nothing to do."""
    first, deadline_s = lowest(db_url), time.monotonic() + within_s
    while first is not None and lowest(db_url) == first:
        assert process.is_alive(), "the relay ended by itself"
        assert time.monotonic() < deadline_s, "the relay publishes nothing"
        time.sleep(0.005)


def publish_and_kill(db_url: str, broker: Broker, topic: str, *, exactly_once: bool) -> dict[bytes, list[int]]:
    """Write, relay, kill the relay twenty times and the broker once; give what has to have arrived."""
    rng, in_the_midst, servers = random.Random(SEED), 0, broker.variables()["KAFKA_BOOTSTRAP_SERVERS"]

    def start() -> BaseProcess:
        return relay_process(db_url, servers, topic, exactly_once=exactly_once, batch_rows=BATCH_ROWS)

    with Writers(db_url, EVENTS) as writers:
        for kill in range(KILLS):
            process = start()
            wait_for_progress(process, db_url)
            if kill == KILLS // 2:
                broker.restart()
                wait_for_progress(process, db_url)
            time.sleep(rng.uniform(0, 0.1))
            in_the_midst += waiting(db_url) > 0
            end(process, signal.SIGKILL)
    process = start()
    deadline_s = time.monotonic() + 120
    while waiting(db_url):
        assert process.is_alive()
        assert time.monotonic() < deadline_s, f"{waiting(db_url)} events still wait"
        time.sleep(0.05)
    code, took_s = end(process)
    assert code == 0
    assert took_s < 10
    print(f"{in_the_midst} of {KILLS} killed with work left")
    assert in_the_midst >= KILLS * 3 // 4
    return writers.expected


def test_exactly_once_over_twenty_kills_and_a_broker_that_dies(migrated: str, broker: Broker, servers: str) -> None:
    """A `read_committed` consumer sees each event once, in order per key."""
    topic = new_topic(servers, make=True)
    expected = publish_and_kill(migrated, broker, topic, exactly_once=True)
    messages = consume(servers, topic, committed=True)
    aborted = len(consume(servers, topic)) - len(messages)
    print(f"{len(messages)} committed, {aborted} aborted")
    assert len(messages) == EVENTS
    assert by_key(messages) == expected


def test_at_least_once_over_twenty_kills_and_a_broker_that_dies(migrated: str, broker: Broker, servers: str) -> None:
    """O1, O2: nothing lost; repeated at most a batch a kill, with equal ids; in order for one who drops repetitions."""
    topic = new_topic(servers, make=True)
    expected = publish_and_kill(migrated, broker, topic, exactly_once=False)
    messages = consume(servers, topic)
    print(f"{len(messages) - EVENTS} repeated")
    assert len(messages) - EVENTS <= KILLS * BATCH_ROWS
    assert by_key(first_copies(messages)) == expected
    ids = {(m.key(), m.value()): event_id(m) for m in messages}
    assert all(ids[m.key(), m.value()] == event_id(m) for m in messages)


@pytest.mark.parametrize("exactly_once", [False, True])
def test_two_relay_processes_and_a_kill(migrated: str, servers: str, exactly_once: bool) -> None:
    """O3."""
    topic = new_topic(servers, make=True)
    both = [relay_process(migrated, servers, topic, exactly_once=exactly_once) for _ in range(2)]
    with Writers(migrated, 6_000) as writers:
        time.sleep(1.5)
        end(both[0], signal.SIGKILL)
    deadline_s = time.monotonic() + 60
    while waiting(migrated):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    assert end(both[1])[0] == 0
    messages = consume(servers, topic, committed=exactly_once)
    assert by_key(messages if exactly_once else first_copies(messages)) == writers.expected


@pytest.fixture
def small_topic(servers: str) -> str:
    return new_topic(servers, make=True, partitions=1, **{"max.message.bytes": "20000"})


def test_what_the_broker_refuses_is_found_among_its_company(servers: str, small_topic: str) -> None:
    """O7: a broker refuses the whole group that a message travelled in."""
    messages = [
        Message(small_topic, b"k%d" % (n % 3), b"%d" % n if n % 40 != 7 else b"9" * 30_000, []) for n in range(100)
    ]

    async def scenario() -> Outcome:
        async with KafkaProducer(servers, settings={"linger.ms": 50}) as producer:
            return await producer.publish(messages)

    outcome = asyncio.run(scenario())
    assert sorted(outcome.refused) == [7, 47, 87], outcome
    assert not outcome.undelivered
    assert by_key(consume(servers, small_topic)) == {
        b"k%d" % k: [n for n in range(k, 100, 3) if n % 40 != 7] for k in range(3)
    }


def test_the_exactly_once_relay_sets_aside_what_is_refused(db_url: str, servers: str, small_topic: str) -> None:
    async def scenario(pool: Pool) -> list[int]:
        await write(
            pool,
            *(event(n, f"k{n % 3}", payload=b"%d" % n if n % 40 != 7 else b"9" * 30_000) for n in range(100)),
        )
        relay = ExactlyOnceRelay(
            pool, servers, route=lambda _: small_topic, poll_interval_s=0.05,
            position_topic=f"{small_topic}.positions",
        )  # fmt: skip

        async def done() -> bool:
            return bool(await value(pool, WAITING) == 0)

        async with running(relay):
            await eventually(done, within_s=60)
        async with transaction(pool) as connection:
            return [dead.size_bytes or 0 for dead in await dead_events(connection)]

    assert with_pool(db_url, scenario) == [30_000] * 3
    messages = consume(servers, small_topic, committed=True)
    assert by_key(messages) == {b"k%d" % k: [n for n in range(k, 100, 3) if n % 40 != 7] for k in range(3)}


def test_an_unknown_topic_is_dead_and_the_others_flow(db_url: str, servers: str) -> None:
    """O7."""
    topic = new_topic(servers, make=True)

    async def scenario(pool: Pool) -> list[str]:
        await write(pool, *(event(n, f"k{n}", kind="no" if n == 3 else "yes") for n in range(10)))
        settings = {"topic.metadata.propagation.max.ms": 500, "allow.auto.create.topics": False}
        async with KafkaProducer(servers, settings=settings) as producer:
            relay = Relay(pool, producer, route=lambda kind: topic if kind == "yes" else "illegal topic/name")
            await relay.publish_batch()
        async with transaction(pool) as connection:
            return [dead.aggregateid for dead in await dead_events(connection)]

    assert with_pool(db_url, scenario) == ["k3"]
    assert len(consume(servers, topic)) == 9


def test_a_position_behind_another_outboxes_open_transaction_is_waited_for(servers: str) -> None:
    """A reader of what is committed sees the topic end there: an older position would publish events once more."""
    topic = f"{new_topic(servers, make=True)}.positions"
    hung = Producer({"bootstrap.servers": servers, "transactional.id": f"another {topic}"})

    async def scenario() -> list[Kept | None]:
        own, read = KafkaPosition(servers, "own", topic), KafkaPosition(servers, "own", topic, timeout_s=2)
        assert await own.read() is None
        producer = TransactionalProducer(servers, f"own {topic}")
        await producer.open()
        await producer.publish([], own.message(Kept(5)))
        hung.init_transactions(30)
        hung.begin_transaction()
        hung.produce(topic, b"{}", b"another")
        hung.flush(10)
        for position in (6, 7):
            await producer.publish([], own.message(Kept(position)))
        with pytest.raises(TransientError, match="another transaction is open"):
            await read.read()
        reading = asyncio.create_task(own.read())
        await asyncio.sleep(1)
        await asyncio.to_thread(hung.abort_transaction, 10)
        found = [await reading, await read.read()]
        await producer.close()
        return found

    assert asyncio.run(scenario()) == [Kept(7), Kept(7)]


def test_a_position_whose_topic_is_gone_is_no_reason_to_try_smaller_batches(db_url: str, servers: str) -> None:
    """Nobody makes topics here but the relay: it begins anew, makes its own, and each event is there once."""
    topic = new_topic(servers, make=True)
    positions = f"{topic}.positions"

    async def scenario(pool: Pool) -> None:
        read = KafkaPosition.read

        async def read_and_lose(self: KafkaPosition) -> Kept | None:
            kept = await read(self)
            if lost:
                admin = AdminClient({"bootstrap.servers": servers})
                await asyncio.to_thread(admin.delete_topics([lost.pop()])[positions].result)
                await asyncio.sleep(1)
            return kept

        lost = [positions]
        await write(pool, *(event(n, f"k{n % 3}") for n in range(10)))
        settings = {"allow.auto.create.topics": False, "topic.metadata.propagation.max.ms": 500, "log_level": 0}
        relay = ExactlyOnceRelay(pool, servers, route=lambda _: topic, position_topic=positions, settings=settings)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(KafkaPosition, "read", read_and_lose)
            assert await asyncio.wait_for(relay.run(until_empty=True), 60) == 10

    with_pool(db_url, scenario)
    assert by_key(consume(servers, topic, committed=True)) == {b"k%d" % k: list(range(k, 10, 3)) for k in range(3)}


def test_a_database_restored_from_a_backup_is_noticed(db_url: str, servers: str) -> None:
    topic = new_topic(servers, make=True)

    async def scenario(pool: Pool) -> None:
        def relay() -> ExactlyOnceRelay:
            return ExactlyOnceRelay(pool, servers, route=lambda _: topic, position_topic=f"{topic}.positions")

        async def done() -> bool:
            return bool(await value(pool, WAITING) == 0)

        await write(pool, *(event(n) for n in range(10)))
        async with running(relay()):
            await eventually(done)
        async with transaction(pool) as connection:
            await connection.execute("ALTER SEQUENCE ingestion.outbox_positions RESTART WITH 3")
        with pytest.raises(ConfigurationError, match="restored from a backup"):
            await relay().run()

    with_pool(db_url, scenario)


@pytest.mark.parametrize("exactly_once", [False, True])
def test_while_the_broker_is_away_rows_stay_and_then_go_on(migrated: str, broker: Broker, exactly_once: bool) -> None:
    """O6, O11: and a relay that is told to stop meanwhile ends in time."""
    servers = broker.variables()["KAFKA_BOOTSTRAP_SERVERS"]
    topic = new_topic(servers, make=True)

    def run(coroutine: object) -> object:
        return asyncio.run(coroutine)  # type: ignore[arg-type]

    async def add(numbers: range) -> None:
        async with open_pool(migrated) as pool:
            await write(pool, *(event(n, f"k{n % 3}") for n in numbers))

    relay = relay_process(migrated, servers, topic, exactly_once=exactly_once)
    run(add(range(100)))
    until_drained(migrated)
    end_server(broker)
    run(add(range(100, 200)))
    time.sleep(4)
    assert waiting(migrated) == 100
    idle = relay_process(migrated, servers, topic, exactly_once=exactly_once)
    time.sleep(1.5)
    code, took_s = end(idle)
    assert (code, took_s < 10) == (0, True)
    start_server(broker)
    until_drained(migrated)
    assert end(relay)[0] == 0
    assert by_key(consume(servers, topic, committed=exactly_once)) == {
        b"k%d" % k: list(range(k, 200, 3)) for k in range(3)
    }


def until_drained(db_url: str, within_s: float = 60) -> None:
    deadline_s = time.monotonic() + within_s
    while waiting(db_url):
        assert time.monotonic() < deadline_s, f"{waiting(db_url)} events still wait"
        time.sleep(0.05)
