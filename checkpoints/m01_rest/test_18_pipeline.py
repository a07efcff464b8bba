"""Lesson m01.18: one batch after the other, and a run that begins and ends as it should."""

import asyncio
import contextlib
import itertools
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.console import Stop
from ingestion.errors import ContractViolationError, CorruptError, TransientError
from ingestion.pipeline import Progress, drain, ingest
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import Connection, migrate, open_pool
from ingestion.store.run_ledger import Landed
from ingestion.store.watermarks import Bookmark, SourceBusyError, hold_source
from workbook import virtual_time
from workbook.grading import expect
from workbook.stack.databases import fresh_database

AT = datetime(2026, 1, 1, tzinfo=UTC)


def batch(stream: str, number: int, rows: int = 3, *, rejects: int = 0) -> Batch:
    records = tuple(Record.of("shop", stream, f"{number}-{row}", {"n": row}, AT) for row in range(rows))
    refused = tuple(Reject("shop", stream, b"%d-%d" % (number, row), "bad", row) for row in range(rejects))
    return Batch(records, Bookmark("shop", stream, str(number)), refused)


class Ahead:
    """Batches that wait to be taken; keeps a diary of what was taken and landed when."""

    def __init__(self, pages: list[int], *, failing: int | None = None, empty: bool = False) -> None:
        rows = 0 if empty else 3
        self.waiting = deque((batch("s", number, rows), count) for number, count in enumerate(pages))
        self.failing = failing
        self.diary: list[str] = []
        self.landing = self.most = self.landed = 0

    async def take(self) -> tuple[Batch, int] | None:
        await asyncio.sleep(0.01)
        if not self.waiting:
            return None
        self.diary.append(f"take {self.landed + self.landing}")
        return self.waiting.popleft()

    async def land(self, _: Batch) -> Landed:
        number = self.landed
        self.landing += 1
        self.most = max(self.most, self.landing)
        try:
            await asyncio.sleep(1)
            if number == self.failing:
                raise TransientError("Postgres is not available")
        finally:
            self.landing -= 1
        self.landed += 1
        self.diary.append(f"land {number}")
        return Landed(inserted=3, updated=number)

    def stop(self) -> None:
        self.waiting.clear()


def run_drain(ahead: Ahead, heard: list[Progress], stop: Stop | None = None) -> Progress:
    def on_progress(progress: Progress) -> None:
        heard.append(progress)
        ahead.diary.append(f"hear {progress.pages}")

    return virtual_time.run(drain(ahead, ahead.land, on_progress, stop or Stop()))  # type: ignore[arg-type]


def test_ex1_everything_lands_and_is_counted(rng: random.Random) -> None:
    """Every batch lands, and what was done is added up: rows, pages, finished."""
    pages = [rng.randint(1, 5) for _ in range(rng.randint(3, 8))]
    ahead = Ahead(pages)
    came = run_drain(ahead, [])
    wanted = Progress(Landed(3 * len(pages), sum(range(len(pages)))), sum(pages), finished=True)
    expect(came == wanted, expected=f"{wanted}", came=came, look_at="what `+` does with two Landed", hint=3)
    expect(ahead.landed == len(pages), expected=f"{len(pages)} batches landed", came=ahead.landed, hint=2)


def test_ex1_nothing_to_do(rng: random.Random) -> None:
    """A source with nothing new is a run that has finished, and nobody hears of progress."""
    heard: list[Progress] = []
    came = run_drain(Ahead([]), heard)
    expect(came == Progress(finished=True), expected=f"{Progress(finished=True)}", came=came, hint=2)
    expect(heard == [], expected="no call of on_progress", came=heard, hint=1)


def test_ex1_progress_is_what_has_landed(rng: random.Random) -> None:
    """on_progress hears of each batch once, after it has landed, with the sums so far."""
    pages = [rng.randint(1, 5) for _ in range(4)]
    ahead, heard = Ahead(pages), list[Progress]()
    run_drain(ahead, heard)
    sums = [(3 * (n + 1), sum(pages[: n + 1])) for n in range(4)]
    came = [(progress.landed.inserted, progress.pages) for progress in heard]
    expect(came == sums, expected=f"rows and pages {sums}", came=came, look_at="how often, and with what", hint=1)
    order = [entry.split()[0] for entry in ahead.diary]
    expect(
        order == ["take", "land", "hear"] * 4,
        expected="take, land, hear, take, land, hear, ...",
        came=", ".join(order[:8]),
        look_at="what is true when on_progress is called",
        hint=1,
    )

    finished = [progress.finished for progress in heard]
    expect(
        not any(finished),
        expected="no report that the source was read to its end, before it was",
        came=finished,
        look_at="what `finished` says, and when that is known",
        hint=2,
    )


def test_ex1_a_batch_without_rows_lands_too() -> None:
    """A batch without records has a position, and perhaps rejects: it lands, and is reported."""
    ahead, heard = Ahead([1, 2], empty=True), list[Progress]()
    run_drain(ahead, heard)
    expect(
        (ahead.landed, [progress.pages for progress in heard]) == (2, [1, 3]),
        expected="2 batches without records landed and reported, after 1 and 3 pages",
        came=f"{ahead.landed} landed, reported after {[progress.pages for progress in heard]} pages",
        look_at="what a batch holds besides its records",
        hint=1,
    )


def test_ex1_one_batch_at_a_time() -> None:
    """No two batches land at once, and none is taken while one lands."""
    ahead = Ahead([1] * 6)
    run_drain(ahead, [])
    expect(
        ahead.most == 1,
        expected="one landing at a time: positions must not overtake each other",
        came=f"{ahead.most} at once",
        hint=2,
    )


def test_ex1_a_failure_goes_through(rng: random.Random) -> None:
    """When landing fails, the error reaches the caller, nothing more is taken, and no progress is reported for it."""
    failing = rng.randint(1, 3)
    ahead, heard = Ahead([1] * 6, failing=failing), list[Progress]()
    try:
        run_drain(ahead, heard)
        came = "no error"
    except TransientError:
        came = "the error"
    expect(
        came == "the error",
        expected="the TransientError of landing",
        came=came,
        look_at="who else could report it",
        hint=1,
    )
    expect(
        len(heard) == failing and ahead.landed == failing and len(ahead.waiting) == 5 - failing,
        expected=f"{failing} batches reported, and none taken after the failure",
        came=f"{len(heard)} reported, {5 - failing - len(ahead.waiting)} taken after it",
        hint=1,
    )


def test_ex1_a_stop_lets_the_batch_in_hand_land() -> None:
    """A stop that is wanted while a batch lands: that batch lands, is reported, and is the last."""
    ahead, heard, stop = Ahead([1] * 6), list[Progress](), Stop()

    async def main() -> Progress:
        asyncio.get_running_loop().call_later(1.5, stop.want)
        return await drain(ahead, ahead.land, heard.append, stop)  # type: ignore[arg-type]

    came = virtual_time.run(main())
    expect(
        ahead.landed == 2 and len(heard) == 2,
        expected="2 batches landed and reported: the one in hand when the stop came is the second",
        came=f"{ahead.landed} landed, {len(heard)} reported",
        look_at="when you look at stop",
        hint=2,
    )
    expect(
        came.finished is False and came.pages == 2,
        expected="2 pages, not finished",
        came=came,
        look_at="what the next run has to know",
        hint=2,
    )


def test_ex1_a_stop_while_waiting_is_not_finished() -> None:
    """When a stop ends the reading, nothing more comes: that is not the end of the source."""
    ahead, stop = Ahead([]), Stop()
    stop.want()
    came = run_drain(ahead, [], stop)
    expect(came.finished is False, expected="finished=False", came=came, look_at="the two reasons for None", hint=2)


class Shop:
    """A source by script."""

    source = "shop"

    def __init__(self, stream: str, batches: list[Batch], *, error: Exception | None = None) -> None:
        self.stream, self.script, self.error = stream, batches, error
        self.started_at: list[Bookmark | None] = []
        self.look: Callable[[], Awaitable[None]] | None = None
        self.loads = 0

    async def last_position(self, connection: Connection) -> Bookmark | None:
        self.loads += 1
        if self.look:
            await self.look()
        return await Bookmark.load(connection, self.source, self.stream)

    async def batches(self, position: Bookmark | None) -> AsyncIterator[Batch]:
        self.started_at.append(position)
        for each in self.script:
            yield each
        if self.error:
            raise self.error


@pytest.fixture(scope="module")
def database(stack: dict[str, str]) -> Iterator[str]:
    with fresh_database(stack["DB_URL"]) as url:

        async def prepare() -> None:
            async with open_pool(url, max_connections=1) as pool:
                await migrate(pool)

        asyncio.run(prepare())
        yield url


@pytest.fixture
async def doors(database: str) -> AsyncIterator[tuple[Connection, Connection]]:
    """Two connections to the migrated database: for the run, and for somebody else."""
    async with await Connection.connect(database) as one, await Connection.connect(database) as other:
        await one.set_autocommit(True)
        await other.set_autocommit(True)
        yield one, other


@pytest.fixture(autouse=True)
def own_drain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the tests of ex2 a drain that works, so that they judge `ingest` alone."""

    async def working_drain(ahead: Any, land_batch: Any, on_progress: Any, stop: Stop) -> Progress:
        progress = Progress()
        while not stop.is_wanted and (taken := await ahead.take()) is not None:
            progress = Progress(progress.landed + await land_batch(taken[0]), progress.pages + taken[1])
            on_progress(progress)
        return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)

    if request.node.name.startswith("test_ex2"):
        monkeypatch.setattr("ingestion.pipeline.drain", working_drain)


STREAMS = itertools.count(1)


def stream_name(rng: random.Random) -> str:
    """Name a stream that no other test has: they share one database."""
    return f"orders_{next(STREAMS)}_{rng.randrange(10**6)}"


async def ledger(connection: Connection, stream: str) -> list[tuple[Any, ...]]:
    sql = "SELECT status, error, inserted FROM ingestion.runs WHERE stream = %s ORDER BY started_at"
    return await (await connection.execute(sql, [stream])).fetchall()


async def rows_of(connection: Connection, stream: str) -> int:
    row = await (
        await connection.execute("SELECT count(*) FROM ingestion.records WHERE stream = %s", [stream])
    ).fetchone()
    return int(row[0]) if row else 0


Doors = tuple[Connection, Connection]


async def test_ex2_lands_everything_and_says_so(doors: Doors, rng: random.Random) -> None:
    """All rows land, and the ledger says that the run succeeded."""
    stream, count = stream_name(rng), rng.randint(2, 5)
    progress = await ingest(Shop(stream, [batch(stream, n) for n in range(count)]), doors[0])
    expect(
        (progress.rows, progress.finished) == (3 * count, True),
        expected=f"{3 * count} rows and finished",
        came=progress,
        hint=2,
    )
    rows = await rows_of(doors[1], stream)
    expect(rows == 3 * count, expected=f"{3 * count} rows that another connection sees", came=rows, hint=2)
    came = await ledger(doors[1], stream)
    expect(
        came == [("succeeded", None, 3 * count)],
        expected=f"one run in the ledger: succeeded, {3 * count} rows",
        came=came,
        look_at="close_run",
        hint=2,
    )


async def test_ex2_an_empty_run_is_in_the_ledger(doors: Doors, rng: random.Random) -> None:
    """A run that found nothing has succeeded, and the ledger says so."""
    stream = stream_name(rng)
    await ingest(Shop(stream, []), doors[0])
    came = await ledger(doors[1], stream)
    expect(came == [("succeeded", None, 0)], expected="one run: succeeded, 0 rows", came=came, hint=2)


async def test_ex2_goes_on_from_the_last_position(doors: Doors, rng: random.Random) -> None:
    """The source is read from the position that the last run saved."""
    stream, shop = stream_name(rng), None
    for _ in range(2):
        shop = Shop(stream, [batch(stream, 7)])
        await ingest(shop, doors[0])
    assert shop is not None
    came = shop.started_at[0]
    expect(
        came == Bookmark("shop", stream, "7"),
        expected="the second run to start from the first one's position",
        came=came,
        look_at="last_position",
        hint=2,
    )


async def test_ex2_the_position_is_loaded_under_the_lease(doors: Doors, rng: random.Random) -> None:
    """While the position is loaded, and while batches land, nobody else can have the source."""
    stream = stream_name(rng)
    shop = Shop(stream, [batch(stream, 0)])
    free: list[str] = []

    async def try_it(when: str) -> None:
        with contextlib.suppress(SourceBusyError):
            async with hold_source(doors[1], "shop", stream):
                free.append(when)

    async def gate(each: Batch) -> Batch:
        await try_it("while a batch was read")
        return each

    shop.look = lambda: try_it("while the position was loaded")
    await ingest(shop, doors[0], gate=gate)
    expect(
        not free,
        expected="the lease to be held all the time",
        came="somebody else got it " + " and ".join(free),
        look_at="what stands inside hold_source",
        hint=1,
    )


async def test_ex2_a_busy_source_is_left_alone(doors: Doors, rng: random.Random) -> None:
    """While another run holds the source: SourceBusyError, nothing read, nothing in the ledger."""
    stream = stream_name(rng)
    shop = Shop(stream, [batch(stream, 0)])
    async with hold_source(doors[1], "shop", stream):
        try:
            came: object = await ingest(shop, doors[0])
        except SourceBusyError:
            came = SourceBusyError
    expect(came is SourceBusyError, expected="a SourceBusyError", came=came, hint=2)
    expect(
        shop.loads == 0 and not shop.started_at,
        expected="neither the position loaded nor the source read",
        came=f"{shop.loads} loads, {len(shop.started_at)} reads",
        look_at="what comes first",
        hint=1,
    )
    runs = await ledger(doors[1], stream)
    expect(runs == [], expected="no run in the ledger", came=runs, look_at="what is inside your try", hint=2)


@pytest.mark.parametrize("error", [CorruptError("page 3 is no page"), ValueError("a bug")])
async def test_ex2_a_failure_is_in_the_ledger_and_goes_on(doors: Doors, rng: random.Random, error: Exception) -> None:
    """When the source fails, what landed stays, the ledger says failed and why, and the error reaches the caller."""
    stream = stream_name(rng)
    try:
        await ingest(Shop(stream, [batch(stream, 0), batch(stream, 1)], error=error), doors[0])
        came: object = "no error"
    except (CorruptError, ValueError) as raised:
        came = raised
    expect(came is error, expected=f"the {type(error).__name__} itself", came=came, look_at="raise", hint=2)
    rows = await rows_of(doors[1], stream)
    expect(rows == 6, expected="the 6 rows before the failure", came=rows, hint=1)
    runs = await ledger(doors[1], stream)
    expect(
        len(runs) == 1 and runs[0][0] == "failed" and str(error) in (runs[0][1] or ""),
        expected=f"one run in the ledger: failed, with {str(error)!r}",
        came=runs,
        look_at="which errors you catch",
        hint=2,
    )


async def test_ex2_each_batch_commits_for_itself(doors: Doors, rng: random.Random) -> None:
    """On a connection as a pool gives it, which opens a transaction with any statement, batches commit one by one."""
    stream = stream_name(rng)
    await doors[0].set_autocommit(False)
    with contextlib.suppress(CorruptError):
        await ingest(Shop(stream, [batch(stream, 0), batch(stream, 1)], error=CorruptError("no page")), doors[0])
    rows = await rows_of(doors[1], stream)
    expect(
        rows == 6,
        expected="6 rows that another connection sees: what landed before the failure stays",
        came=rows,
        look_at="a transaction that was opened by a bare statement, and that nobody closed: who loads the position?",
        hint=2,
    )


async def test_ex2_no_position_is_a_failure_too(doors: Doors, rng: random.Random) -> None:
    """When the position cannot be loaded, the ledger says so, and the error reaches the caller."""
    stream, error = stream_name(rng), CorruptError("the position cannot be read")
    shop = Shop(stream, [batch(stream, 0)])

    async def fail() -> None:
        raise error

    shop.look = fail
    try:
        came: object = await ingest(shop, doors[0])
    except CorruptError as raised:
        came = raised
    expect(came is error, expected="the source's own error", came=came, look_at="raise", hint=2)
    runs = await ledger(doors[1], stream)
    expect(
        len(runs) == 1 and runs[0][0] == "failed" and str(error) in (runs[0][1] or ""),
        expected=f"one run in the ledger: failed, with {str(error)!r}",
        came=runs,
        look_at="what stands inside your try",
        hint=2,
    )


async def test_ex2_the_lease_ends_with_the_run(doors: Doors, rng: random.Random) -> None:
    """After a run, succeeded or failed, the source is free."""
    stream = stream_name(rng)
    for error in (None, CorruptError("no page")):
        with contextlib.suppress(CorruptError):
            await ingest(Shop(stream, [batch(stream, 0)], error=error), doors[0])
        try:
            async with hold_source(doors[1], "shop", stream):
                came = "free"
        except SourceBusyError as busy:
            came = str(busy)
        expect(came == "free", expected="a free source after the run", came=came, hint=2)


async def test_ex2_stopped_is_not_succeeded(doors: Doors, rng: random.Random) -> None:
    """A run that was stopped has not finished, and the ledger does not call it succeeded."""
    stream, stop = stream_name(rng), Stop()
    shop = Shop(stream, [batch(stream, n) for n in range(5)])
    progress = await ingest(shop, doors[0], stop=stop, on_progress=lambda _: stop.want())
    expect(
        progress.finished is False and progress.rows < 15, expected="an early end, not finished", came=progress, hint=2
    )
    runs = await ledger(doors[1], stream)
    expect(
        len(runs) == 1 and runs[0][:2] == ("failed", "stopped early"),
        expected="one run in the ledger: failed, 'stopped early'",
        came=runs,
        look_at="progress.finished",
        hint=2,
    )


async def test_ex2_what_the_gate_refuses_is_parked(doors: Doors, rng: random.Random) -> None:
    """Batches land as the gate gives them back."""
    stream = stream_name(rng)

    async def gate(each: Batch) -> Batch:
        refused = tuple(Reject("shop", stream, record.payload, "not this one", 0) for record in each.records[:1])
        return Batch(each.records[1:], each.position, refused)

    progress = await ingest(Shop(stream, [batch(stream, 0, 20)]), doors[0], gate=gate)
    came = (progress.landed.inserted, progress.landed.parked)
    expect(came == (19, 1), expected="19 rows landed and 1 parked", came=came, look_at="the gate argument", hint=3)


async def test_ex2_the_limit_on_rejects_is_passed_on(doors: Doors, rng: random.Random) -> None:
    """max_rejected_share reaches landing: half of a page refused ends a run by default, and not where it is allowed."""
    stream = stream_name(rng)
    page = batch(stream, 0, 15, rejects=15)
    try:
        came: object = await ingest(Shop(stream, [page]), doors[0])
    except ContractViolationError:
        came = ContractViolationError
    expect(came is ContractViolationError, expected="a ContractViolationError by default", came=came, hint=3)
    progress = await ingest(Shop(stream, [page]), doors[0], max_rejected_share=0.9)
    expect(
        progress.rows == 15,
        expected="15 rows landed with max_rejected_share=0.9",
        came=progress,
        look_at="the arguments of land",
        hint=3,
    )
