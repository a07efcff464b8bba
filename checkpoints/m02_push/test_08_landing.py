"""Lesson m02.08: what changed is written and told once, what is bad stands alone, and a batch lands together or not at all."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from ingestion.errors import ContractViolationError, IngestionError, TransientError
from ingestion.landing import RefusedError, Rejects, change_rows, change_what_fits, land_together
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import Connection, Pool, migrate, open_pool, transaction
from ingestion.store.run_ledger import Landed, Run
from workbook.grading import expect
from workbook.stack.databases import fresh_database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_record(number: int, version: int = 0, text: str = "") -> Record:
    at = NOON + timedelta(seconds=version)
    return Record.of("shop", "orders", f"ord_{number:04}", {"id": number, "text": text, "at": version}, at)


@pytest.fixture(scope="module")
def migrated(stack: Mapping[str, str]) -> Iterator[str]:
    async def prepare() -> None:
        async with open_pool(url, max_connections=1) as pool:
            await migrate(pool)
            async with transaction(pool) as connection:
                await connection.execute("CREATE TABLE changed (key text)")

    with fresh_database(stack["DB_URL"]) as url:
        asyncio.run(prepare())
        yield url


@pytest.fixture
async def pool(migrated: str) -> AsyncIterator[Pool]:
    async with open_pool(migrated, max_connections=3) as pool:
        async with transaction(pool) as connection:
            tables = "records, outbox, dead_letters, runs, watermarks"
            await connection.execute(
                "TRUNCATE " + ", ".join(f"ingestion.{t}" for t in tables.split(", ")) + ", changed"
            )
        yield pool


async def query(door: Pool | Connection, sql: str) -> list[tuple[Any, ...]]:
    async with transaction(door) as connection:
        return await (await connection.execute(sql)).fetchall()


async def change(pool: Pool, records: Sequence[Record], versions: Any = "newest") -> tuple[int, int]:
    """What `change_rows` gives, with the learner's statement in it."""
    try:
        async with transaction(pool) as connection:
            return await change_rows(connection, records, versions=versions)
    except IngestionError as error:
        cause = error.__cause__ or error
        expect(
            False,
            expected=f"a statement that Postgres runs ({versions!r})",
            came=f"{type(cause).__name__}: {str(cause).splitlines()[0]}",
            look_at="the SQL that landed_sql gives",
            hint=3,
        )
        raise AssertionError from error


async def stored(pool: Pool) -> dict[str, bytes]:
    return dict(await query(pool, "SELECT key, content_hash FROM ingestion.records"))  # type: ignore[arg-type]


async def told(pool: Pool) -> list[tuple[Any, ...]]:
    return await query(pool, "SELECT aggregateid, type, payload FROM ingestion.outbox ORDER BY position")


async def test_ex1_what_is_new_is_inserted_and_told(pool: Pool, rng: random.Random) -> None:
    """New rows are counted as new, stored whole, and told of once each."""
    records = [a_record(number, text="é\\u0041" * number) for number in rng.sample(range(1000), 40)]
    came = await change(pool, records)
    expect(came == (40, 0), expected="(40, 0): 40 new, none replaced", came=came, look_at="is_new", hint=3)
    rows = await query(
        pool, "SELECT source, stream, key, payload, occurred_at, content_hash FROM ingestion.records ORDER BY key"
    )
    wanted = [(r.source, r.stream, r.key, r.data(), r.occurred_at, r.content_hash) for r in records]
    expect(
        rows == sorted(wanted, key=lambda row: row[2]),
        expected="each column as in the record",
        came=rows[:1],
        look_at="the order of the columns, and convert_from",
    )
    kinds = {kind for _, kind, _ in await told(pool)}
    expect(
        len(await told(pool)) == 40 and kinds == {"inserted"},
        expected="40 events of type inserted",
        came=(len(await told(pool)), kinds),
        look_at="what comes back",
        hint=3,
    )


async def test_ex1_the_newest_stays_in_whatever_order_versions_come(pool: Pool, rng: random.Random) -> None:
    """By occurred_at, then by content hash: any order of arrival ends in the same table."""
    versions = [a_record(n, v, text) for n in range(4) for v in range(3) for text in ("a", "b")]
    newest = {r.key: r for r in sorted(versions, key=lambda r: (r.occurred_at, r.content_hash))}
    for _ in range(4):
        async with transaction(pool) as connection:
            await connection.execute("TRUNCATE ingestion.records")
        for record in rng.sample(versions, len(versions)):
            await change(pool, [record])
        came = await stored(pool)
        expect(
            came == {key: record.content_hash for key, record in newest.items()},
            expected="the latest instant of each key and, at one instant, the greater content hash",
            came={key: next(r.data() for r in versions if r.content_hash == digest) for key, digest in came.items()},
            look_at="the WHERE of the update",
            hint=2,
        )


async def test_ex1_a_replaced_row_is_wholly_the_new_one(pool: Pool) -> None:
    """Payload, instant, hash and landed_at move together, and the event has the new payload."""
    await change(pool, [a_record(1)])
    [before] = await query(pool, "SELECT landed_at FROM ingestion.records")
    new = a_record(1, version=5, text="new")
    came = await change(pool, [new])
    expect(came == (0, 1), expected="(0, 1): one replaced", came=came, look_at="is_new", hint=3)
    [row] = await query(
        pool, "SELECT payload, occurred_at, content_hash, landed_at > '-infinity' FROM ingestion.records"
    )
    expect(
        row[:3] == (new.data(), new.occurred_at, new.content_hash), expected="the new version in each column", came=row
    )
    [after] = await query(pool, "SELECT landed_at FROM ingestion.records")
    expect(after > before, expected="landed_at moved", came="the same as before", look_at="the columns after SET")
    event = (await told(pool))[-1]
    expect(
        event == ("shop.orders/ord_0001", "updated", new.payload),
        expected="an event of type updated with the new payload",
        came=event,
        hint=3,
    )
    came = await change(pool, [msgspec.structs.replace(new, occurred_at=NOON + timedelta(seconds=60))])
    expect(
        came == (0, 1),
        expected="(0, 1) for a later version that says the same: it is the one that the next is compared with",
        came=came,
        look_at="what makes a version newer",
        hint=2,
    )


@pytest.mark.parametrize("versions", ["newest", "first"])
async def test_ex1_what_is_there_is_not_written_again(pool: Pool, rng: random.Random, versions: str) -> None:
    """Landing the same, or an older version, touches no row and tells nobody."""
    records = [a_record(number, version=3) for number in range(30)]
    await change(pool, records, versions)
    touched = ", xmax::text" if versions == "first" else ""  # an update that is skipped locks its row all the same
    place = f"SELECT key, ctid::text, xmin::text{touched} FROM ingestion.records ORDER BY key"
    before = await query(pool, place)
    again = [*records[:20], *(a_record(number, version=1) for number in range(20, 30))]
    rng.shuffle(again)
    came = await change(pool, again, versions)
    expect(
        came == (0, 0),
        expected="(0, 0) for 20 rows that are there and 10 older ones",
        came=came,
        look_at="which rows come back from RETURNING",
        hint=2,
    )
    expect(
        await query(pool, place) == before,
        expected="every row where it was, unwritten (and with `first` not even locked)",
        came="rows were rewritten",
        look_at="what happens to a row that is not newer",
        hint=2,
    )
    expect(len(await told(pool)) == 30, expected="30 events, as before", came=f"{len(await told(pool))} events", hint=1)


async def test_ex1_with_first_a_key_that_is_there_is_never_touched(pool: Pool) -> None:
    """A later copy that says something else is a copy."""
    first, later = a_record(1, text="first"), a_record(1, version=60, text="later")
    came = [await change(pool, [first], "first"), await change(pool, [later, a_record(2)], "first")]
    expect(
        came == [(1, 0), (1, 0)],
        expected="[(1, 0), (1, 0)]: the later copy is neither new nor a replacement",
        came=came,
        look_at="versions",
        hint=2,
    )
    rows = await stored(pool)
    expect(
        rows["ord_0001"] == first.content_hash, expected="the first version in the table", came="another one", hint=2
    )
    expect(len(await told(pool)) == 2, expected="2 events", came=await told(pool), look_at="what comes back", hint=2)


@pytest.mark.parametrize("versions", ["newest", "first"])
async def test_ex1_rows_are_written_in_the_order_of_their_keys(pool: Pool, rng: random.Random, versions: str) -> None:
    """Whatever their age and their order in the batch: this is what keeps landings from deadlocking."""
    records = [a_record(number, version=rng.randrange(1000)) for number in rng.sample(range(1000), 60)]
    await change(pool, records, versions)
    came = [key for (key,) in await query(pool, "SELECT key FROM ingestion.records ORDER BY ctid")]
    expect(
        came == sorted(came),
        expected="rows on disk in the order of their keys",
        came=came[:6],
        look_at="ORDER BY",
        hint=3,
    )
    mixed = of_many_streams(rng)
    await change(pool, mixed, versions)
    on_disk = "SELECT source, stream, key FROM ingestion.records WHERE source <> 'shop' ORDER BY ctid"
    rows = await query(pool, on_disk)
    expect(
        rows == sorted(rows) and len(rows) == len(mixed),
        expected="rows of several streams on disk in the order of (source, stream, key)",
        came=rows[:4],
        look_at="what the rows are ordered by: all who land must agree on it",
        hint=3,
    )


def of_many_streams(rng: random.Random) -> list[Record]:
    """Records of four streams with the same keys, in no order."""
    streams = [("crm", "people"), ("crm", "firms"), ("bank", "people"), ("bank", "firms")]
    records = [
        msgspec.structs.replace(a_record(number), source=source, stream=stream)
        for source, stream in streams
        for number in range(5)
    ]
    rng.shuffle(records)
    return records


def refusing(
    pool_changes: list[list[str]], *bad: int
) -> Callable[[Connection, Sequence[Record]], Awaitable[tuple[int, int]]]:
    """A stand-in for `change_rows`: one row a record, and refusal after some were written if one of them is bad."""

    async def change(connection: Connection, records: Sequence[Record]) -> tuple[int, int]:
        pool_changes.append([record.key for record in records])
        for record in records:
            await connection.execute("INSERT INTO changed VALUES (%s)", [record.key])
        keys = {f"ord_{number:04}" for number in bad}
        refused = [record.key for record in records if record.key in keys]
        if refused:
            raise RefusedError(f"one of {refused} is bad")
        return len(records), 0

    return change


async def test_ex2_the_bad_are_rejected_and_the_others_land(pool: Pool, rng: random.Random) -> None:
    """Whatever their number and places; a reject knows its place, its bytes and its reason."""
    for count in (0, 1, 3, 9):
        records = [a_record(number) for number in rng.sample(range(1000), 25)]
        places = sorted(rng.sample(range(25), count))
        bad = [int(records[place].key[4:]) for place in places]
        rejects = Rejects(100)
        async with transaction(pool) as connection:
            await connection.execute("DELETE FROM changed")
            came = await change_what_fits(connection, records, rejects, refusing([], *bad))
        expect(
            came == (25 - count, 0),
            expected=f"({25 - count}, 0): {count} of 25 are bad",
            came=came,
            look_at="how the counts add up",
            hint=3,
        )
        landed = sorted(key for (key,) in await query(pool, "SELECT key FROM changed"))
        wanted = sorted(record.key for place, record in enumerate(records) if place not in places)
        expect(
            landed == wanted,
            expected="each good record once, and nothing of a refused try",
            came=f"{len(landed)} rows, {len(set(landed))} different",
            look_at="what a refused try leaves behind",
            hint=2,
        )
        set_aside = sorted(rejects.items, key=lambda reject: reject.ordinal)
        expect(
            [reject.ordinal for reject in set_aside] == places,
            expected=f"rejects with the ordinals {places}, their places in *records*",
            came=[reject.ordinal for reject in set_aside],
            look_at="what sorting does to places",
            hint=2,
        )
        for reject in set_aside:
            record = records[reject.ordinal]
            ok = (reject.source, reject.stream, reject.raw) == ("shop", "orders", record.payload)
            expect(
                ok and f"one of ['{record.key}'] is bad" in reject.reason,
                expected="the record's own payload, and the reason it was refused for alone",
                came=reject,
            )


async def test_ex2_a_single_bad_one_costs_few_tries(pool: Pool, rng: random.Random) -> None:
    """One among 512: nineteen tries at most; none among 512: one."""
    records = [a_record(number) for number in range(512)]
    for bad, most in (((rng.randrange(512),), 19), ((), 1)):
        tries: list[list[str]] = []
        async with transaction(pool) as connection:
            await change_what_fits(connection, records, Rejects(10), refusing(tries, *bad))
        expect(
            len(tries) <= most,
            expected=f"at most {most} tries with {len(bad)} bad among 512",
            came=f"{len(tries)} tries",
            look_at="what is tried again after a refusal",
            hint=3,
        )


async def test_ex2_records_are_tried_in_one_order(pool: Pool, rng: random.Random) -> None:
    """Within each try and from try to try: else two landings with a bad row each could deadlock."""
    records = [a_record(number) for number in range(64)]
    rng.shuffle(records)
    tries: list[list[str]] = []
    async with transaction(pool) as connection:
        await change_what_fits(connection, records, Rejects(10), refusing(tries, rng.randrange(64), rng.randrange(64)))
    written = [key for (key,) in await query(pool, "SELECT key FROM changed ORDER BY ctid")]
    expect(
        all(keys == sorted(keys) for keys in tries) and written == sorted(written),
        expected="keys in ascending order, within a try and over all tries that stayed",
        came=written[:8],
        look_at="when the records are sorted, and which half comes first",
        hint=2,
    )


async def test_ex2_the_order_is_that_of_source_stream_and_key(pool: Pool, rng: random.Random) -> None:
    """Keys of one stream are no order for a batch of several."""
    tries: list[list[tuple[str, str, str]]] = []

    async def notes(connection: Connection, records: Sequence[Record]) -> tuple[int, int]:
        tries.append([(record.source, record.stream, record.key) for record in records])
        return len(records), 0

    async with transaction(pool) as connection:
        await change_what_fits(connection, of_many_streams(rng), Rejects(10), notes)
    expect(
        tries == [sorted(tries[0])] if tries else False,
        expected="one try, in the order of (source, stream, key)",
        came=tries[0][:4] if tries else "no try",
        look_at="what the records are sorted by",
        hint=2,
    )


async def test_ex2_equal_records_have_places_of_their_own(pool: Pool) -> None:
    """A bad record that stands twice is rejected twice, each with its own place; so are two versions of one key."""
    records = [a_record(7), a_record(1), a_record(7), a_record(2), a_record(7, version=5)]
    rejects = Rejects(10)
    async with transaction(pool) as connection:
        await change_what_fits(connection, records, rejects, refusing([], 7))
    came = sorted((reject.ordinal, reject.raw) for reject in rejects.items)
    expect(
        came == [(place, records[place].payload) for place in (0, 2, 4)],
        expected="rejects with the ordinals [0, 2, 4], each with its record's payload",
        came=came,
        look_at="how a place is remembered: list.index() and a dict of keys know one place for equal records",
        hint=2,
    )


@pytest.mark.parametrize("error", [TransientError("restarting"), ZeroDivisionError("a bug")], ids=repr)
async def test_ex2_only_a_refusal_is_halved(pool: Pool, error: Exception) -> None:
    """A lost connection or a bug comes out as it is, at once."""
    tries = []

    async def breaks(connection: Connection, records: Sequence[Record]) -> tuple[int, int]:
        tries.append(len(records))
        raise error

    try:
        async with transaction(pool) as connection:
            await change_what_fits(connection, [a_record(number) for number in range(8)], Rejects(10), breaks)
        came = "no error"
    except type(error) as escaped:
        came = type(escaped).__name__
    expect(
        (came, tries) == (type(error).__name__, [8]),
        expected=f"{type(error).__name__} after one try",
        came=f"{came} after {len(tries)} tries",
        look_at="what is caught",
        hint=3,
    )


async def test_ex2_too_many_rejects_end_it(pool: Pool) -> None:
    """What `Rejects.add` raises ends the halving, and is not swallowed."""
    try:
        async with transaction(pool) as connection:
            records = [a_record(number) for number in range(32)]
            await change_what_fits(connection, records, Rejects(3), refusing([], *range(32)))
        came = "no error"
    except ContractViolationError:
        came = "ContractViolationError"
    expect(came == "ContractViolationError", expected="ContractViolationError beyond 3 rejects", came=came, hint=3)


class Place(msgspec.Struct):
    """A position that writes into a table, and notes what it saw."""

    seen: list[str] = msgspec.field(default_factory=list)
    fails: bool = False

    async def save(self, connection: Connection) -> None:
        self.seen.append("save")
        await connection.execute("INSERT INTO changed VALUES ('position')")
        if self.fails:
            raise ConnectionError("killed while the position was saved")


class CountingPlace(Place):
    """A position that is a Tally, too."""

    async def add(self, connection: Connection, landed: Landed) -> None:
        [(ledger,)] = await (await connection.execute("SELECT count(*) FROM ingestion.runs")).fetchall()
        self.seen.append(
            f"add {landed.inserted}+{landed.updated}+{landed.unchanged}+{landed.parked}, {ledger} in the ledger"
        )


def a_run() -> Run:
    return Run(uuid4(), "shop", "orders", NOON, "v7")


def counts(inserted: int, updated: int) -> Callable[[Connection, Sequence[Record]], Awaitable[tuple[int, int]]]:
    async def change(connection: Connection, records: Sequence[Record]) -> tuple[int, int]:
        for record in records:
            await connection.execute("INSERT INTO changed VALUES (%s)", [record.key])
        return inserted, updated

    return change


def a_reject(number: int) -> Reject:
    return Reject("shop", "orders", b"raw %d" % number, "no id", number)


async def everything(pool: Pool) -> dict[str, int]:
    tables = {"changed": "changed", "letters": "ingestion.dead_letters", "ledger": "ingestion.runs"}
    return {name: (await query(pool, f"SELECT count(*) FROM {table}"))[0][0] for name, table in tables.items()}


async def test_ex3_everything_that_a_batch_means_is_done(pool: Pool, rng: random.Random) -> None:
    """Rows, letters, position and ledger; every record and every reject is counted once."""
    new, old = rng.randrange(1, 5), rng.randrange(1, 5)
    records = tuple(a_record(number) for number in range(10))
    known = (a_reject(1), a_reject(2), a_reject(1))
    batch = Batch(records, Place(), known)
    came = await land_together(pool, batch, a_run(), Rejects(10, known), counts(new, old))
    wanted = Landed(inserted=new, updated=old, unchanged=10 + 3 - new - old - 2, parked=2)
    expect(
        came == wanted,
        expected=f"{wanted} (10 records, of them {new} new and {old} replaced; 3 rejects, one of them twice)",
        came=came,
        look_at="what is left is unchanged",
        hint=3,
    )
    after = await everything(pool)
    expect(
        after == {"changed": 11, "letters": 2, "ledger": 1},
        expected="10 rows, the position, 2 letters, 1 row in the ledger",
        came=after,
        hint=3,
    )
    ledger = await query(pool, "SELECT inserted, updated, unchanged, parked FROM ingestion.runs")
    expect(ledger == [(new, old, 11 - new - old, 2)], expected="the same counts in the ledger", came=ledger, hint=3)
    versions = await query(pool, "SELECT DISTINCT schema_version FROM ingestion.dead_letters")
    expect(versions == [("v7",)], expected="letters under the run's schema version, v7", came=versions)


@pytest.mark.parametrize("where", ["while changing", "while saving the position", "in the caller"])
async def test_ex3_a_failure_anywhere_leaves_nothing(pool: Pool, where: str) -> None:
    """Rows, letters and ledger go with whatever failed."""

    async def change(connection: Connection, records: Sequence[Record]) -> tuple[int, int]:
        await counts(3, 0)(connection, records)
        if where == "while changing":
            raise ConnectionError("killed while rows were changed")
        return 3, 0

    batch = Batch(
        tuple(a_record(n) for n in range(3)), Place(fails=where == "while saving the position"), (a_reject(1),)
    )
    try:
        if where == "in the caller":
            async with transaction(pool) as connection:
                await land_together(connection, batch, a_run(), Rejects(10, batch.rejects), change)
                raise ConnectionError("killed before the caller committed")
        await land_together(pool, batch, a_run(), Rejects(10, batch.rejects), change)
        came = "no error"
    except ConnectionError:
        came = "ConnectionError"
    expect(came == "ConnectionError", expected="what failed to come out", came=came, look_at="what is caught")
    after = await everything(pool)
    expect(
        after == {"changed": 0, "letters": 0, "ledger": 0},
        expected="nothing left",
        came=after,
        look_at="how many transactions there are, and on which door",
        hint=1,
    )


async def test_ex3_rejects_found_on_the_way_are_parked(pool: Pool) -> None:
    """*change* may add to the rejects: they are parked and counted like the others."""
    rejects = Rejects(10)

    async def change(connection: Connection, records: Sequence[Record]) -> tuple[int, int]:
        rejects.add(a_reject(7))
        return 4, 0

    came = await land_together(pool, Batch(tuple(a_record(n) for n in range(5))), a_run(), rejects, change)
    expect(
        came == Landed(inserted=4, parked=1),
        expected="Landed(inserted=4, parked=1)",
        came=came,
        look_at="what happens first",
        hint=3,
    )
    expect((await everything(pool))["letters"] == 1, expected="1 letter", came=await everything(pool), hint=3)


async def test_ex3_a_position_that_counts_is_told_before_the_ledger(pool: Pool) -> None:
    """First it is saved, then it counts what landed, and the run's row, which others wait for, is written last."""
    place = CountingPlace()
    batch = Batch(tuple(a_record(n) for n in range(5)), place, (a_reject(1),))
    await land_together(pool, batch, a_run(), Rejects(10, batch.rejects), counts(2, 1))
    expect(
        place.seen == ["save", "add 2+1+2+1, 0 in the ledger"],
        expected="save, then add(2 inserted, 1 updated, 2 unchanged, 1 parked), with nothing in the ledger yet",
        came=place.seen,
        look_at="Tally, and the order of the last three steps",
        hint=3,
    )


async def test_ex3_without_records_nothing_is_changed(pool: Pool) -> None:
    """A batch of rejects, or of a position alone, still counts as a batch."""

    async def change(connection: Connection, records: Sequence[Record]) -> tuple[int, int]:
        raise AssertionError("change was called without records")

    try:
        came: object = await land_together(pool, Batch((), Place()), a_run(), Rejects(10), change)
    except AssertionError as error:
        came = str(error)
    expect(came == Landed(), expected="Landed(), without a call of change", came=came, hint=3)
    after = await everything(pool)
    expect(
        after == {"changed": 1, "letters": 0, "ledger": 1},
        expected="the position saved and the batch counted",
        came=after,
        look_at="what is skipped when nothing has changed: the position moves, and the ledger counts what was read",
        hint=3,
    )
