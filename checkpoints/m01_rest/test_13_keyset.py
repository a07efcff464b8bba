"""Lesson m01.13: the next page starts at the last row, no row of one instant is lost, and the walk knows its end."""

import random
import string
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingestion.errors import ConfigurationError, ContractViolationError, CorruptError
from ingestion.record import Record
from ingestion.rest.keyset import MAX_EMPTY_PAGES, Boundary, Progress, fresh_rows, goes_on, question_after
from ingestion.rest.page import RowMark
from workbook.grading import expect

MORNING = datetime(2026, 2, 14, 9, 26, 53, tzinfo=UTC)


def _word(rng: random.Random, length: int = 6) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=length))


# ex1


@pytest.mark.parametrize(
    "spelled",
    [
        "2026-02-14T09:26:53Z",
        "2026-02-14T09:26:53.0Z",
        "2026-02-14T09:26:53.000000+00:00",
        "2026-02-14T14:56:53.120+05:30",
        "2026-02-14T09:26:53.123456789Z",
        "2026-02-14 09:26:53+00",
    ],
)
def test_ex1_the_instant_goes_back_as_it_came(rng: random.Random, spelled: str) -> None:
    """The instant is sent as the server spelled it, to the last digit."""
    key, since, after = _word(rng), _word(rng), _word(rng, 8)
    for after_param in (after, None):
        came = question_after(RowMark(spelled, key), since_param=since, after_param=after_param)
        expect(
            came.get(since) == spelled,
            expected=f"{since}={spelled}, letter for letter",
            came=came,
            look_at="a server whose clock has more digits than Python's",
            hint=2,
        )


def test_ex1_the_pair_is_the_place(rng: random.Random) -> None:
    """With a tie-breaker the question is the pair and nothing else, the key as it is."""
    since, after = _word(rng), _word(rng, 8)
    for key in (_word(rng).upper(), f" {_word(rng)} ", str(rng.randrange(10**20)), "0", "a&b=c"):
        came = question_after(RowMark("2026-02-14T09:26:53Z", key), since_param=since, after_param=after)
        wanted = {since: "2026-02-14T09:26:53Z", after: key}
        expect(came == wanted, expected=f"{wanted}", came=came, look_at="what makes a place of an instant", hint=1)


def test_ex1_no_tie_breaker_where_the_server_knows_none(rng: random.Random) -> None:
    """Without a tie-breaker the instant alone is asked for, unchanged."""
    since = _word(rng)
    came = question_after(RowMark("2026-02-14T09:26:53Z", _word(rng)), since_param=since, after_param=None)
    wanted = {since: "2026-02-14T09:26:53Z"}
    expect(
        came == wanted,
        expected=f"{wanted} when after_param is None",
        came=came,
        look_at="a parameter that the server does not know, or an instant that jumps over rows",
        hint=1,
    )


# ex2


def _row(key: str, minutes: float, zone: timezone = UTC) -> Record:
    return Record.of("shop", "orders", key, {"key": key}, (MORNING + timedelta(minutes=minutes)).astimezone(zone))


def _read(pages: Iterable[Iterable[Record]]) -> list[list[str]]:
    boundary = Boundary()
    return [[record.key for record in fresh_rows(tuple(page), boundary)] for page in pages]


def _expect_rows(came: object, wanted: object, what: str, look_at: str, hint: int = 2) -> None:
    expect(came == wanted, expected=f"{wanted} as new rows of {what}", came=came, look_at=look_at, hint=hint)


def test_ex2_rows_of_the_boundary_come_once(rng: random.Random) -> None:
    """Pages that start at the last instant of the page before give every row once, in order."""
    moments = sorted(rng.choices(range(12), k=40))
    rows = [_row(f"{n:03d}{_word(rng)}", minute) for n, minute in enumerate(moments)]
    largest = max(moments.count(minute) for minute in moments)
    pages, start = [], 0
    while start < len(rows):
        page = rows[start : start + largest + rng.randrange(2, 6)]
        pages.append(page)
        if page[-1] is rows[-1]:
            break
        start = moments.index(moments[rows.index(page[-1])])
    came = [key for page in _read(pages) for key in page]
    wanted = [row.key for row in rows]
    again = [key for key in dict.fromkeys(came) if came.count(key) > 1]
    missing = [key for key in wanted if key not in came]
    expect(
        came == wanted,
        expected="40 rows over several pages, each once and in order",
        came=f"{len(came)} rows; twice: {again or 'none'}; missing: {missing or 'none'}",
        look_at="which rows an inclusive `since` gives again, and which it does not",
        hint=2,
    )


def test_ex2_a_new_row_of_the_same_instant_is_new(rng: random.Random) -> None:
    """A row of the boundary's instant whose key has not come yet is kept."""
    one, two, three = (f"{n}{_word(rng)}" for n in range(3))
    came = _read([[_row("a", 0), _row(one, 1)], [_row(one, 1), _row(two, 1), _row(three, 2)]])
    _expect_rows(came[1], [two, three], "a second page that repeats one row of two", "the instant alone", 1)


def test_ex2_a_row_that_changed_again_is_new(rng: random.Random) -> None:
    """A known key at a later instant is news."""
    key = _word(rng)
    came = _read([[_row("a", 0), _row(key, 1)], [_row(key, 1), _row("b", 2), _row(key, 3)]])
    _expect_rows(came[1], ["b", key], f"a page on which {key} comes again and then changed", "the key alone", 1)
    came = _read([[_row("a", 0), _row(key, 1)], [_row(key, 1.005), _row("b", 2)]])
    _expect_rows(
        came[1], [key, "b"], f"a page on which {key} has changed 0.3 s later", "how exactly instants compare", 1
    )
    came = _read([[_row(key, 0), _row("b", 1), _row(key, 2)]])
    _expect_rows(came[0], [key, "b", key], f"a page that holds {key} before and after a change", "the key alone", 1)


def test_ex2_the_boundary_grows_within_an_instant(rng: random.Random) -> None:
    """Pages of one instant, in whatever order within it, give each of its rows once."""
    crowd = [f"{n:02d}{_word(rng)}" for n in range(12)]
    shuffled = rng.sample(crowd, 12)
    pages = [shuffled[:6], shuffled[4:9], [*shuffled[9:], *shuffled[:3]], rng.sample(crowd, 8)]
    came = _read([[_row(key, 1) for key in page] for page in pages])
    flat = [key for page in came for key in page]
    expect(
        flat == shuffled,
        expected="each of 12 rows of one instant once, over four pages that overlap",
        came=f"{len(flat)} rows, {len(set(flat))} different: {flat}",
        look_at="what the second page of one instant does to the keys of the first",
        hint=2,
    )


def test_ex2_old_instants_are_forgotten(rng: random.Random) -> None:
    """Once the walk has left an instant, only the rows of the last one are kept."""
    boundary = Boundary()
    minute = 0
    for _ in range(20):
        minute += 1
        rows = [_row(f"{minute}a", minute), _row(f"{minute}b", minute), _row(f"{minute}c", minute + 0.5)]
        fresh_rows(rows, boundary)
    expect(
        boundary.keys == {f"{minute}c"} and boundary.instant == rows[-1].occurred_at,
        expected="one key on the boundary after 20 pages that each end with one row of its own instant",
        came=f"{len(boundary.keys)} keys at {boundary.instant}",
        look_at="what happens to the keys when the instant changes: memory that grows with the listing",
        hint=2,
    )


def test_ex2_instants_are_compared_as_instants(rng: random.Random) -> None:
    """The same instant in another offset is the same instant, and later is later whatever the text says."""
    zones = [timezone(timedelta(minutes=minutes)) for minutes in rng.sample([-300, -150, 60, 330, 540], 4)]
    one, two = _word(rng), f"{_word(rng)}2"
    came = _read(
        [
            [_row("a", 0, zones[0]), _row(one, 1, zones[1])],
            [_row(one, 1, zones[2]), _row(two, 1, zones[3]), _row("b", 2, zones[0])],
        ]
    )
    _expect_rows(came, [["a", one], [two, "b"]], "pages whose rows have different offsets", "text and instant")


@pytest.mark.parametrize("where", ["inside a page", "in front of the boundary"])
def test_ex2_a_listing_out_of_order_is_refused(where: str, rng: random.Random) -> None:
    """A row that changed before the row in front of it raises ContractViolationError, also across pages."""
    back = rng.uniform(0.1, 5)
    first, second = [_row("a", 0), _row("b", 6)], [_row("c", 6 - back), _row("d", 7)]
    pages = [[*first, *second]] if where == "inside a page" else [first, second]
    try:
        came: object = _read(pages)
    except ContractViolationError:
        return
    expect(
        False,
        expected=f"a ContractViolationError for a row {back:.1f} min too early {where}",
        came=came,
        look_at="what the next question skips when the last row is not the latest",
        hint=1,
    )


def test_ex2_an_empty_page_changes_nothing() -> None:
    """No rows: none are new, and the boundary stays."""
    came = _read([[_row("a", 0), _row("b", 1)], [], [_row("b", 1), _row("c", 1)]])
    _expect_rows(came, [["a", "b"], [], ["c"]], "three pages, the second empty", "the last row of an empty page")


# ex3


def _walk(page_size: int, pages: Iterable[tuple[int, int]], has_more: bool | None) -> list[object]:
    """What goes_on says to each (rows, fresh), up to the first error."""
    progress, said = Progress(page_size, page_size), list[object]()
    for rows, fresh in pages:
        try:
            said.append(goes_on(progress, rows=rows, fresh=fresh, has_more=has_more))
        except (ConfigurationError, CorruptError) as error:
            said.append(type(error).__name__)
            break
    return said


def _expect_walk(came: list[object], wanted: list[object], what: str, look_at: str, hint: int = 2) -> None:
    expect(came == wanted, expected=f"{wanted} for {what}", came=came, look_at=look_at, hint=hint)


def test_ex3_the_servers_no_is_final(rng: random.Random) -> None:
    """After `has_more: false` it is over, whatever the page held."""
    for rows, fresh in ((100, 100), (rng.randrange(1, 99), 1), (100, 0), (0, 0)):
        came = _walk(100, [(rows, fresh)], has_more=False)
        _expect_walk(came, [False], f"a page of {rows} rows, {fresh} of them new, and has_more false", "the last row")


def test_ex3_new_rows_go_on(rng: random.Random) -> None:
    """A page with something new goes on, however short, whether the server promises more or says nothing."""
    pages = [(rows := rng.randrange(1, 120), rng.randrange(1, rows + 1)) for _ in range(10)]
    for has_more in (True, None):
        came = _walk(100, pages, has_more)
        _expect_walk(
            came, [True] * 10, f"pages (rows, new) {pages}, has_more {has_more}", "a server that caps pages", 1
        )


def test_ex3_nothing_new_and_short_is_the_end(rng: random.Random) -> None:
    """Without a word from the server, a page shorter than a full one that brings nothing new is the end."""
    for rows in (0, 1, rng.randrange(2, 99)):
        came = _walk(100, [(100, 100), (100, 99), (60, 59), (rows if rows < 60 else 59, 0)], has_more=None)
        _expect_walk(
            came, [True, True, True, False], f"a last page of {rows} rows known already", "what a full page is"
        )


def test_ex3_the_last_page_with_news_proves_nothing(rng: random.Random) -> None:
    """The last new rows may all share an instant: they come again, and that is the end, not a dead end."""
    rows = rng.randrange(2, 90)
    came = _walk(100, [(100, 100), (100, 99), (rows, rows), (rows, 0)], has_more=None)
    _expect_walk(
        came,
        [True, True, True, False],
        f"pages of 100, 100 and {rows} rows, then the same {rows} once more",
        "which page was followed by new rows when the third one comes",
    )


def test_ex3_a_full_page_without_news_is_stuck(rng: random.Random) -> None:
    """A page as long as a full one that brings nothing new raises ConfigurationError: it would come for ever."""
    size = rng.randrange(50, 200)
    came = _walk(size, [(size, size), (size, size - 1), (size, 0)], has_more=None)
    _expect_walk(
        came,
        [True, True, "ConfigurationError"],
        f"full pages of {size}, the third with nothing new",
        "rows of one instant that fill a page: stopping loses what is behind them",
        1,
    )


def test_ex3_full_is_what_the_server_calls_full(rng: random.Random) -> None:
    """Where the server caps pages, its cap counts and not what was asked for."""
    cap = rng.randrange(20, 100)
    came = _walk(500, [(cap, cap), (cap, cap - 1), (cap, cap - 1), (cap, 0)], has_more=None)
    _expect_walk(
        came,
        [True, True, True, "ConfigurationError"],
        f"500 rows asked for, pages of {cap}, the fourth with nothing new",
        "who decides how long a page is",
        1,
    )
    came = _walk(500, [(cap, cap), (cap, cap - 1), (cap, cap - 1), (cap - 1, 0)], has_more=None)
    _expect_walk(came, [True, True, True, False], f"pages of {cap}, then {cap - 1} rows known already", "full_page")
    came = _walk(500, [(90, 90), (60, 59), (90, 89), (90, 89), (70, 0)], has_more=None)
    _expect_walk(
        came,
        [True, True, True, True, "ConfigurationError"],
        "pages of 90, 60, 90 and 90 rows, then 70 rows known already: 60 were followed by new ones, so 70 are full",
        "the fewest rows that were followed by new ones, of all pages so far",
    )


def test_ex3_a_promise_and_the_same_rows_again(rng: random.Random) -> None:
    """`has_more: true` with nothing but known rows raises ConfigurationError, also on a short page."""
    for rows in (100, rng.randrange(1, 99)):
        came = _walk(100, [(100, 100), (rows, 0)], has_more=True)
        _expect_walk(
            came,
            [True, "ConfigurationError"],
            f"a page of {rows} known rows and has_more true",
            "what the same question will bring next time",
            1,
        )


def test_ex3_empty_pages_with_a_promise(rng: random.Random) -> None:
    """A few empty pages that promise more are gone past; too many in a row raise CorruptError."""
    empty = [(0, 0)] * MAX_EMPTY_PAGES
    came = _walk(100, [(100, 100), *empty, (0, 0)], has_more=True)
    _expect_walk(
        came,
        [True, *[True] * MAX_EMPTY_PAGES, "CorruptError"],
        f"{MAX_EMPTY_PAGES} empty pages that promise more, and one too many",
        "MAX_EMPTY_PAGES",
    )
    rows = rng.randrange(1, 100)
    came = _walk(100, [*empty, (rows, rows), *empty, (rows, rows), *empty], has_more=True)
    _expect_walk(
        came,
        [True] * (3 * MAX_EMPTY_PAGES + 2),
        f"{MAX_EMPTY_PAGES} empty pages three times, with new rows between",
        "in a row",
    )
    came = _walk(100, [(100, 100), (0, 0)], has_more=None)
    _expect_walk(came, [True, False], "an empty page and no word about more", "what an empty page can be behind")
