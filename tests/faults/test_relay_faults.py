"""The relay, killed at each point where it matters, cut off from Kafka, and followed by a logical decoder."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest

from ingestion.outbox.at_least_once_relay import Relay
from ingestion.outbox.dead_events import redrive_dead
from ingestion.outbox.doorbell import listening, open_doorbell
from ingestion.outbox.message import Outcome
from ingestion.outbox.producer import KafkaProducer
from ingestion.store.database import Pool, transaction
from tests.migrated import rows, value, with_pool
from tests.outbox_program import CRASH_POINTS, crashing_process, end, end_all, relay_process
from tests.outbox_world import (
    Recorder,
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
from tests.own_servers import telling_postgres

WAITING = "SELECT count(*) FROM ingestion.outbox"
BATCH_ROWS = 20


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def servers(stack: dict[str, str]) -> str:
    return stack["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_crash_loses_nothing_and_repeats_at_most_the_batch_in_hand(db_url: str, servers: str, point: str) -> None:
    """O1, O2: the six points, each by SIGKILL; repetitions carry the id of the first."""
    topic = new_topic(servers)

    async def scenario(pool: Pool) -> int:
        await write(pool, *(event(n, f"k{n % 3}") for n in range(50)))
        process = crashing_process(point, db_url, servers, topic)
        await asyncio.to_thread(process.join, 20)
        assert process.exitcode == -9
        left = await value(pool, WAITING)
        async with KafkaProducer(servers) as producer:
            await Relay(pool, producer, route=lambda _: topic, batch_rows=BATCH_ROWS).run(until_empty=True)
        return int(left)

    left = with_pool(db_url, scenario)
    expected_left = {"after commit": [51], "after delete": [40]}
    assert left in expected_left.get(point, [50])
    messages = consume(servers, topic)
    told = {
        b"k%d" % k: list(range(k, 50, 3)) + ([1000] if k == 0 and point == "after commit" else []) for k in range(3)
    }
    assert by_key(first_copies(messages)) == told
    assert len(messages) - sum(map(len, told.values())) <= BATCH_ROWS
    if point in ("mid acks", "before delete"):
        assert len(messages) > 50
    ids = {(m.key(), m.value()): event_id(m) for m in messages}
    assert all(ids[m.key(), m.value()] == event_id(m) for m in messages)


def test_cut_off_from_kafka_every_row_stays_without_a_busy_loop_and_sigterm_ends_it(db_url: str) -> None:
    """O6, O11."""

    async def scenario(pool: Pool) -> None:
        await write(pool, *(event(n) for n in range(10)))
        process = relay_process(db_url, "127.0.0.1:9", "nowhere")
        await asyncio.sleep(1.5)
        began_s = cpu_s(process.pid)
        await asyncio.sleep(3)
        assert cpu_s(process.pid) - began_s < 0.45
        assert await value(pool, WAITING) == 10
        code, took_s = await asyncio.to_thread(end, process)
        assert code == 0
        assert took_s < 10
        assert await value(pool, WAITING) == 10

    with_pool(db_url, scenario)


def cpu_s(pid: int | None) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def test_a_relay_with_nothing_to_do_costs_nothing(db_url: str, servers: str) -> None:
    """O10: under 1 % of a core, once it has started."""

    async def scenario(pool: Pool) -> float:
        process = relay_process(db_url, servers, new_topic(servers))
        await asyncio.sleep(2)
        before_s, began_s = cpu_s(process.pid), time.monotonic()
        await asyncio.sleep(6)
        share = (cpu_s(process.pid) - before_s) / (time.monotonic() - began_s)
        assert (await asyncio.to_thread(end, process))[0] == 0
        return share

    share = with_pool(db_url, scenario)
    print(f"idle: {share:.2%} of a core")
    assert share < 0.01


@pytest.mark.alone
def test_from_commit_to_kafka_takes_milliseconds(db_url: str, servers: str) -> None:
    """O10: p50 under 20 ms, from the commit until the row is gone, which is after Kafka."""
    topic = new_topic(servers)

    async def scenario(pool: Pool) -> list[float]:
        took_ms = []
        async with (
            listening(db_url) as listener,
            open_doorbell(pool) as doorbell,
            KafkaProducer(servers) as producer,
            running(Relay(pool, producer, listener.wait, route=lambda _: topic)),
        ):
            for n in range(60):
                await write(pool, event(n))
                began_s = time.perf_counter()
                doorbell.ring()
                while await value(pool, WAITING):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                took_ms.append((time.perf_counter() - began_s) * 1000)
                await asyncio.sleep(0.02)
        return sorted(took_ms)

    took_ms = with_pool(db_url, scenario)
    print(f"commit to deleted after Kafka: p50 {took_ms[30]:.1f} ms, max {took_ms[-1]:.1f} ms")
    assert took_ms[30] < 20


@pytest.fixture(scope="module")
def telling_url() -> Iterator[str]:
    with telling_postgres() as url:
        yield url


def test_a_logical_decoder_sees_rows_come_and_go_and_no_update(telling_url: str) -> None:
    """O9: by pgoutput, as Debezium would read it: publishing, setting aside, failing and redriving included."""

    async def scenario(pool: Pool) -> dict[bytes, int]:
        async with await psycopg.AsyncConnection.connect(telling_url, autocommit=True) as connection:
            await connection.execute(
                "CREATE PUBLICATION events FOR TABLE ingestion.outbox WITH (publish_via_partition_root)"
            )
            await connection.execute("SELECT pg_create_logical_replication_slot('debezium', 'pgoutput')")
            await write(pool, *(event(n, f"k{n}") for n in range(50)))
            relay = Relay(pool, Recorder(Outcome({3: "no"}, frozenset({5}), "away"), Outcome({0: "no"})))
            await relay.publish_batch()
            await relay.publish_batch()
            async with transaction(pool) as inside:
                await redrive_dead(inside)
            await relay.run(until_empty=True)
            await connection.execute("CREATE TABLE flushed ()")  # the deletions do not wait for the disk, this does
            seen: dict[bytes, int] = {}
            for (change,) in await rows(
                connection,
                "SELECT data FROM pg_logical_slot_get_binary_changes('debezium', NULL, NULL,"
                " 'proto_version', '1', 'publication_names', 'events')",
            ):
                seen[change[:1]] = seen.get(change[:1], 0) + 1
            return seen

    seen = with_pool(telling_url, scenario)
    assert seen[b"I"] == seen[b"D"] == 52
    assert set(seen) <= {b"B", b"C", b"R", b"I", b"D"}, "no update (U), no truncation (T)"


@pytest.mark.parametrize("exactly_once", [False, True])
def test_with_a_database_that_hangs_it_still_ends_in_time(telling_url: str, servers: str, exactly_once: bool) -> None:
    """O11: no connection breaks and no answer comes, as behind a cut cable."""
    backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ingestion-relay'"

    async def scenario(pool: Pool) -> None:
        process = relay_process(telling_url, servers, new_topic(servers), exactly_once=exactly_once)

        async def at_work() -> bool:
            return bool(await value(pool, WAITING) == 0)

        await write(pool, event(1))
        await eventually(at_work, within_s=30)
        stopped = [pid for (pid,) in await rows(pool, backends)]
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(1.5)  # it polls meanwhile
            code, took_s = await asyncio.to_thread(end, process)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        assert code == 1, "an error, and no end of work"
        assert took_s < 10

    with_pool(telling_url, scenario)


def test_a_relay_that_lost_its_session_goes_on_with_another(db_url: str) -> None:
    """Lanes are free again, and nothing is skipped, whatever was known before."""

    async def scenario(pool: Pool) -> None:
        publisher = Recorder()
        async with running(Relay(pool, publisher, poll_interval_s=0.05)):
            for start in range(0, 30, 10):
                await write(pool, *(event(n, f"k{n}") for n in range(start, start + 10)))

                async def empty() -> bool:
                    return bool(await value(pool, WAITING) == 0)

                await eventually(empty)
                await value(
                    pool,
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ 'advisory'",
                )
        assert sorted(set(publisher.values)) == list(range(30))

    with_pool(db_url, scenario)
