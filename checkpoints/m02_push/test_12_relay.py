"""Lesson m02.12: lanes keep each key's order, only what Kafka has is deleted, and the conveyor overtakes nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from ingestion.errors import IngestionError
from ingestion.outbox.message import COLUMNS, OutboxRow, Outcome, fetch_rows
from ingestion.outbox.relay import LANE_LOCKS, LANES, convey, settle, take_lanes
from ingestion.outbox.writer import OutboxEvent, add_events
from ingestion.store.database import Connection, Pool, migrate, open_pool, transaction
from workbook import virtual_time
from workbook.grading import expect
from workbook.stack.databases import fresh_database

SOON_S = 2.0
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def migrated(stack: Mapping[str, str]) -> Iterator[str]:
    async def prepare() -> None:
        async with open_pool(url, max_connections=1) as pool:
            await migrate(pool)

    with fresh_database(stack["DB_URL"]) as url:
        asyncio.run(prepare())
        yield url


@pytest.fixture
async def pool(migrated: str) -> AsyncIterator[Pool]:
    async with open_pool(migrated, max_connections=4) as pool:
        async with transaction(pool) as connection:
            await connection.execute("DELETE FROM ingestion.outbox; DELETE FROM ingestion.outbox_dead")
        yield pool


async def held(connection: Connection, asker: Connection) -> set[int]:
    """The lanes that the session behind *connection* has locked, and nothing else that it has locked."""
    statement = """SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND pid = %s AND granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                   AND classid::bigint = %s::bigint & 4294967295 AND objsubid = 2"""
    async with transaction(asker):
        found = await asker.execute(statement, [connection.info.backend_pid, LANE_LOCKS])
        return {lane for (lane,) in await found.fetchall()}


async def take(connection: Connection, wanted: list[int], limit: int) -> list[int]:
    """What `take_lanes` gives, if it gives it soon."""
    try:
        async with asyncio.timeout(SOON_S):
            return await take_lanes(connection, wanted, limit)
    except TimeoutError:
        await connection.close()
        expect(
            False, expected="an answer at once", came=f"none in {SOON_S:g} s", look_at="what waits for a lane", hint=3
        )
        raise


async def release(*connections: Connection) -> None:
    for connection in connections:
        await connection.rollback()
        await connection.execute("SELECT pg_advisory_unlock_all()")
        await connection.commit()


async def test_ex1_the_wanted_lanes_in_their_order(pool: Pool, rng: random.Random) -> None:
    """Of free lanes it takes the first ones wanted, and the session then holds exactly those."""
    async with pool.connection() as one, pool.connection() as asker:
        for limit in (LANES, rng.randint(3, 9), 1):
            wanted = rng.sample(range(LANES), LANES)
            came = await take(one, wanted, limit)
            expect(came == wanted[:limit], expected=f"{wanted[:limit]}, all lanes being free", came=came, hint=2)
            locked = await held(one, asker)
            expect(
                locked == set(came),
                expected=f"the session to hold the locks of {sorted(came)} and no others",
                came=f"it holds {sorted(locked)}",
                look_at="which lanes were asked for before the limit was reached",
                hint=2,
            )
            await release(one)


async def test_ex1_lanes_of_others_are_skipped(pool: Pool, rng: random.Random) -> None:
    """What another session is in is left out, at once and without a lock; the limit counts what is taken."""
    async with pool.connection() as one, pool.connection() as two, pool.connection() as asker:
        others = rng.sample(range(LANES), 6)
        for lane in others:
            await one.execute("SELECT pg_advisory_lock(%s::int4, %s::int4)", [LANE_LOCKS, lane])
        await one.commit()
        free = [lane for lane in range(LANES) if lane not in others]
        came = await take(two, list(range(LANES)), 5)
        expect(
            came == free[:5],
            expected=f"{free[:5]} (another session is in {sorted(others)})",
            came=came,
            look_at="lanes that another is in",
            hint=2,
        )
        expect(
            await held(two, asker) == set(came),
            expected="no lock but those of the lanes given",
            came=sorted(await held(two, asker)),
            hint=2,
        )
        none = await take(two, others, LANES)
        expect(none == [], expected="no lane, if others are in all that are wanted", came=none, hint=2)
        await release(one, two)


async def test_ex1_it_lasts_beyond_transactions(pool: Pool) -> None:
    """The lanes stay taken after commits and rollbacks, no transaction is left open, and they end with the session."""
    async with pool.connection() as two, pool.connection() as asker:
        async with await psycopg.AsyncConnection.connect(pool.conninfo) as one:
            mine = await take(one, [3, 5], 2)
            status = one.info.transaction_status
            expect(
                status == TransactionStatus.IDLE,
                expected="no transaction left open",
                came=status.name,
                look_at="who commits",
                hint=2,
            )
            await one.rollback()
            async with one.transaction():
                await one.execute("SELECT 1")
            locked = await held(one, asker)
            expect(
                locked == set(mine) == {3, 5},
                expected="lanes 3 and 5 still taken after the next transactions",
                came=sorted(locked),
                look_at="locks of a transaction and locks of a session",
                hint=3,
            )
            came = await take(two, [3, 4, 5], 3)
            expect(came == [4], expected="another session to get lane 4 only", came=came, hint=2)
        for _ in range(100):
            again = await take(two, [3, 5], 2)
            if again == [3, 5]:
                break
            await release(two)
            await asyncio.sleep(0.01)
        expect(
            again == [3, 5],
            expected="lanes 3 and 5 free once that session has ended",
            came=again,
            look_at="where the lock lives",
        )
        await release(two)


async def written(pool: Pool, count: int) -> list[OutboxRow]:
    """Rows of the outbox, as a relay reads them."""
    events = [OutboxEvent("shop.orders", f"order {n % 3}", "updated", b"%d" % n, NOON) for n in range(count)]
    async with transaction(pool) as connection:
        await add_events(connection, events)
    async with transaction(pool) as connection:
        return await fetch_rows(connection, f"SELECT {COLUMNS} FROM ingestion.outbox ORDER BY position", [])


async def left(pool: Pool) -> tuple[list[int], dict[int, tuple[str, str]]]:
    """Positions in the outbox, and topic and reason of the dead by position."""
    async with transaction(pool) as connection:
        waiting = await (await connection.execute("SELECT position FROM ingestion.outbox ORDER BY position")).fetchall()
        dead = await (await connection.execute("SELECT position, topic, reason FROM ingestion.outbox_dead")).fetchall()
    return [position for (position,) in waiting], {position: (topic, reason) for position, topic, reason in dead}


def expect_left(
    came: tuple[list[int], dict[int, tuple[str, str]]],
    rows: list[OutboxRow],
    waiting: set[int],
    dead: Mapping[int, tuple[str, str]],
    *,
    when: str,
    look_at: str,
) -> None:
    """Compare what is left with the indices of the rows that should be."""
    index = {row.position: n for n, row in enumerate(rows)}
    now = {index.get(position, position) for position in came[0]}
    expect(
        now == waiting,
        expected=f"rows {sorted(waiting)} in the outbox {when}",
        came=f"rows {sorted(now)}",
        look_at=look_at,
        hint=2,
    )
    dead_now = {index[position]: why for position, why in came[1].items()}
    expect(
        dead_now == dead,
        expected=f"among the dead {when}: {dict(dead) or 'nothing'}",
        came=str(dead_now or "nothing"),
        look_at="what Kafka will never take",
        hint=3,
    )


async def test_ex2_delivered_go_undelivered_stay_refused_are_set_aside(pool: Pool, rng: random.Random) -> None:
    """Each row ends where its outcome says; doing it again changes nothing."""
    rows = await written(pool, 12)
    rng.shuffle(rows)  # an index is a place in what was given, whatever the positions are
    chosen = rng.sample(range(12), 5)
    refused = {chosen[0]: "too large", chosen[1]: "no such topic"}
    topics = {index: f"topic {index}" for index in refused}
    outcome = Outcome(refused, frozenset(chosen[2:]), "away")
    async with pool.connection() as connection:
        for _ in range(2):
            await settle(connection, rows, topics, outcome)
            status = connection.info.transaction_status
            expect(
                status == TransactionStatus.IDLE,
                expected="no transaction left open",
                came=status.name,
                look_at="who commits",
                hint=3,
            )
            expect_left(
                await left(pool), rows, set(chosen[2:]), {n: (topics[n], why) for n, why in refused.items()},
                when="after settling", look_at="which rows are surely in Kafka",
            )  # fmt: skip


async def test_ex2_rows_of_others_stay(pool: Pool) -> None:
    """A lower position that commits between reading and settling stays, and so does everything else not in the batch."""
    async with pool.connection() as late, pool.connection() as connection:
        async with transaction(late):
            await add_events(late, [OutboxEvent("shop.orders", "late", "updated", b"0", NOON)])
            rows = await written(pool, 6)
        await settle(connection, rows[:4], {}, Outcome())
    waiting, _ = await left(pool)
    expect(
        len(waiting) == 3 and waiting[0] < rows[0].position,
        expected="one row that committed late, below the batch, and two above it in the outbox",
        came=f"{[position - rows[0].position for position in waiting]} (positions counted from the first of the batch)",
        look_at="whether the delete names rows or a range",
        hint=2,
    )


async def test_ex2_all_of_it_or_nothing(pool: Pool) -> None:
    """If the delete fails, nothing has been set aside either, and the error comes through."""
    rows = await written(pool, 4)
    async with transaction(pool) as connection:
        await connection.execute(
            """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$;
            CREATE TRIGGER refuse BEFORE DELETE ON ingestion.outbox FOR EACH ROW EXECUTE FUNCTION refuse()"""
        )
    failed = None
    try:
        async with pool.connection() as connection:
            await settle(connection, rows, {1: "topic"}, Outcome({1: "too large"}))
    except (IngestionError, psycopg.Error) as error:
        failed = error
    finally:
        async with transaction(pool) as connection:
            await connection.execute("DROP FUNCTION refuse CASCADE")
    expect(failed is not None, expected="the error of a delete that fails", came="none")
    expect_left(
        await left(pool),
        rows,
        {0, 1, 2, 3},
        {},
        when="after the delete failed",
        look_at="what a crash between the two leaves",
    )


def a_row(position: int) -> OutboxRow:
    return OutboxRow(position, NOON, b"shop.orders", b"k%d" % (position % 3), b"x", b"%d" % position, b"", b"{}")


class World:
    """Rows in memory; notes what is done to them and when, and does what its script says."""

    def __init__(
        self, count: int, batch: int = 5, *, read_s: float = 1, publish_s: float = 3, settle_s: float = 1
    ) -> None:
        self.rows = [a_row(n) for n in range(1, count + 1)]
        self.batch, self.read_s, self.publish_s, self.settle_s = batch, read_s, publish_s, settle_s
        self.outcomes: dict[int, Outcome] = {}
        self.fails_at: dict[str, int] = {}
        self.published: list[list[int]] = []
        self.settled: list[tuple[list[int], Outcome]] = []
        self.at_work: list[str] = []
        self.trouble: list[str] = []
        self.cancelled = 0

    async def _busy(self, what: str, for_s: float, alone: tuple[str, ...]) -> None:
        self.trouble += [f"{what} while {other} is at work" for other in self.at_work if other in alone]
        self.at_work.append(what)
        try:
            await asyncio.sleep(for_s)
        finally:
            self.at_work.remove(what)

    async def read(self, under_way: list[OutboxRow]) -> list[OutboxRow]:
        await self._busy("read", self.read_s, ("read", "settle"))
        if under_way and self.fails_at.get("read") == under_way[-1].position:
            raise IngestionError("reading failed")
        return [row for row in self.rows if row not in under_way][: self.batch]

    async def publish(self, rows: list[OutboxRow]) -> Outcome:
        self.published.append([row.position for row in rows])
        outcome = self.outcomes.get(len(self.published), Outcome())
        try:
            await self._busy("publish", self.publish_s, ("publish",))
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)  # as a producer does: it makes sure that nothing more is sent
            self.cancelled += 1
            raise
        return outcome

    async def settle(self, rows: list[OutboxRow], outcome: Outcome) -> None:
        await self._busy("settle", self.settle_s, ("read", "settle"))
        if self.fails_at.get("settle") == rows[0].position:
            raise IngestionError("settling failed")
        self.settled.append(([row.position for row in rows], outcome))
        done = [row for index, row in enumerate(rows) if index not in outcome.undelivered]
        self.rows = [row for row in self.rows if row not in done]


def played(world: World) -> None:
    virtual_time.run(_play(world))


async def _play(world: World) -> None:
    try:
        async with asyncio.timeout(1_000):
            await convey(world)
    except TimeoutError:
        came = f"batches {world.published[:4]}, and so on without end"
        expect(False, expected="an end", came=came, look_at="what each read is told is under way", hint=2)


def test_ex3_every_batch_once_in_order_and_settled_with_its_outcome(rng: random.Random) -> None:
    """All batches are published in the order of reading, and each is settled once, with what became of it."""
    count = rng.randint(23, 49)
    world = World(count)
    world.outcomes = {2: Outcome({1: "refused"}), 4: Outcome({0: "refused"})}
    played(world)
    wanted = [list(range(first, min(first + 5, count + 1))) for first in range(1, count + 1, 5)]
    expect(
        world.published == wanted,
        expected=f"batches {wanted} published",
        came=str(world.published),
        look_at="what each read is told is under way",
        hint=1,
    )
    settled = [rows for rows, _ in world.settled]
    expect(
        sorted(settled) == wanted,
        expected=f"{len(wanted)} batches settled, each once",
        came=f"{len(settled)}: {settled}",
        look_at="the last batch, and the one before",
        hint=2,
    )
    outcomes = [world.outcomes.get(number, Outcome()) for number in range(1, len(wanted) + 1)]
    given = [outcome for _, outcome in sorted(world.settled, key=lambda each: each[0])]
    expect(given == outcomes, expected="each batch settled with its own outcome", came=str(given), hint=2)
    expect(
        not world.trouble,
        expected="one publishing at a time, and reading and settling never at once",
        came=", ".join(sorted(set(world.trouble))),
        look_at="how many connections there are",
        hint=3,
    )


def test_ex3_nothing_to_do() -> None:
    """A read that gives nothing ends the turn: nothing is published, and nothing settled; otherwise rows end up settled."""
    for count in (0, 3):
        world = World(count)
        played(world)
        expect(
            (len(world.published), len(world.settled)) == (count // 3, count // 3),
            expected=f"{count // 3} batches published and settled, of {count} rows",
            came=f"{len(world.published)} published, {len(world.settled)} settled",
            hint=3,
        )


@pytest.mark.parametrize(("read_s", "publish_s", "settle_s"), [(1.0, 3.0, 1.0), (2.0, 2.5, 0.2)])
def test_ex3_postgres_works_while_kafka_does(read_s: float, publish_s: float, settle_s: float) -> None:
    """With Kafka the slower, a turn takes as long as Kafka takes, one read at the start and one settling at the end."""

    async def timed() -> float:
        await convey(world)
        return asyncio.get_running_loop().time()

    world = World(50, read_s=read_s, publish_s=publish_s, settle_s=settle_s)
    came_s = virtual_time.run(timed())
    best_s = read_s + 10 * publish_s + settle_s
    expect(
        came_s <= best_s + 0.01,
        expected=f"ten batches in {best_s:g} s ({publish_s:g} s each in Kafka; reading and settling beside it)",
        came=f"{came_s:g} s",
        look_at="who waits for whom",
        hint=2,
    )


def test_ex3_nothing_overtakes_what_is_undelivered(rng: random.Random) -> None:
    """After a batch with undelivered rows nothing more is published in this turn, and that batch is settled as well."""
    bad = rng.randint(1, 6)
    world = World(50)
    world.outcomes = {bad: Outcome({}, frozenset({rng.randrange(5)}), "away")}
    played(world)
    expect(
        len(world.published) == bad,
        expected=f"nothing published after batch {bad}, of which a row was undelivered",
        came=f"{len(world.published)} batches",
        look_at="when the next batch may begin",
        hint=1,
    )
    expect(
        len(world.settled) == bad,
        expected=f"{bad} batches settled: what is known is written down",
        came=f"{len(world.settled)}",
        hint=2,
    )


@pytest.mark.parametrize("what", ["settle", "read"])
def test_ex3_a_failure_leaves_no_publishing_behind(what: str) -> None:
    """If settling or reading fails, what is being published is cancelled and has ended before the error comes through."""

    async def failing() -> tuple[str, int, int]:
        try:
            await convey(world)
        except IngestionError as error:
            return str(error), len(world.published), world.at_work.count("publish") + (world.cancelled == 0)
        return "no error", len(world.published), 0

    world = World(50)
    world.fails_at = {"settle": 6} if what == "settle" else {"read": 10}
    said, published, still = virtual_time.run(failing())
    expect(said in ("settling failed", "reading failed"), expected="the error itself", came=said)
    expect(
        published == (3 if what == "settle" else 2),
        expected="no further batch published",
        came=f"{published} batches",
        hint=1,
    )
    expect(
        still == 0,
        expected="the publishing under way cancelled, and over, when the error comes through",
        came="it still goes on",
        look_at="a task that nobody waits for",
        hint=3,
    )


def test_ex3_cancelled_it_stops_at_once() -> None:
    """A relay that is cancelled leaves no publishing behind, at whatever moment."""

    async def cancelled(at_s: float) -> list[str]:
        turn = asyncio.create_task(convey(world))
        await asyncio.sleep(at_s)
        turn.cancel()
        await asyncio.wait([turn])
        if turn.done() and not turn.cancelled() and isinstance(error := turn.exception(), NotImplementedError):
            raise error
        before = len(world.published)
        still = list(world.at_work)
        await asyncio.sleep(30)
        return still + ["another batch"] * (len(world.published) - before)

    for at_s in (0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.2):
        world = World(50)
        came = virtual_time.run(cancelled(at_s))
        expect(
            came == [],
            expected=f"nothing at work after it was cancelled at {at_s:g} s",
            came=", ".join(came),
            look_at="a task that nobody cancels",
            hint=3,
        )


class Unlucky(World):
    """Takes random times; Kafka loses some acknowledgements, and some of the messages."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(40)
        self.rng, self.topic = rng, list[int]()

    async def read(self, under_way: list[OutboxRow]) -> list[OutboxRow]:
        await asyncio.sleep(self.rng.uniform(0.1, 1))
        return [row for row in self.rows if row not in under_way][: self.batch]

    async def publish(self, rows: list[OutboxRow]) -> Outcome:
        reached = self.rng.choice([len(rows)] * 4 + [2, 0])
        for row in rows[:reached]:
            await asyncio.sleep(self.rng.uniform(0.05, 0.4))
            self.topic.append(row.position)
        surely = reached if reached >= len(rows) else self.rng.randint(0, reached)
        return Outcome({}, frozenset(range(surely, len(rows))), "away")

    async def settle(self, rows: list[OutboxRow], outcome: Outcome) -> None:
        await asyncio.sleep(self.rng.uniform(0.1, 1))
        gone = {row.position for index, row in enumerate(rows) if index not in outcome.undelivered}
        self.rows = [row for row in self.rows if row.position not in gone]


def test_ex3_the_history_holds_under_any_kills(rng: random.Random) -> None:
    """However often a relay dies: nothing is lost, first copies of a key are in order, a kill repeats two batches at most."""

    async def lives(world: Unlucky, kills: int) -> int:
        attempts = 0
        while world.rows and attempts < 300:
            attempts += 1
            try:
                async with asyncio.timeout(world.rng.uniform(0.5, 8) if attempts <= kills else None):
                    await convey(world)
            except TimeoutError:
                pass
        return attempts

    for _ in range(25):
        world = Unlucky(random.Random(rng.random()))
        attempts = virtual_time.run(lives(world, 4))
        first = list(dict.fromkeys(world.topic))
        lost = sorted(set(range(1, 41)) - set(first))
        expect(
            not lost,
            expected="every row in the topic, over four kills",
            came=f"lost: {lost}",
            look_at="when a row is deleted",
            hint=1,
        )
        for key in range(3):
            mine = [position for position in first if position % 3 == key]
            expect(
                mine == sorted(mine),
                expected="the first copies of each key in order",
                came=str(mine),
                look_at="what may be under way at once",
                hint=1,
            )
        repeated = len(world.topic) - len(first)
        expect(
            repeated <= attempts * 10,
            expected=f"at most two batches repeated in each of {attempts} lives",
            came=f"{repeated} repetitions",
            look_at="how many batches are in hand",
            hint=2,
        )
