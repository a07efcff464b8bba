"""Any table comes through a file unchanged; any bytes come through without a crash, and every row is accounted for."""

import asyncio
import contextlib
import csv
import functools
import gzip
import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import ContractViolationError, CorruptError
from ingestion.files.columns import Column
from ingestion.files.compression import decoded, verify
from ingestion.files.delimited import read_delimited
from ingestion.files.json_lines import read_json
from ingestion.record import canonical_json
from tests.files import HEADER, Spy, all_of

relaxed = functools.partial(settings, deadline=None)

storable = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
awkward = st.text(st.sampled_from('a",;|\t\r\n \\é😀'), max_size=8)
texts = storable | awkward
cents = st.integers(-(10**10) + 1, 10**10 - 1).map(lambda number: Decimal(number) / 100)
instants = st.datetimes(
    datetime(1, 1, 3),
    datetime(9999, 12, 29),
    timezones=st.sampled_from([timezone(timedelta(hours=h)) for h in (-9, 0, 5)]),
)
rows = st.fixed_dictionaries(
    {
        "id": texts.filter(bool),
        "note": st.none() | texts,
        "pieces": st.none() | st.integers(-(2**63), 2**63 - 1),
        "price": st.none() | cents,
        "fragile": st.none() | st.booleans(),
        "due": st.none() | st.dates(),
        "at": instants,
    }
)
tables = st.lists(rows, max_size=8)


def payload(row: dict[str, Any]) -> bytes:
    """What a record of *row* holds, spelled here once more and independently."""
    at = row["at"].astimezone(UTC)
    price, due = row["price"], row["due"]
    return canonical_json(
        row
        | {
            "price": None if price is None else f"{price:.2f}",
            "due": None if due is None else f"{due.year:04}-{due.month:02}-{due.day:02}",
            "at": f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}:{at.minute:02}:{at.second:02}.{at.microsecond:06}Z",
        }
    )


def text_of(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:.2f}"
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
    return str(value)


@relaxed()
@given(
    tables,
    st.permutations(HEADER.split(",")),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.randoms(use_true_random=False),
    st.integers(1, 200),
)
def test_any_table_comes_through_csv_unchanged(
    table: list[dict[str, Any]], names: list[str], delimiter: str, newline: str, draw: Any, block_bytes: int
) -> None:
    def field(value: object) -> str:
        text = text_of(value)
        if value is None:
            return ""
        if text == "" or any(mark in text for mark in f'"\r\n{delimiter}') or draw.random() < 0.3:
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [delimiter.join(names), *(delimiter.join(field(row[name]) for name in names) for row in table)]
    content = newline.join(lines) + draw.choice(["", newline])
    records, bad, _ = all_of(read_delimited, content.encode(), block_bytes=block_bytes)
    assert bad == []
    assert [record.payload for record in records] == [payload(row) for row in table]
    assert [(record.key, record.occurred_at) for record in records] == [(row["id"], row["at"]) for row in table]


@relaxed()
@given(tables, st.booleans(), st.booleans(), st.sampled_from([None, 1]), st.booleans(), st.integers(1, 200))
def test_any_table_comes_through_json_unchanged(
    table: list[dict[str, Any]], is_array: bool, escapes: bool, indent: int | None, is_number: bool, block_bytes: int
) -> None:
    plain = [
        {name: value if value is None or isinstance(value, int) else text_of(value) for name, value in row.items()}
        for row in table
    ]
    if is_array:
        content = json.dumps(plain, ensure_ascii=escapes, indent=indent)
    else:
        content = "".join(json.dumps(row, ensure_ascii=escapes) + "\n" for row in plain)
    if is_number:  # prices as JSON numbers, every digit kept
        for row in table:
            if row["price"] is not None:
                content = content.replace(f'"price": "{row["price"]:.2f}"', f'"price": {row["price"]:.2f}')
    records, bad, _ = all_of(read_json, content.encode(), block_bytes=block_bytes)
    assert bad == []
    assert [record.payload for record in records] == [payload(row) for row in table]


fragments = st.sampled_from(
    [
        b'"',
        b'""',
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b"1",
        b"x,y,1,1.00,true,2026-03-01,2026-03-01T00:00:00Z\n",
        b"\0",
        b"\xff",
        "é".encode(),
        b" ",
        b";",
    ]
)
noise = st.lists(fragments | st.binary(max_size=3), max_size=40).map(b"".join)


@relaxed()
@given(noise, st.integers(1, 60), st.integers(1, 60), st.sampled_from([1 << 22, 30]))
def test_any_bytes_after_a_header_are_accounted_for(noise: bytes, one: int, other: int, longest: int) -> None:
    content = HEADER.encode() + b"\n" + noise
    first = all_of(read_delimited, content, block_bytes=one, max_record_bytes=longest)
    second = all_of(read_delimited, content, block_bytes=other, max_record_bytes=longest)
    if longest > len(content):
        assert first[:2] == second[:2], "whatever the size of the blocks"
    assert [record.payload for record in first[0]] == [record.payload for record in second[0]]
    for bad in first[1]:
        assert content[bad.offset : bad.offset + len(bad.raw)] == bad.raw


json_fragments = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b'{"id":"1"}', b"NaN", b"1", b"\xff", b"\\ud800", b" "]
)
json_noise = st.lists(json_fragments | st.binary(max_size=3), max_size=40).map(b"".join)
GOOD = b'{"id":"1","note":null,"pieces":1,"price":"1.00","fragile":true,"due":null,"at":"2026-03-01T00:00:00.000000Z"}'


@relaxed()
@given(
    st.sampled_from([b"", b"[", GOOD + b"\n", b"[" + GOOD + b","]), json_noise, st.integers(1, 60), st.integers(1, 60)
)
def test_any_bytes_as_json_are_accounted_for_or_refused(start: bytes, noise: bytes, one: int, other: int) -> None:
    def read(size: int) -> Any:
        try:
            return all_of(read_json, start + noise, block_bytes=size)[:2]
        except (CorruptError, ContractViolationError) as error:
            return type(error)

    first = read(one)
    assert first == read(other), "whatever the size of the blocks"
    if isinstance(first, tuple):
        for bad in first[1]:
            assert (start + noise)[bad.offset : bad.offset + len(bad.raw)] == bad.raw


@relaxed()
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.booleans(), st.data())
def test_packed_content_comes_out_whole_or_not_at_all(parts: list[bytes], is_zstd: bool, data: st.DataObject) -> None:
    pack = zstandard.ZstdCompressor(write_checksum=True).compress if is_zstd else gzip.compress
    packed = b"".join(map(pack, parts))
    content = b"".join(parts)
    out = b""
    stream = decoded(io.BytesIO(packed))
    while block := stream.read(data.draw(st.integers(1, 500))):
        out += block
    assert out == content
    cut = data.draw(st.integers(4, len(packed)))
    ends, at = set(), 0
    for part in parts:
        at += len(pack(part))
        ends.add(at)
    try:
        verify(decoded(io.BytesIO(packed[:cut])))
    except CorruptError:
        assert cut not in ends
    else:
        assert cut in ends
    junk = data.draw(st.binary(min_size=1, max_size=20).filter(lambda some: some.strip(b"\0")))
    with contextlib.suppress(CorruptError):
        verify(decoded(io.BytesIO(packed + junk)))
        raise AssertionError("junk after the last member was let through")


@relaxed(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.none() | texts, st.none() | texts, st.none() | st.integers(-(2**63), 2**63 - 1)),
        min_size=1,
        max_size=6,
    )
)
def test_what_copy_writes_reads_as_copy_reads_it(db_url: str, table: list[tuple[Any, ...]]) -> None:
    """Postgres writes the file, Postgres is the judge: null, the empty string and every character."""

    async def written() -> bytes:
        async with await psycopg.AsyncConnection.connect(db_url) as connection:
            await connection.execute("CREATE TEMP TABLE t (place serial, id text, note text, n bigint)")
            async with connection.cursor() as cursor:
                await cursor.executemany("INSERT INTO t (id, note, n) VALUES (%s, %s, %s)", table)
                copy_out = "COPY (SELECT id, note, n FROM t ORDER BY place) TO STDOUT (FORMAT csv, HEADER)"
                async with cursor.copy(copy_out) as copy:
                    return b"".join([bytes(block) async for block in copy])

    spy = Spy.on(
        Column("id", "text", nullable=True), Column("note", "text", nullable=True), Column("n", "int64", nullable=True)
    )
    with contextlib.suppress(ContractViolationError):
        list(read_delimited(io.BytesIO(asyncio.run(written())), spy))
    assert [(id_, note, None if n is None else int(n)) for id_, note, n in spy.seen] == table


@relaxed()
@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=6))
def test_what_pythons_writer_writes_reads_as_pythons_reader_reads_it(table: list[list[str]]) -> None:
    """All fields in quotes, since that writer has no null; with them, a reader that is right and ours agree."""
    made = io.StringIO()
    writer = csv.writer(made, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "note"])
    writer.writerows(table)
    judge = list(csv.reader(io.StringIO(made.getvalue(), newline=""), strict=True))[1:]
    spy = Spy.on(Column("id", "text"), Column("note", "text"))
    with contextlib.suppress(ContractViolationError):
        list(read_delimited(io.BytesIO(made.getvalue().encode()), spy))
    assert list(map(list, spy.seen)) == judge == table
