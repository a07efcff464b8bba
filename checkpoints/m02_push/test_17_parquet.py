"""Lesson m02.17: a file decoded within its budget, a bad value that costs its row and no other, instants that are exact."""

import io
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.errors import ContractViolationError
from ingestion.files.parquet import Budget, decode, set_aside, spell_instants
from workbook.grading import expect

PLENTY = Budget(1 << 40, 1 << 40)


class Watched:
    """A Parquet file that keeps a list of the row groups that were read."""

    def __init__(self, table: pa.Table, group_rows: int) -> None:
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=group_rows)
        self._file = pq.ParquetFile(sink)
        self.metadata = self._file.metadata
        self.schema_arrow = self._file.schema_arrow
        self.num_row_groups = self._file.num_row_groups
        self.groups: list[int] = []
        self.batches = 0

    def iter_batches(self, batch_size: int = 65_536, row_groups: list[int] | None = None, **options: Any) -> Any:
        chosen = list(range(self.num_row_groups)) if row_groups is None else list(row_groups)
        for batch in self._file.iter_batches(batch_size, row_groups=chosen, **options):
            self.groups += [group for group in chosen if group not in self.groups]
            self.batches += 1
            yield batch

    def read_row_group(self, group: int, *args: Any, **options: Any) -> Any:
        self.groups.append(group)
        return self._file.read_row_group(group, *args, **options)

    def read_row_groups(self, groups: list[int], *args: Any, **options: Any) -> Any:
        self.groups += groups
        return self._file.read_row_groups(groups, *args, **options)

    def read(self, *args: Any, **options: Any) -> Any:
        self.groups += range(self.num_row_groups)
        return self._file.read(*args, **options)


def numbered(rows: int) -> pa.Table:
    return pa.table({"n": pa.array(range(rows), pa.int64())})


def decoded(file: Watched, budget: Budget = PLENTY, **options: Any) -> list[pa.RecordBatch]:
    return list(decode(file, budget, **options))


def test_ex1_every_row_once_and_in_order(rng: random.Random) -> None:
    """From whatever row on, every row comes once, in batches of 1 to `rows` rows."""
    drawn = []
    for _ in range(12):
        total, group_rows, rows = rng.randrange(1, 400), rng.randrange(1, 120), rng.randrange(1, 90)
        drawn.append((total, group_rows, rows, rng.choice([0, rng.randrange(total), total - 1, total, group_rows])))
    for total, group_rows, rows, start in [(100, 50, 10, 75), (100, 50, 10, 80), *drawn]:
        batches = decoded(Watched(numbered(total), group_rows), start_row=start, rows=rows)
        came = [number for batch in batches for number in batch.column(0).to_pylist()]
        what = f"{total} rows in groups of {group_rows}, from row {start} on, in batches of up to {rows}"
        expect(
            came == list(range(start, total)),
            expected=f"rows {start} to {total - 1} once each ({what})",
            came=f"{len(came)} rows, beginning {came[:3]}",
            look_at="how many rows are still to skip after each group and each batch",
            hint=2,
        )
        sizes = [batch.num_rows for batch in batches]
        expect(
            not sizes or 1 <= min(sizes) <= max(sizes) <= rows,
            expected=f"batches of 1 to {rows} rows ({what})",
            came=sizes,
            look_at="what is left of a batch of which everything is skipped",
            hint=2,
        )


def test_ex1_groups_before_the_start_are_not_read(rng: random.Random) -> None:
    """A row group that ends before the row to start at is never read."""
    group_rows = rng.randrange(10, 40)
    for start, first in ((3 * group_rows, 3), (3 * group_rows - 1, 2), (4 * group_rows + 5, 4)):
        file = Watched(numbered(5 * group_rows + 7), group_rows)
        decoded(file, start_row=start)
        expect(
            min(file.groups) == first,
            expected=f"row group {first} to be the first that is read, from row {start} on, with {group_rows} rows a group",
            came=f"groups read: {file.groups}",
            look_at="metadata.row_group(n).num_rows, which costs nothing",
            hint=2,
        )


def test_ex1_nothing_is_decoded_of_too_many_rows() -> None:
    """A file whose footer claims more rows than are allowed is refused before anything of it is decoded."""
    file = Watched(numbered(1_001), 100)
    with pytest.raises(ContractViolationError):
        decoded(file, Budget(rows=1_000, decoded_bytes=1 << 40))
    expect(
        file.groups == [],
        expected="no row group read of a file with 1,001 rows when 1,000 are allowed",
        came=f"groups read: {file.groups}",
        look_at="what the footer says for nothing",
        hint=1,
    )
    file = Watched(numbered(1_001), 100)
    with pytest.raises(ContractViolationError):
        decoded(file, Budget(rows=1_000, decoded_bytes=1 << 40), start_row=500)
    came = sum(batch.num_rows for batch in decoded(Watched(numbered(1_000), 100), Budget(1_000, 1 << 40)))
    expect(came == 1_000, expected="exactly as many rows as are allowed to pass", came=f"{came} rows")


def test_ex1_a_dictionary_counts_each_time_it_is_pointed_at() -> None:
    """What counts is text spelled out: 5,000 pointers to a note of 1,000 letters are 5 MB, and are given out as text."""
    note = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), pa.array(["x" * 1_000]))
    given = 0
    try:
        for batch in decode(Watched(pa.table({"note": note}), 5_000), Budget(1 << 20, 1_000_000), rows=100):
            given += batch.num_rows
        came = "no error"
    except ContractViolationError:
        came = "ContractViolationError"
    expect(
        came == "ContractViolationError",
        expected="ContractViolationError for 5 MB of text with 1 MB allowed",
        came=f"{came} after {given} rows",
        look_at="nbytes before and after `unpack`",
        hint=3,
    )
    expect(
        0 < given <= 950,
        expected="no batch that exceeds the budget, and those before it: at most 950 rows",
        came=f"{given} rows",
        look_at="whether a batch is counted before it is given out",
        hint=3,
    )
    [batch] = decoded(Watched(pa.table({"note": note.slice(0, 10)}), 10))
    expect(
        pa.types.is_string(batch.schema.field(0).type),
        expected="batches that are unpacked: text, not pointers",
        came=str(batch.schema.field(0).type),
        look_at="which batch is given out",
        hint=3,
    )


def test_ex1_the_budget_counts_over_all_batches() -> None:
    """Many batches that are small by themselves exceed a budget together; as much as it allows passes."""
    table = numbered(10_000)  # 80,000 bytes
    with pytest.raises(ContractViolationError):
        decoded(Watched(table, 1_000), Budget(1 << 20, 79_000), rows=100)
    came = sum(batch.num_rows for batch in decoded(Watched(table, 1_000), Budget(1 << 20, 82_000), rows=100))
    expect(came == 10_000, expected="10,000 numbers to fit into 82,000 bytes", came=f"{came} rows")
    exact = sum(batch.nbytes for batch in decoded(Watched(table, 1_000), rows=100))
    try:
        came = sum(batch.num_rows for batch in decoded(Watched(table, 1_000), Budget(1 << 20, exact), rows=100))
    except ContractViolationError:
        came = 0
    expect(
        came == 10_000,
        expected=f"10,000 numbers of {exact} bytes to pass with exactly {exact} allowed",
        came=f"{came} rows",
        look_at="< or <=",
        hint=3,
    )


def test_ex1_a_batch_at_a_time() -> None:
    """A batch is given out before the next one is read: memory holds one, however large the file is."""
    file = Watched(numbered(5_000), 1_000)
    batches = decode(file, PLENTY, rows=100)
    next(iter(batches))
    expect(
        file.batches <= 1,
        expected="one batch read when one is asked for",
        came=f"{file.batches} batches of {file.groups}",
        look_at="what is collected before the first `yield`",
        hint=3,
    )


def spell_even(column: pa.Array) -> list[Any]:
    """Refuse a whole column for an odd number in it, as Arrow's casts do."""
    numbers = column.to_pylist()
    if odd := [number for number in numbers if number is not None and number % 2]:
        raise ValueError(f"{odd[0]} is\nodd")
    return [None if number is None else f"<{number}>" for number in numbers]


def with_odd(rng: random.Random, length: int, odd: int) -> tuple[list[int], list[int]]:
    places = sorted(rng.sample(range(length), odd))
    return [2 * index + (index in places) for index in range(length)], places


def test_ex2_the_values_at_fault_and_no_other(rng: random.Random) -> None:
    """Every value that can be spelled is, and each of the others is None and named by its index."""
    for length, odd in ((1, 0), (1, 1), (2, 1), (7, 3), (100, 1), (333, 20), (64, 64), (0, 0)):
        numbers, places = with_odd(rng, length, odd)
        spelled, bad = set_aside(pa.array(numbers, pa.int64()), spell_even)
        wanted = [None if number % 2 else f"<{number}>" for number in numbers]
        expect(
            spelled == wanted,
            expected=f"{length - odd} of {length} values spelled, in their places, and None for the others",
            came=f"{len(spelled)} values, {sum(value is not None for value in spelled)} of them spelled",
            look_at="the order in which the halves are put together",
            hint=2,
        )
        expect(
            sorted(bad) == places,
            expected=f"the indexes {places}",
            came=sorted(bad),
            look_at="where the right half begins",
            hint=3,
        )


def test_ex2_reasons_are_each_value_s_own_in_one_line(rng: random.Random) -> None:
    """What is said of a value is what `spell` says when it is asked for that value alone, in one line."""
    numbers, places = with_odd(rng, 50, 4)
    _, bad = set_aside(pa.array(numbers, pa.int64()), spell_even)
    wanted = {index: f"{numbers[index]} is odd" for index in places}
    expect(
        {index: reason.strip() for index, reason in bad.items()} == wanted,
        expected=f"{wanted}",
        came=f"{bad}",
        look_at="which error's text is kept: that of the column, or that of the value",
        hint=2,
    )


def test_ex2_nulls_are_no_faults() -> None:
    """A null that can be spelled is None and not bad."""
    spelled, bad = set_aside(pa.array([None, 2, None, 3], pa.int64()), spell_even)
    expect(
        (spelled, list(bad)) == ([None, "<2>", None, None], [3]),
        expected="[None, '<2>', None, None] with only index 3 bad",
        came=f"{spelled}, {bad}",
        hint=2,
    )


def test_ex2_few_attempts(rng: random.Random) -> None:
    """A clean column is asked for once; one bad value in 2,000 costs at most 23 attempts."""
    asked: list[int] = []

    def counting(column: pa.Array) -> list[Any]:
        asked.append(len(column))
        return spell_even(column)

    set_aside(pa.array(range(0, 4_000, 2), pa.int64()), counting)
    expect(asked == [2_000], expected="one attempt for a clean column", came=f"{len(asked)} attempts", hint=2)
    asked.clear()
    numbers, _ = with_odd(rng, 2_000, 1)
    set_aside(pa.array(numbers, pa.int64()), counting)
    expect(
        len(asked) <= 23,
        expected="at most 23 attempts for one bad value in 2,000",
        came=f"{len(asked)} attempts",
        look_at="what is asked for again after a failure",
        hint=2,
    )


def test_ex2_arrow_s_errors_and_overflow_count_and_bugs_do_not() -> None:
    """Arrow's own errors and OverflowError set a value aside; any other exception is a bug, and comes out."""

    def overflowing(column: pa.Array) -> list[Any]:
        if 7 in column.to_pylist():
            raise OverflowError("too large")
        return list(column.to_pylist())

    def arrow(column: pa.Array) -> list[Any]:
        return list(column.cast(pa.int8()).to_pylist())

    for spell, wanted in ((overflowing, [1]), (arrow, [2])):
        bad = _bad_of(spell, pa.array([1, 7, 300], pa.int64()))
        expect(bad == wanted, expected=f"index {wanted} set aside by {spell.__name__}", came=bad, hint=2)

    def buggy(column: pa.Array) -> list[Any]:
        raise KeyError("a bug")

    try:
        came = str(_bad_of(buggy, pa.array([1, 2], pa.int64())))
    except KeyError:
        came = "KeyError"
    expect(
        came == "KeyError",
        expected="KeyError, for a bug is no bad value",
        came=came,
        look_at="which exceptions are caught",
        hint=2,
    )


def _bad_of(spell: Callable[[pa.Array], list[Any]], column: pa.Array) -> list[int]:
    return sorted(set_aside(column, spell)[1])


def shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def expect_spelled(column: pa.Array, zone: str, wanted: list[str | None], *, look_at: str, hint: int = 2) -> None:
    try:
        came: object = spell_instants(column, zone)
    except (ValueError, OverflowError) as error:
        came = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    what = f"{column.type} in {zone!r}"
    expect(came == wanted, expected=f"{wanted} for {what}", came=came, look_at=look_at, hint=hint)


def expect_refused(column: pa.Array, zone: str, *, why: str) -> None:
    try:
        came: object = spell_instants(column, zone)
    except ValueError:
        return
    expect(
        False, expected=f"ValueError: {why}", came=came, look_at="what would be stored without anybody noticing", hint=2
    )


def test_ex3_every_unit_and_zone_as_the_same_instant(rng: random.Random) -> None:
    """Seconds to nanoseconds, in any zone, and null: the instant, in UTC, with six digits."""
    moment = datetime(2026, 3, 1, 8, 30, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**7))
    for unit in ("s", "ms", "us", "ns"):
        for zone in ("UTC", "Asia/Tokyo", "America/New_York", "+05:30"):
            column = pa.array([moment, None], pa.timestamp(unit, zone))
            for declared in ("", "Europe/Berlin"):
                expect_spelled(
                    column,
                    declared,
                    [shown(moment), None],
                    look_at="what a column that names its zone stores, and whether the declared zone concerns it",
                )
    exact = moment + timedelta(microseconds=rng.randrange(1, 10**6))
    expect_spelled(
        pa.array([exact], pa.timestamp("us", "UTC")), "", [shown(exact)], look_at="the digits behind the point"
    )


def test_ex3_wall_time_is_of_the_declared_zone() -> None:
    """09:30 on a wall in Berlin is 08:30 in winter and 07:30 in summer, and another instant in Tokyo."""
    winter, summer = datetime(2026, 3, 1, 9, 30), datetime(2026, 7, 1, 9, 30)
    for zone, wanted in (
        ("Europe/Berlin", ["2026-03-01T08:30:00.000000Z", "2026-07-01T07:30:00.000000Z"]),
        ("Asia/Tokyo", ["2026-03-01T00:30:00.000000Z", "2026-07-01T00:30:00.000000Z"]),
        ("UTC", ["2026-03-01T09:30:00.000000Z", "2026-07-01T09:30:00.000000Z"]),
    ):
        for unit in ("ms", "us", "ns"):
            expect_spelled(
                pa.array([winter, summer], pa.timestamp(unit)), zone, list(wanted), look_at="pc.assume_timezone"
            )


def test_ex3_wall_time_without_a_zone_is_refused() -> None:
    """Nobody knows which instant a clock showed that hangs nowhere."""
    expect_refused(pa.array([datetime(2026, 3, 1)], pa.timestamp("us")), "", why="no zone is declared for wall time")


def test_ex3_hours_that_do_not_exist_or_come_twice_are_refused() -> None:
    """The hour that spring skips is no instant, and the one that autumn repeats is two."""
    for moment, what in ((datetime(2026, 3, 29, 2, 30), "is skipped"), (datetime(2026, 10, 25, 2, 30), "comes twice")):
        expect_refused(
            pa.array([moment], pa.timestamp("us")), "Europe/Berlin", why=f"02:30 {what} in Berlin that night"
        )


def test_ex3_nothing_finer_than_a_microsecond() -> None:
    """A nanosecond that would be cut off is refused; a whole microsecond in nanoseconds is not."""
    for type_, zone in ((pa.timestamp("ns", "UTC"), ""), (pa.timestamp("ns"), "UTC")):
        expect_refused(pa.array([1_001], pa.int64()).cast(type_), zone, why="1,001 ns are no whole microsecond")
        expect_spelled(
            pa.array([1_000], pa.int64()).cast(type_), zone, ["1970-01-01T00:00:00.000001Z"], look_at="safe casts"
        )


def test_ex3_the_years_1_to_9999() -> None:
    """The first and the last microsecond that other programs can hold are spelled, and those beyond are refused."""
    first, last = -62_135_596_800_000_000, 253_402_300_799_999_999
    column = pa.array([first, last], pa.int64()).cast(pa.timestamp("us", "UTC"))
    wanted: list[str | None] = ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"]
    expect_spelled(column, "", wanted, look_at="the limits that check_range is given", hint=3)
    for microseconds in (first - 1, last + 1):
        column = pa.array([0, microseconds], pa.int64()).cast(pa.timestamp("us", "UTC"))
        expect_refused(column, "", why="an instant lies outside the years 1 to 9999")
    late, early = datetime(9999, 12, 31, 23, 30), datetime(1, 1, 1, 0, 30)
    for moment, zone in ((late, "America/New_York"), (early, "Asia/Tokyo")):
        column = pa.array([moment], pa.timestamp("us"))
        expect_refused(column, zone, why=f"{moment:%H:%M} on that day in {zone} lies in the year 10000 or 0 in UTC")
