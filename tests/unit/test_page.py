"""One page decoded: good rows, bad rows, and answers that are no page."""

import gc
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.console import collect_seldom
from ingestion.errors import ContractViolationError, CorruptError
from ingestion.record import Record
from ingestion.rest.page import RowMark, RowShape, decode_page, record_of
from ingestion.rest.row_spans import without_depths

SHAPE = RowShape(source="shop", stream="orders")
AT = "2026-01-01T00:00:00Z"


class Order(msgspec.Struct):
    id: str
    total: Decimal


def page(*rows: bytes) -> bytes:
    return b'{"has_more":false,"data":[' + b",".join(rows) + b'],"next":"x"}'


def good(number: int) -> bytes:
    return b'{"id":"a%d","updated_at":"2026-01-01T00:00:00Z"}' % number


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=5), max_size=5))
def test_every_good_row_is_the_record_that_record_of_makes(extras: list[dict[str, Any]]) -> None:
    """The fast way and the plain way agree, whatever the rows hold."""
    rows = [{**extra, "id": f"a{n}", "updated_at": AT} for n, extra in enumerate(extras)]
    decoded = decode_page(msgspec.json.encode({"data": rows}), SHAPE)
    kept = [row for row in rows if not holds_nul(row)]
    assert decoded.records == tuple(
        Record.of("shop", "orders", row["id"], row, datetime(2026, 1, 1, tzinfo=UTC)) for row in kept
    )
    assert len(decoded.rejects) == len(rows) - len(kept)


def holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(holds_nul, [*value, *value.values()]))
    return any(map(holds_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


BAD = {
    "no object": b"7",
    "null": b"null",
    "no key": b'{"updated_at":"2026-01-01T00:00:00Z"}',
    "null key": b'{"id":null,"updated_at":"2026-01-01T00:00:00Z"}',
    "empty key": b'{"id":"","updated_at":"2026-01-01T00:00:00Z"}',
    "true as a key": b'{"id":true,"updated_at":"2026-01-01T00:00:00Z"}',
    "1.5 as a key": b'{"id":1.5,"updated_at":"2026-01-01T00:00:00Z"}',
    "long key": b'{"id":"' + b"x" * 501 + b'","updated_at":"2026-01-01T00:00:00Z"}',
    "no instant": b'{"id":"b"}',
    "null instant": b'{"id":"b","updated_at":null}',
    "naive instant": b'{"id":"b","updated_at":"2026-01-01T00:00:00"}',
    "no such day": b'{"id":"b","updated_at":"2026-02-30T00:00:00Z"}',
    "before the first year": b'{"id":"b","updated_at":"0001-01-01T00:00:00+14:00"}',
    "after the last year": b'{"id":"b","updated_at":"9999-12-31T23:59:59-14:00"}',
    "5,000 digits as a key": b'{"id":' + b"9" * 5_000 + b',"updated_at":"2026-01-01T00:00:00Z"}',
    "5,000 digits": b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","n":[' + b"9" * 5_000 + b"]}",
    "epoch": b'{"id":"b","updated_at":1767225600}',
    "NUL": b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","n":"\\u0000"}',
    "NUL in a name": b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","\\u0000":1}',
    "lone surrogate": b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","n":"\\ud83d"}',
    "not UTF-8": b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","n":"\xff"}',
    "out of range": b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","n":1e400}',
    "NaN": b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","n":NaN}',
    "3,000 levels": b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","n":'
    + b'["]",{"a":' * 1_500
    + b"1"
    + b"}]" * 1_500
    + b"}",
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_row_costs_no_other(name: str) -> None:
    """D1, D9: it comes back with its bytes as they came, its place, and a reason in one line."""
    decoded = decode_page(page(good(1), BAD[name], good(2)), SHAPE)
    assert [record.key for record in decoded.records] == ["a1", "a2"]
    [reject] = decoded.rejects
    assert (reject.raw, reject.ordinal) == (BAD[name], 1)
    assert reject.reason and "\n" not in reject.reason
    assert decoded.envelope == {"has_more": False, "next": "x"}
    with pytest.raises(ContractViolationError, match=".+"):
        record_of(BAD[name], SHAPE)


def test_all_bad_rows_of_a_page_come_back_in_their_places() -> None:
    names = list(BAD)
    random.Random(5).shuffle(names)
    rows = [row for name in names for row in (BAD[name], good(len(name)))]
    decoded = decode_page(page(*rows), SHAPE)
    assert [reject.raw for reject in decoded.rejects] == [BAD[name] for name in names]
    assert [reject.ordinal for reject in decoded.rejects] == list(range(0, 2 * len(names), 2))
    assert decoded.row_count == len(rows)


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    decoded = decode_page(page(b'{"id":"b","updated_at":"2026-01-01T00:00:00Z","n":"\\\\u0000"}'), SHAPE)
    assert decoded.records[0].data()["n"] == "\\u0000"


def test_whole_numbers_of_any_size_stay_exact() -> None:
    big = 2**64 + 1
    decoded = decode_page(page(b'{"id":%d,"updated_at":"2026-01-01T00:00:00Z","n":%d}' % (big, -big)), SHAPE)
    assert decoded.records[0].key == str(big)
    assert b"%d" % -big in decoded.records[0].payload


def test_the_mark_is_that_of_the_last_row_that_can_be_placed() -> None:
    """Also when that row is a reject; spelt as the server spelt it."""
    nul = b'{"id":"z","updated_at":"2026-01-01T01:00:00.0+01:00","n":"\\u0000"}'
    assert decode_page(page(good(1), nul, BAD["no key"]), SHAPE).last == RowMark("2026-01-01T01:00:00.0+01:00", "z")
    for name in ("no such day", "before the first year", "long key", "5,000 digits as a key"):
        assert decode_page(page(BAD[name]), SHAPE).last is None
    assert decode_page(page(), SHAPE).last is None


@pytest.mark.parametrize(
    "field",
    [b'"id":"\\ud83d","updated_at":"2026-01-01T00:00:00Z"', b'"id":"z","updated_at":"2026-01-01\\ud83d00:00:00Z"'],
)
def test_no_mark_holds_what_cannot_be_sent_back(field: bytes) -> None:
    """Half a character in the last row: the row in front of it is asked on from."""
    decoded = decode_page(page(good(1), b"{%s}" % field), SHAPE)
    assert len(decoded.rejects) == 1
    assert decoded.last == decode_page(page(good(1)), SHAPE).last


def test_a_whole_number_of_any_size_is_a_mark() -> None:
    row = b'{"id":%s,"updated_at":"2026-01-01T00:00:00Z"}' % (b"9" * 501)
    assert decode_page(page(row), SHAPE).last == RowMark("2026-01-01T00:00:00Z", "9" * 501)


@pytest.mark.parametrize(
    ("spelt", "said"),
    [("true", True), ("false", False)] + [(other, None) for other in ("null", '"false"', "0", "1", "[]", "{}", '""')],
)
def test_only_true_and_false_say_whether_there_is_more(spelt: str, said: bool | None) -> None:
    assert decode_page(b'{"data":[],"has_more":%s}' % spelt.encode(), SHAPE).says("has_more") is said
    assert decode_page(b'{"data":[]}', SHAPE).says("has_more") is None


def test_brackets_without_end_are_read_in_linear_time() -> None:
    for text in ('"\\' * 200_000, '["' * 200_000, "[" * 400_000, "[{" * 200_000 + "}]" * 200_000, '"' * 400_000):
        assert len(without_depths(text)) == len(text)


def test_a_row_type_sets_rows_aside_and_keeps_what_it_does_not_name() -> None:
    shape = RowShape(source="shop", stream="orders", row_type=Order)
    rows = [b'{"id":"%d","updated_at":"2026-01-01T00:00:00Z","total":%s,"more":1}' % (n, total)
            for n, total in enumerate((b'"12.50"', b'"12,50"', b"null", b"3"))]  # fmt: skip
    decoded = decode_page(page(*rows), shape)
    assert [record.key for record in decoded.records] == ["0", "3"]
    assert decoded.records[0].data()["more"] == 1
    assert "$.total" in decoded.rejects[0].reason
    assert "12,50" not in decoded.rejects[0].reason


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"<html>", b"null", b"7", b"[]", b"{}", b'{"error":"x"}', b'{"data":null}', b'{"data":{}}',
     b'{"data":[1,}', b'{"data":[1', b'{"data":[1]} x', b'{"data":[1]}{"data":[2]}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_page_is_never_an_empty_one(body: bytes) -> None:
    """P13."""
    with pytest.raises(CorruptError, match=r"shop\.orders"):
        decode_page(body, SHAPE)


def test_a_bare_array_has_no_envelope() -> None:
    shape = RowShape(source="shop", stream="orders", rows_field=None)
    decoded = decode_page(b" [" + good(1) + b" , 7 ] ", shape)
    assert (len(decoded.records), len(decoded.rejects), decoded.envelope) == (1, 1, {})
    with pytest.raises(CorruptError, match="not a list"):
        decode_page(page(), shape)


def test_white_space_and_nesting_do_not_move_the_rows() -> None:
    body = b' \n{ "a" : { "data" : [ 1 ] } , "data" : [ ' + good(1) + b' ,\t{ "id" : [ ] } ] , "z" : "]" } '
    [reject] = decode_page(body, SHAPE).rejects
    assert reject.raw == b'{ "id" : [ ] }'
    assert orjson.loads(reject.raw) == {"id": []}


def test_decoding_pages_seldom_stops_to_look_for_garbage() -> None:
    """What every command sets: a page has no cycles, and is gone before it counts."""
    rows = b",".join(b'{"id":"a%d","updated_at":"2026-01-01T00:00:00Z","lines":[{"n":1}]}' % n for n in range(500))

    def passes_for_ten_pages() -> int:
        gc.collect()
        before = sum(generation["collections"] for generation in gc.get_stats())
        for _ in range(10):
            decode_page(page(rows), SHAPE)
        return sum(generation["collections"] for generation in gc.get_stats()) - before

    usual = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        often = passes_for_ten_pages()
        collect_seldom()
        assert passes_for_ten_pages() == 0 < often
    finally:
        gc.set_threshold(*usual)
