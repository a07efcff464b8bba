"""Lesson m02.14: told of however often, a version of a file is loaded once, by one worker, and as was agreed."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import uuid4

import pytest

from ingestion.files.manifest import Policy, drops_in, settle_versions, take_file
from ingestion.files.notification import Drop
from ingestion.store.database import Pool, migrate, open_pool, transaction
from workbook.grading import expect
from workbook.stack.databases import fresh_database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
    async with open_pool(migrated, max_connections=5) as pool:
        yield pool


@pytest.fixture
def bucket() -> str:
    """A bucket of the test's own, so that tests share the table and no rows."""
    return f"bucket-{uuid4()}"


def message(*entries: tuple[str, str, str], event: str = "ObjectCreated:Put", etag: str = "e1", size: int = 7) -> bytes:
    """A notification of (bucket, key as it is told, version id)."""
    records = [
        {
            "eventName": event,
            "eventTime": "2026-03-01T12:00:00.000Z",
            "s3": {
                "bucket": {"name": name},
                "object": {"key": key, "size": size, "eTag": etag} | ({"versionId": version} if version else {}),
            },
        }
        for name, key, version in entries
    ]
    return json.dumps({"Records": records}).encode()


def read(bucket: str, *keys: str, **options: str) -> tuple[list[str], int]:
    found = drops_in(message(*((bucket, key, "v1") for key in keys), **options), bucket=bucket)
    return [drop.key for drop in found.drops], len(found.refused)


def test_ex1_a_key_is_found_as_it_is_called(rng: random.Random) -> None:
    """Spaces, pluses, percent signs and any script come out as they are in the bucket."""
    names = ["north + south.csv", "a%20b.csv", "東京/x.csv", "ü+ä & ö.csv", "a..b...csv", f"{rng.random()} +.csv"]
    for name in names:
        came, _ = read("drops", quote_plus(name, safe="/"))
        expect(
            came == [name],
            expected=f"the key {name!r} (told as {quote_plus(name, safe='/')!r})",
            came=came,
            look_at="what a plus stands for, and how often to decode",
            hint=3,
        )


def test_ex1_a_key_that_no_drop_has_is_refused(rng: random.Random) -> None:
    """A key that leads elsewhere, or has characters that no drop has, is refused; the others of its message are not."""
    hostile = ["../x.csv", "a/../../x.csv", "/abs.csv", "a/./b.csv", "a\\b.csv", "a\nb.csv", "a\0b.csv", "..", "a/.."]
    rng.shuffle(hostile)
    for name in hostile:
        told = quote(name, safe="").replace(".", "%2E" if rng.random() < 0.5 else ".")
        came = read("drops", "good.csv", told, "fine.csv")
        expect(
            came == (["good.csv", "fine.csv"], 1),
            expected=f"good.csv and fine.csv, and one refused ({told})",
            came=f"{came[0]} and {came[1]} refused",
            look_at="whether the key is judged before or after it is decoded",
            hint=2,
        )
        found = drops_in(message(("drops", told, "v1")), bucket="drops")
        expect(
            all(len(line.splitlines()) == 1 and line.isprintable() for line in found.refused),
            expected=f"one line that can be printed for {told}",
            came=found.refused,
            look_at="what of the key goes into the line: whoever writes it writes into your log",
            hint=2,
        )
    came = read("drops", "", "%FF%FE.csv", "good.csv")
    expect(
        came == (["good.csv"], 2),
        expected="an empty key and one that is no UTF-8 refused, and good.csv behind them",
        came=f"{came[0]} and {came[1]} refused",
        look_at="what unquote_plus makes of bytes that are no UTF-8",
        hint=3,
    )


def test_ex1_only_this_bucket_and_only_creations() -> None:
    """An entry of another bucket is refused; an entry of a removal is passed over."""
    for other in ("drops-2", "DROPS", "drop"):
        found = drops_in(message((other, "a.csv", "v1"), ("drops", "b.csv", "v1")), bucket="drops")
        came = [drop.key for drop in found.drops], len(found.refused)
        expect(came == (["b.csv"], 1), expected=f"b.csv, and an entry of bucket {other!r} refused", came=came, hint=1)
    came = read("drops", "a.csv", event="ObjectRemoved:Delete")
    expect(came == ([], 0), expected="nothing, and nothing refused, of a removal", came=came, look_at="event.name")
    came = read("drops", "a.csv", event="ObjectCreated:CompleteMultipartUpload")
    expect(came == (["a.csv"], 0), expected="a.csv, created by a multipart upload", came=came, look_at="event.name")


def test_ex1_a_drop_is_the_whole_identity() -> None:
    """Bucket, key, version, size and time go with it; without any version it is refused."""
    found = drops_in(message(("drops", "a.csv", "v9"), ("drops", "a.csv", "v8"), size=0), bucket="drops")
    expect(
        [(drop.version, drop.size_bytes) for drop in found.drops] == [("v9", 0), ("v8", 0)],
        expected="two versions of one key, both without a byte: the manifest decides which counts, and an empty file is one",
        came=found,
        look_at="what makes an entry a drop of its own, and what is refused beyond what was asked for",
        hint=1,
    )
    [drop] = drops_in(message(("drops", "a.csv", "v9")), bucket="drops").drops
    wanted = Drop("drops", "a.csv", "v9", 7, NOON)
    expect(drop == wanted, expected=repr(wanted), came=drop, look_at="the fields of an entry")
    found = drops_in(message(("drops", "a.csv", ""), etag=""), bucket="drops")
    expect(
        (len(found.drops), len(found.refused)) == (0, 1),
        expected="an entry without a version refused: nobody could tell it from the next upload",
        came=f"{len(found.drops)} drops, {len(found.refused)} refused",
        hint=1,
    )


async def write_down(pool: Pool, drop: Drop, policy: Policy, state: str = "discovered") -> None:
    """As `register` does: the new row, then what the policy makes of it."""
    async with transaction(pool) as connection:
        await connection.execute(
            """INSERT INTO ingestion.manifest (bucket, key, version, size_bytes, uploaded_at, policy, state, token, lease_until)
            VALUES (%s, %s, %s, 1, %s, %s, %s, 1, now() + interval '1 hour')""",
            [drop.bucket, drop.key, drop.version, drop.uploaded_at, policy, state],
        )
        await settle_versions(connection, drop.bucket, drop.key, policy)


async def states(pool: Pool, bucket: str) -> dict[str, str]:
    async with transaction(pool) as connection:
        cursor = await connection.execute(
            "SELECT key || ' ' || version, state FROM ingestion.manifest WHERE bucket = %s ORDER BY 1", [bucket]
        )
        return dict(await cursor.fetchall())


def version(bucket: str, number: int, key: str = "a.csv") -> Drop:
    return Drop(bucket, key, f"v{number}", 1, NOON + timedelta(minutes=number))


async def test_ex2_replace_in_any_order_of_telling(pool: Pool, bucket: str, rng: random.Random) -> None:
    """Under `replace` only the newest is left to load, whichever was told of first; other keys are left alone."""
    await write_down(pool, version(bucket, 0, "other.csv"), Policy.REPLACE)
    numbers = [1, 2, 3, 4]
    rng.shuffle(numbers)
    for number in numbers:
        await write_down(pool, version(bucket, number), Policy.REPLACE)
    came = await states(pool, bucket)
    wanted = {f"a.csv v{number}": "superseded" for number in (1, 2, 3)} | {
        "a.csv v4": "discovered",
        "other.csv v0": "discovered",
    }
    expect(
        came == wanted,
        expected=f"v4 discovered, the older superseded, other.csv as it was (told in the order {numbers})",
        came=came,
        look_at="the version that is told of last and is not the newest",
        hint=2,
    )


async def test_ex2_replace_of_what_is_being_loaded_or_was(pool: Pool, bucket: str) -> None:
    """An older version that is claimed or failed is superseded; one that is loaded or empty stays so."""
    for number, state in enumerate(["claimed", "failed", "loaded", "empty", "discovered"]):
        await write_down(pool, version(bucket, number), Policy.APPEND, state)
    await write_down(pool, version(bucket, 9), Policy.REPLACE)
    came = list((await states(pool, bucket)).values())
    expect(
        came == ["superseded", "superseded", "loaded", "empty", "superseded", "discovered"],
        expected="superseded, superseded, loaded, empty, superseded, discovered",
        came=", ".join(came),
        look_at="the worker in the middle of the old version, and the rows that have landed",
        hint=1,
    )


async def test_ex2_the_newest_counts_whatever_has_become_of_it(pool: Pool, bucket: str) -> None:
    """An older version that is told of when the newest is loaded, or has failed, is superseded all the same."""
    for number, state in enumerate(["loaded", "empty", "failed"]):
        await write_down(pool, version(bucket, 9, f"{state}.csv"), Policy.REPLACE, state)
        await write_down(pool, version(bucket, number, f"{state}.csv"), Policy.REPLACE)
    came = {name: state for name, state in (await states(pool, bucket)).items() if not name.endswith("v9")}
    expect(
        set(came.values()) == {"superseded"} and len(came) == 3,
        expected="the older version superseded, next to a newest one that is loaded, empty or failed",
        came=came,
        look_at="among which versions the newest is looked for",
        hint=1,
    )


async def test_ex2_the_first_counts_whatever_has_become_of_it(pool: Pool, bucket: str) -> None:
    """Under `reject` a name is given once, though its first version failed; who is being loaded is not stopped."""
    for state in ("loaded", "empty", "failed", "claimed", "superseded"):
        await write_down(pool, version(bucket, 1, f"{state}.csv"), Policy.APPEND, state)
        if state == "loaded":
            await write_down(pool, version(bucket, 2, "loaded.csv"), Policy.APPEND, "claimed")
        await write_down(pool, version(bucket, 3, f"{state}.csv"), Policy.REJECT)
    came = await states(pool, bucket)
    wrong = {
        name: state
        for name, state in came.items()
        if state != {"v1": name.partition(".")[0], "v2": "claimed", "v3": "rejected"}[name[-2:]]
    }
    expect(
        not wrong,
        expected="v1 as it was (its state is in the key's name), v2 claimed as it was, v3 rejected",
        came=wrong,
        look_at="among which versions the first is looked for, and which states become `rejected`",
        hint=1,
    )


async def test_ex2_two_uploads_in_one_second(pool: Pool, bucket: str) -> None:
    """With one `uploaded_at` the version decides: of two, one is left, not none and not both."""
    for name in ("va", "vb"):
        await write_down(pool, Drop(bucket, "a.csv", name, 1, NOON), Policy.REPLACE)
    came = await states(pool, bucket)
    expect(
        came == {"a.csv va": "superseded", "a.csv vb": "discovered"},
        expected="va superseded, vb discovered",
        came=came,
        look_at="how two versions with one time compare",
        hint=2,
    )


async def test_ex2_append_and_reject(pool: Pool, bucket: str) -> None:
    """`append` leaves all; `reject` leaves the one first written down, however old the others are, and settles once."""
    for number in (2, 1, 3):
        await write_down(pool, version(bucket, number, "all.csv"), Policy.APPEND)
        await write_down(pool, version(bucket, number, "one.csv"), Policy.REJECT)
        await write_down(
            pool, version(bucket, number, "one.csv2"), Policy.REJECT, "loaded" if number == 2 else "discovered"
        )
    came = await states(pool, bucket)
    wanted = {f"all.csv v{number}": "discovered" for number in (1, 2, 3)}
    wanted |= {f"one.csv v{number}": "discovered" if number == 2 else "rejected" for number in (1, 2, 3)}
    wanted |= {f"one.csv2 v{number}": "loaded" if number == 2 else "rejected" for number in (1, 2, 3)}
    wrong = {name: state for name, state in came.items() if wanted[name] != state}
    expect(
        not wrong,
        expected=str({name: wanted[name] for name in wrong}),
        came=wrong,
        look_at="what was written down first, and what it has become by now",
        hint=2,
    )


async def add(pool: Pool, bucket: str, key: str, minute: int, version: str = "v1", **columns: Any) -> None:
    columns = {"state": "discovered", "token": 1, "lease_until": NOON + timedelta(days=36500)} | columns
    async with transaction(pool) as connection:
        await connection.execute(
            f"""INSERT INTO ingestion.manifest (bucket, key, version, size_bytes, uploaded_at, policy, {", ".join(columns)})
            VALUES (%s, %s, %s, 1, %s, 'append', {", ".join(["%s"] * len(columns))})""",
            [bucket, key, version, NOON + timedelta(minutes=minute), *columns.values()],
        )


async def take(pool: Pool, bucket: str, lease_s: float = 60.0) -> dict[str, Any]:
    async with transaction(pool) as connection:
        return await take_file(connection, bucket, lease_s=lease_s) or {}


async def test_ex3_the_oldest_first_until_there_is_none(pool: Pool, bucket: str, rng: random.Random) -> None:
    """Files come in the order of upload, then of key, each once; then None."""
    files = [("c.csv", 1), ("a.csv", 2), ("b.csv", 2), ("d.csv", 0)]
    rng.shuffle(files)
    for key, minute in files:
        await add(pool, bucket, key, minute)
    await add(pool, bucket + "-2", "x.csv", 0)
    came = [(await take(pool, bucket)).get("key") for _ in range(5)]
    expect(
        came == ["d.csv", "c.csv", "a.csv", "b.csv", None],
        expected="d.csv, c.csv, a.csv, b.csv, and then None",
        came=came,
        look_at="ORDER BY, the bucket, and what a second worker sees of the first one's row",
        hint=3,
    )


async def test_ex3_what_is_there_to_be_taken(pool: Pool, bucket: str) -> None:
    """Discovered, and claimed with a lease that is over; nothing else, and nothing of another bucket."""
    over = NOON - timedelta(days=3650)
    for minute, state in enumerate(["loaded", "empty", "failed", "superseded", "rejected", "claimed"]):
        await add(pool, bucket, f"{state}.csv", minute, state=state)
    await add(
        pool, bucket, "silent.csv", 50, state="claimed", lease_until=over, attempts=2, byte_offset=70, rows_read=5
    )
    await add(pool, bucket + "-2", "other.csv", 0, state="claimed", lease_until=over)
    row = await take(pool, bucket)
    expect(
        row.get("key") == "silent.csv",
        expected="silent.csv, whose worker's lease is over",
        came=row.get("key"),
        look_at="AND and OR in the WHERE, and which clock says that a lease is over",
        hint=3,
    )
    expect(
        (row["attempts"], row["byte_offset"], row["rows_read"], row["state"]) == (3, 70, 5, "claimed"),
        expected="a third attempt, claimed, from byte 70 and row 5 on, where the other came to",
        came={name: row[name] for name in ("attempts", "byte_offset", "rows_read", "state")},
    )
    expect(not await take(pool, bucket), expected="None after that", came="another row", hint=3)


async def test_ex3_a_claim_has_a_token_and_a_lease_of_its_own(pool: Pool, bucket: str) -> None:
    """No token is given twice, and the lease is *lease_s* long by the database's clock."""
    tokens = set()
    for _ in range(3):
        await add(pool, bucket, f"{uuid4()}.csv", 1)
    async with transaction(pool) as connection:
        for _ in range(3):
            row = await take_file(connection, bucket, lease_s=90.9) or {}
            left = await (
                await connection.execute("SELECT %s::timestamptz - clock_timestamp()", [row["lease_until"]])
            ).fetchone()
            seconds = left[0].total_seconds() if left else 0
            expect(80 < seconds <= 90.9, expected="a lease of 90.9 s", came=f"{seconds:.1f} s", hint=3)
            given = await (await connection.execute("SELECT %s::timestamptz - now()", [row["lease_until"]])).fetchone()
            seconds = given[0].total_seconds() if given else 0
            expect(
                90.9 <= seconds < 120,
                expected="a lease of 90.9 s from the beginning of the transaction or later",
                came=f"{seconds:.3f} s",
                look_at="what is rounded",
                hint=3,
            )
            tokens.add(row["token"])
            await connection.execute("UPDATE ingestion.manifest SET state = 'loaded' WHERE token = %s", [row["token"]])
    expect(len(tokens) == 3, expected="three tokens", came=tokens, look_at="where a token comes from", hint=3)


async def test_ex3_an_older_version_comes_first(pool: Pool, bucket: str) -> None:
    """A version waits while an older one of its key is discovered or claimed, though nobody would hold it up."""
    await add(pool, bucket, "a.csv", 1, "v1", state="claimed")
    await add(pool, bucket, "a.csv", 2, "v2")
    await add(pool, bucket, "b.csv", 1, "v1", state="failed")
    await add(pool, bucket, "b.csv", 2, "v2")
    came = [(row.get("key"), row.get("version")) for row in [await take(pool, bucket), await take(pool, bucket)]]
    expect(
        came == [("b.csv", "v2"), (None, None)],
        expected="b.csv v2 (its v1 has failed), and not a.csv v2 while another loads v1",
        came=came,
        look_at="which of two versions is on top if they land side by side",
        hint=2,
    )


async def test_ex3_an_older_version_in_another_s_hands_counts(pool: Pool, bucket: str) -> None:
    """While another transaction is taking v1, and nobody sees that yet, v2 is not to be taken."""
    await add(pool, bucket, "a.csv", 1, "v1")
    await add(pool, bucket, "a.csv", 2, "v2")
    async with transaction(pool) as holder:
        await take_file(holder, bucket, lease_s=60.0)
        try:
            row = await asyncio.wait_for(take(pool, bucket), 5.0)
        except TimeoutError:
            row = {"version": "a worker that waits for the other's transaction"}
    expect(
        row == {},
        expected="None: v1 is still `discovered` for everybody else, and v2 waits for it",
        came=row.get("version"),
        look_at="in which states an older version is waited for",
        hint=2,
    )


async def test_ex3_nobody_waits_and_nobody_shares(pool: Pool, bucket: str) -> None:
    """While another transaction holds the oldest row, a worker takes the next at once; of five at once, each has its own."""
    for number in range(5):
        await add(pool, bucket, f"{number}.csv", number)
    async with transaction(pool) as holder:
        await take_file(holder, bucket, lease_s=60.0)
        try:
            row = await asyncio.wait_for(take(pool, bucket), 1.0)
        except TimeoutError:
            row = {"key": "a worker that waits for the other's transaction"}
    expect(row.get("key") == "1.csv", expected="1.csv at once", came=row.get("key"), look_at="FOR UPDATE ...", hint=3)
    rows = await asyncio.gather(*(take(pool, bucket) for _ in range(4)))
    keys = sorted(row["key"] for row in rows if row)
    expect(
        keys == ["2.csv", "3.csv", "4.csv"],
        expected="2.csv, 3.csv and 4.csv, one each, for four workers",
        came=keys,
        look_at="looking and taking in two statements",
        hint=3,
    )
