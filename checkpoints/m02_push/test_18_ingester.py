"""Lesson m02.18: one version of a file and no other, batches that another run can go on from, and errors told apart."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.errors import (
    ConfigurationError,
    ContractViolationError,
    CorruptError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from ingestion.files.columns import Column
from ingestion.files.ingester import Ending, GoneError, batches_of, ending, pinned
from ingestion.files.manifest import FileClaim, FilePosition
from ingestion.files.notification import Drop
from ingestion.files.parsed import BadRow, ErrorBudget, Mark, Parsed
from ingestion.files.schema import Schema
from ingestion.record import Batch, Record
from workbook.grading import expect

SCHEMA = Schema("drops", "shipments", (Column("id", "text"), Column("at", "timestamp")), "id", "at")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLENTY = ErrorBudget(share=1.0)
START = Mark()


def a_drop(version: str, key: str = "2026-03-01/berlin.csv") -> Drop:
    return Drop("drops", key, version, 1_000, NOON)


def an_etag(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"


class S3:
    """What S3 does with a GetObject: one object, with what is in it now, and the versions that it had."""

    def __init__(self, now: tuple[str, bytes], versions: dict[str, bytes] | None = None) -> None:
        self.etag, self.content = now
        self.versions = versions or {}

    def get(self, question: dict[str, str]) -> str:
        """The answer in words: the status, and the content if there is some."""
        content = self.content
        if "VersionId" in question:
            if question["VersionId"] not in self.versions:
                return "404"
            content = self.versions[question["VersionId"]]
        if "IfMatch" in question and question["IfMatch"] != f'"{self.etag}"':
            return "412"
        if "Range" in question:
            unit, _, span = question["Range"].partition("=")
            first, dash, last = span.partition("-")
            if unit != "bytes" or not dash or not first.isdigit() or last:
                return f"not what was asked for: Range {question['Range']}"
            if int(first) >= len(content):
                return "416"
            return f"206 {content[int(first) :].decode()}"
        return f"200 {content.decode()}"


def expect_answer(drop: Drop, start: int, s3: S3, wanted: str, *, when: str, look_at: str, hint: int = 2) -> None:
    question = pinned(drop, start)
    came = s3.get(question)
    expect(
        came == wanted,
        expected=f"S3 to answer {wanted} {when}",
        came=f"{came}, to {question}",
        look_at=look_at,
        hint=hint,
    )


@pytest.mark.parametrize("parts", ["", "-1", "-37"])
def test_ex1_what_is_there_is_read_and_another_content_is_not(rng: random.Random, parts: str) -> None:
    """While the object is the one that was listed it is read, from any byte on; once overwritten the answer is 412."""
    listed, other = an_etag(rng) + parts, an_etag(rng) + parts
    for start, wanted in ((0, "200 tuesday"), (1, "206 uesday"), (3, "206 sday")):
        expect_answer(
            a_drop(listed),
            start,
            S3((listed, b"tuesday")),
            wanted,
            when=f"from byte {start} on, the object being as it was listed",
            look_at="how an etag is spelled in a header: with quotes",
        )
        expect_answer(
            a_drop(listed),
            start,
            S3((other, b"wednesday")),
            "412",
            when=f"from byte {start} on, once the object was overwritten",
            look_at="the condition, which every question needs, the first one, too",
            hint=1,
        )


def test_ex1_a_version_is_asked_for_by_its_id(rng: random.Random) -> None:
    """In a bucket that keeps versions, the one that was listed is read though a newer one is there."""
    for version in (
        "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
        "b7fe8ec1-8b8a-43ce-b1a8-8ba362a42306",
        "096fKKXTRTtl3on89fVO.nfljtsv6qko",
        an_etag(rng) + ".x7",
    ):
        s3 = S3((an_etag(rng), b"wednesday"), {version: b"tuesday"})
        for start, wanted in ((0, "200 tuesday"), (3, "206 sday")):
            expect_answer(
                a_drop(version),
                start,
                s3,
                wanted,
                when=f"when version {version[:12]}... is asked for from byte {start} on",
                look_at="what an etag looks like, and what else a version is",
            )


def test_ex1_an_empty_object_is_no_error(rng: random.Random) -> None:
    """An object without bytes is read as one, not refused with 416."""
    etag = an_etag(rng)
    expect_answer(
        a_drop(etag),
        0,
        S3((etag, b"")),
        "200 ",
        when="for an empty object",
        look_at="which byte a range begins with that an empty object does not have",
        hint=2,
    )


def test_ex1_bucket_and_key_as_they_are(rng: random.Random) -> None:
    """The key goes as it is: boto3 encodes it, and twice encoded it is another key."""
    for key in ("north + south.csv", "50%.csv", "日本/東京.csv"):
        question = pinned(a_drop(an_etag(rng), key), rng.randrange(5))
        came = (question.get("Bucket"), question.get("Key"))
        expect(came == ("drops", key), expected=f"bucket 'drops', key {key!r}", came=came, hint=2)


def a_claim(mark: Mark = START, *, quarantined: int = 0) -> FileClaim:
    return FileClaim(a_drop("0" * 32), 1, mark, 1, quarantined, 60.0)


def stretches(rng: random.Random, sizes: Sequence[tuple[int, int]], start: Mark = START) -> list[Parsed]:
    """Stretches with so many good and bad rows each."""
    found, row = [], start.row
    for good, bad in sizes:
        records = tuple(
            Record.of("drops", "shipments", f"{row + number}", {"n": rng.random()}, NOON + timedelta(seconds=number))
            for number in range(good)
        )
        rows = tuple(
            BadRow(
                row + good + number + 2, 10 * (row + good + number) + 7, b"x,%d" % rng.randrange(1000), 5, "no int64"
            )
            for number in range(bad)
        )
        row += good + bad
        found.append(Parsed(records, rows, Mark(10 * row, row, row + 2)))
    return found


def position_of(batch: Batch) -> FilePosition:
    position = batch.position
    expect(
        isinstance(position, FilePosition),
        expected="each batch with a FilePosition",
        came=f"{type(position).__name__}",
        look_at="what has to be saved with the rows",
        hint=2,
    )
    assert isinstance(position, FilePosition)
    return position


def test_ex2_every_stretch_is_a_batch_with_the_mark_after_it(rng: random.Random) -> None:
    """Records and bad rows of each stretch come in one batch, in order, with the claim and the mark after them."""
    given = stretches(rng, [(rng.randrange(1, 6), rng.randrange(3)) for _ in range(rng.randrange(2, 6))])
    claim = a_claim()
    batches = list(batches_of(claim, given, SCHEMA, PLENTY))
    expect(
        [batch.records for batch in batches] == [stretch.records for stretch in given],
        expected=f"the records of {len(given)} stretches in {len(given)} batches",
        came=f"{[len(batch.records) for batch in batches]} records, of {[len(stretch.records) for stretch in given]}",
        look_at="which batch goes out when",
        hint=2,
    )
    marks = [position_of(batch).mark for batch in batches]
    expect(
        marks == [stretch.mark for stretch in given] and {position_of(batch).claim for batch in batches} == {claim},
        expected=f"the claim, and the mark after each batch: rows {[stretch.mark.row for stretch in given]}",
        came=f"rows {[mark.row for mark in marks]}",
        look_at="whose mark is saved with which rows",
        hint=2,
    )
    for batch, stretch in zip(batches, given, strict=True):
        came = [(reject.raw, reject.ordinal) for reject in batch.rejects]
        wanted = [(bad.raw, bad.line) for bad in stretch.bad]
        expect(came == wanted, expected=f"the bad rows as rejects: {wanted}", came=came, look_at="reject_of", hint=2)


def test_ex2_the_last_batch_and_no_other_is_done(rng: random.Random) -> None:
    """Only the batch behind which the file ends says so."""
    for count in (1, 2, 5):
        came = [
            position_of(batch).done for batch in batches_of(a_claim(), stretches(rng, [(2, 0)] * count), SCHEMA, PLENTY)
        ]
        wanted = [False] * (count - 1) + [True]
        expect(
            came == wanted,
            expected=f"done: {wanted} for {count} stretches",
            came=came,
            look_at="how you know that a stretch is the last one",
            hint=2,
        )


def test_ex2_a_file_that_gives_nothing_is_done_all_the_same() -> None:
    """One batch without rows, done at the claim's mark: of an empty file, and of one whose end was reached before a kill."""
    for mark in (Mark(), Mark(120, 12, 14)):
        batches = list(batches_of(a_claim(mark), iter([]), SCHEMA, PLENTY))
        came = [(len(batch.records), position_of(batch).mark, position_of(batch).done) for batch in batches]
        expect(
            came == [(0, mark, True)],
            expected=f"one batch without rows, done at row {mark.row}",
            came=came,
            look_at="what else would ever tell the manifest that this file is finished",
            hint=2,
        )


def test_ex2_a_stretch_without_rows_is_a_batch_too(rng: random.Random) -> None:
    """Blank lines move the mark: whoever leaves them out reads them again, or ends the file before its end."""
    given = stretches(rng, [(2, 0), (0, 0), (3, 1), (0, 0)])
    given[1] = Parsed((), (), Mark(given[1].mark.offset + 5, 2, 9))
    given[3] = Parsed((), (), Mark(given[3].mark.offset + 7, 6, 20))
    positions = [position_of(batch) for batch in batches_of(a_claim(), given, SCHEMA, PLENTY)]
    expect(
        [position.mark for position in positions] == [stretch.mark for stretch in given],
        expected="4 batches with the marks of the 4 stretches, of which two have no rows",
        came=[position.mark for position in positions],
        look_at="what a stretch is besides its rows",
        hint=2,
    )


def test_ex2_who_stops_asking_is_not_given_more(rng: random.Random) -> None:
    """A run that is stopped closes the generator: that is no error of the reader, and nothing more comes out."""
    batches = batches_of(a_claim(), stretches(rng, [(1, 0)] * 4), SCHEMA, PLENTY)
    next(batches)
    try:
        batches.close()  # type: ignore[attr-defined]
        came: object = None
    except RuntimeError as error:
        came = error
    expect(
        came is None, expected="an end without a word", came=came, look_at="what is caught, and GeneratorExit", hint=3
    )


def test_ex2_no_more_than_one_batch_is_held_back(rng: random.Random) -> None:
    """When the second stretch has come the first batch goes out: memory holds two, however long the file is."""
    read = 0

    def reading() -> Iterator[Parsed]:
        nonlocal read
        for stretch in stretches(rng, [(3, 0)] * 50):
            read += 1
            yield stretch

    next(iter(batches_of(a_claim(), reading(), SCHEMA, PLENTY)))
    expect(
        read <= 2,
        expected="at most two stretches read when the first batch is given out",
        came=f"{read} of 50",
        look_at="a list of everything",
        hint=2,
    )


@pytest.mark.parametrize("error", [TransientError("S3 breaks off"), CorruptError("damaged"), OSError("disk full")])
def test_ex2_an_error_comes_out_behind_what_was_read(rng: random.Random, error: Exception) -> None:
    """What was read before the reader fails is given out, none of it as the end; then the error itself comes out."""

    def reading() -> Iterator[Parsed]:
        yield from stretches(rng, [(3, 0)] * 4)
        raise error

    done: list[bool] = []
    came: BaseException | None = None
    try:
        done.extend(position_of(batch).done for batch in batches_of(a_claim(), reading(), SCHEMA, PLENTY))
    except (TransientError, CorruptError, OSError) as caught:
        came = caught
    expect(came is error, expected=f"{error!r} to come out", came=repr(came), look_at="what is caught", hint=2)
    expect(
        done == [False] * 4,
        expected="4 batches before it, none of them done: a run in bad weather gets on by a batch",
        came=f"{len(done)} batches, done: {done}",
        look_at="the batch that is held back when the reader fails",
        hint=2,
    )


def test_ex2_bad_rows_count_over_the_whole_file_and_over_runs(rng: random.Random) -> None:
    """3 bad rows of 100 pass with 2 allowed, in a file that had 900 good ones before; what earlier runs set aside counts."""
    budget = ErrorBudget(share=0.01, free=2)
    for start, earlier, sizes, allowed in (
        (Mark(), 0, [(500, 0), (400, 0), (97, 3)], True),
        (Mark(9_000, 900, 902), 0, [(97, 3)], True),
        (Mark(), 0, [(97, 3)], False),
        (Mark(9_000, 900, 902), 9, [(97, 3)], False),
        (Mark(), 0, [(98, 2), (99, 1)], False),
    ):
        claim = a_claim(start, quarantined=earlier)
        try:
            given = len(list(batches_of(claim, stretches(rng, sizes, start), SCHEMA, budget)))
            came = "no error"
        except ContractViolationError:
            given, came = 0, "ContractViolationError"
        what = f"{sizes} good and bad rows after {start.row} rows, of which {earlier} were set aside"
        expect(
            came == ("no error" if allowed else "ContractViolationError"),
            expected=f"{'no error' if allowed else 'ContractViolationError'} for {what}",
            came=f"{came}, {given} batches",
            look_at="how many rows of the file were read by the end of the stretch, and how many of them are bad",
            hint=3,
        )


def test_ex2_bad_rows_are_a_share_of_all_rows(rng: random.Random) -> None:
    """The share is of the rows read, the bad ones among them: half of them bad is half, and no more."""
    budget = ErrorBudget(share=0.5, free=0)
    try:
        came: object = len(list(batches_of(a_claim(), stretches(rng, [(5, 5), (5, 5)]), SCHEMA, budget)))
    except ContractViolationError as error:
        came = error
    expect(
        came == 2,
        expected="2 batches of a file with 10 good and 10 bad rows, where half may be bad",
        came=came,
        look_at="which rows are read: the mark counts them",
        hint=3,
    )


def test_ex2_a_stretch_is_judged_before_it_is_given_out(rng: random.Random) -> None:
    """The stretch that breaks the budget never lands; those before it do; the error quotes one of its rows."""
    given = stretches(rng, [(100, 0), (50, 50), (100, 0)])
    landed: list[int] = []
    said = "no error"
    try:
        batches = batches_of(a_claim(), given, SCHEMA, ErrorBudget(share=0.01, free=10))
        landed.extend(len(batch.records) for batch in batches)
    except ContractViolationError as error:
        said = str(error)
    expect(
        landed == [100],
        expected="the 100 rows before it, and nothing of the stretch with 50 bad rows",
        came=f"batches of {landed} records; {said}",
        look_at="when check_budget is asked",
        hint=3,
    )
    expect(
        "berlin.csv line" in said,
        expected="an error that says where to look: check_budget quotes a reject",
        came=said,
        look_at="what check_budget is given",
        hint=3,
    )


class UnheardError(Exception):
    """Nobody has thought of it."""


def test_ex3_each_error_is_told_apart() -> None:
    """Gone, at fault, not at fault, and nobody knows."""
    for wanted, errors in (
        (Ending.SUPERSEDE, [GoneError("412")]),
        (
            Ending.FAIL,
            [
                CorruptError("cut off"),
                ContractViolationError("too many bad rows"),
                type("Torn", (CorruptError,), {})("x"),
            ],
        ),
        (
            Ending.GIVE_BACK,
            [
                TransientError("S3 is not available"),
                ThrottledError("S3 asks for patience"),
                ConfigurationError("S3 refuses us"),
                PermanentError("S3 refuses the question"),
                OSError("no space left on device"),
                TimeoutError("read"),
                FileNotFoundError("no temporary folder"),
                ConnectionResetError("by peer"),
            ],
        ),
        (
            Ending.LEAVE,
            [KeyError("packed_at"), RecursionError("deep"), MemoryError(), ValueError("a bug"), UnheardError("?")],
        ),
    ):
        for error in errors:
            came = ending(error)
            expect(
                came is wanted,
                expected=f"{wanted.name} for {type(error).__name__}",
                came=getattr(came, "name", came),
                look_at="who is at fault: the file, the weather, the settings, or the program",
                hint=2,
            )
