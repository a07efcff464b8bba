"""Lesson m01.11: windows that join, an end that is believed for good reasons, and pages in order."""

import asyncio
import contextlib
import random
from collections.abc import Iterator

from ingestion.errors import CorruptError, TransientError
from ingestion.rest.offset import InOrder, is_last, joins
from ingestion.rest.page import Page, RowShape, decode_page
from ingestion.rest.windows import Window
from workbook import virtual_time
from workbook.grading import expect

ORDERS = RowShape(source="shop", stream="orders")


def page_of(keys: list[str], *, rejects: int = 0) -> Page:
    rows = [f'{{"id":"{key}","updated_at":"2026-01-01T00:00:00Z"}}' for key in keys]
    rows += [f'{{"bad":{number}}}' for number in range(rejects)]
    return decode_page(f'{{"data":[{",".join(rows)}]}}'.encode(), ORDERS)


def names(rng: random.Random, count: int) -> list[str]:
    return [f"ord_{number}" for number in rng.sample(range(10**6), count)]


def test_ex1_a_shared_row_joins(rng: random.Random) -> None:
    """A page joins when any of its rows was read before, wherever in the page it stands."""
    seen, fresh = names(rng, 40), [f"new_{number}" for number in range(30)]
    for place in (0, rng.randint(1, 28), 29):
        keys = [*fresh[:place], rng.choice(seen), *fresh[place:]]
        expect(
            joins(page_of(keys), 120, set(seen), total=500) is True,
            expected=f"a page to join when row {place} of it was read before",
            came="False",
            look_at="rows that were inserted stand in front of the row you know",
            hint=2,
        )


def test_ex1_nothing_shared_does_not_join(rng: random.Random) -> None:
    """A page of unknown rows does not join: between it and what was read, rows may be missing."""
    seen, keys = names(rng, 40), [f"new_{number}" for number in range(30)]
    came = joins(page_of(keys), rng.randint(1, 400), set(seen), total=500)
    expect(came is False, expected="False for a page in which no row is known", came=came, hint=1)


def test_ex1_the_first_page_always_joins(rng: random.Random) -> None:
    """Nothing can be missing in front of the first page."""
    came = joins(page_of(names(rng, 20)), 0, set(), total=20)
    expect(came is True, expected="True for the page at 0", came=came, look_at="what comes before row 0", hint=1)
    came = joins(page_of([]), 0, set(), total=0)
    expect(came is True, expected="True for the empty first page of an empty listing", came=came, hint=2)


def test_ex1_a_known_reject_joins_too(rng: random.Random) -> None:
    """A row that could not become a record is known by its bytes."""
    came = joins(page_of(names(rng, 5), rejects=2), 50, {b'{"bad":1}'}, total=None)
    expect(
        came is True,
        expected="a page to join by a reject whose bytes were read before",
        came=came,
        look_at="page.rejects",
        hint=2,
    )


def test_ex1_an_empty_page_where_rows_are_counted_does_not_join() -> None:
    """Where the server itself counts more rows, an empty page has to be asked for again, at the start too."""
    for start in (0, 200):
        came = joins(page_of([]), start, {"a"}, total=500)
        expect(
            came is False,
            expected=f"False for an empty page at {start} of 500 rows",
            came=came,
            look_at="the order of your questions",
            hint=2,
        )


def test_ex1_an_empty_page_past_the_end_joins_nothing() -> None:
    """An empty page beyond the list joins nothing either: the list has become shorter than what was read."""
    came = joins(page_of([]), 300, {"a"}, total=250)
    expect(
        came is False,
        expected="False for an empty page at 300 of 250 rows",
        came=came,
        look_at="which row an empty page shares with the pages before it",
        hint=1,
    )


def window(start: int, size: int) -> Window:
    return Window(start, size, {})


def test_ex2_has_more_counts_most(rng: random.Random) -> None:
    """`has_more` beats a short page and the total, in both directions."""
    start = rng.randint(1, 1000)
    came = is_last(window(start, 100), 37, start + 1, total=start + 37, has_more=True)
    expect(came is False, expected="no end where the server says has_more", came=came, look_at="the short page", hint=2)
    came = is_last(window(start, 100), 100, start + 1, total=10**6, has_more=False)
    expect(came is True, expected="the end where the server says that there is no more", came=came, hint=2)


def test_ex2_short_alone_is_not_the_end(rng: random.Random) -> None:
    """A short page ends nothing while the server counts more rows, or counts none at all."""
    rows = rng.randint(5, 90)
    for total in (None, 10_000):
        came = is_last(window(200, 100), rows, 201, total=total, has_more=None)
        expect(
            came is False,
            expected=f"no end after {rows} of 100 rows with a total of {total}",
            came=came,
            look_at="a server that caps pages at 50 when you ask for 100",
            hint=1,
        )


def test_ex2_the_total_alone_is_not_the_end(rng: random.Random) -> None:
    """A full page is never the last, whatever the server's count says: counts go stale."""
    total = rng.randint(0, 300)
    came = is_last(window(200, 100), 100, 201, total=total, has_more=None)
    expect(
        came is False, expected=f"no end after a full page, total {total}", came=came, look_at="cached counts", hint=1
    )


def test_ex2_short_and_counted_is_the_end(rng: random.Random) -> None:
    """A short page that reaches the server's own count ends the walk."""
    rows = rng.randint(5, 90)
    for total, which in ((400 + rows, "reaches"), (398 + rows, "goes past")):
        came = is_last(window(400, 100), rows, 401, total=total, has_more=None)
        expect(came is True, expected=f"the end after a short page that {which} the total", came=came, hint=3)
    for overlap in (1, 3):  # how many of the rows had been read before
        came = is_last(window(400, 100), rows, 400 + overlap, total=401 + rows, has_more=None)
        expect(
            came is False,
            expected=f"no end after rows 400 to {399 + rows} of {401 + rows}, {overlap} of which had been read before",
            came=came,
            look_at="where the page ends: counted from its own start, or from what was read",
            hint=3,
        )


def test_ex2_nothing_new_is_the_end(rng: random.Random) -> None:
    """A page that brings nothing past what was read is the last, full or not, whatever the total."""
    end = rng.randint(100, 1000)
    for rows, size in ((1, 100), (0, 100), (1, 1)):
        came = is_last(window(end - 1, size), rows, end, total=end + 50, has_more=None)
        expect(
            came is True,
            expected=f"the end after {rows} rows from {end - 1} when {end} were read before",
            came=came,
            look_at="what the next page would be",
            hint=2,
        )


def test_ex2_a_promise_without_rows_is_refused() -> None:
    """More promised and nothing new sent: CorruptError, or the walk never ends."""
    try:
        came: object = is_last(window(99, 100), 1, 100, total=None, has_more=True)
    except CorruptError:
        return
    expect(False, expected="a CorruptError", came=came, look_at="how often this would repeat", hint=2)


class Server:
    """Answers after a time of its own for each window, and counts what is on its way."""

    def __init__(self, delays_s: list[float], failing: int | None = None) -> None:
        self.delays_s, self.failing = delays_s, failing
        self.now, self.most, self.asked = 0, 0, 0

    async def __call__(self, wanted: Window) -> Page:
        self.now, self.asked = self.now + 1, self.asked + 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.delays_s[wanted.start])
            if wanted.start == self.failing:
                raise TransientError("no answer")
            return page_of([f"row_{wanted.start}"])
        finally:
            self.now -= 1


def windows(count: int) -> Iterator[Window]:
    return (window(number, 1) for number in range(count))


def test_ex3_in_order_whoever_answers_first(rng: random.Random) -> None:
    """Pages come in the order of the windows, however long each takes."""
    delays_s = [rng.uniform(0.01, 5.0) for _ in range(30)]

    async def main() -> list[int]:
        return [each.start async for each, _ in InOrder(windows(30), Server(delays_s), 8)]

    came = virtual_time.run(main())
    expect(
        came == list(range(30)),
        expected="windows 0 to 29 in order",
        came=came,
        look_at="which fetch you wait for",
        hint=2,
    )


def test_ex3_each_window_with_its_own_page(rng: random.Random) -> None:
    """Each window comes with the page that was fetched for it."""
    delays_s = [rng.uniform(0.01, 5.0) for _ in range(12)]

    async def main() -> list[tuple[int, str]]:
        return [(each.start, page.records[0].key) async for each, page in InOrder(windows(12), Server(delays_s), 4)]

    came = virtual_time.run(main())
    expect(
        came == [(number, f"row_{number}") for number in range(12)],
        expected="window 3 with the page of window 3, and so on",
        came=came,
        hint=2,
    )


def test_ex3_as_many_at_once_as_allowed(rng: random.Random) -> None:
    """No more than `in_flight` fetches run at once, and no fewer while there are windows left."""
    in_flight = rng.randint(3, 9)
    server = Server([1.0] * 30)

    async def main() -> float:
        async for _ in InOrder(windows(30), server, in_flight):
            pass
        return virtual_time.CLOCK.time_s()

    seconds = virtual_time.run(main())
    expect(
        server.most == in_flight,
        expected=f"{in_flight} fetches at once at most, and at least",
        came=f"{server.most} at once",
        look_at="when the next fetch is sent",
        hint=3,
    )
    needed = -(-30 // in_flight)
    expect(
        seconds <= needed + 0.5,
        expected=f"30 windows of 1 s each in {needed} s",
        came=f"{seconds:.1f} s",
        look_at="what happens while you wait for the oldest",
        hint=3,
    )


def test_ex3_windows_are_taken_when_it_is_their_turn() -> None:
    """A window is taken from the iterable only when there is room for it: later ones may still change."""
    taken: list[int] = []

    def lazily() -> Iterator[Window]:
        for number in range(100):
            taken.append(number)
            yield window(number, 1)

    async def main() -> int:
        pages = InOrder(lazily(), Server([1.0] * 100), 3)
        await anext(pages)
        count = len(taken)
        await pages.aclose()
        return count

    came = virtual_time.run(main())
    expect(
        came <= 4,
        expected="3 windows taken before the first page, with 3 in flight",
        came=f"{came} taken",
        look_at="list(windows)",
        hint=3,
    )


def test_ex3_a_failure_comes_after_all_before_it(rng: random.Random) -> None:
    """When one fetch fails, every page before it has been given, and none behind it."""
    failing = rng.randint(3, 15)
    delays_s = [5.0] * 20
    delays_s[failing] = 0.001

    async def main() -> list[int]:
        got: list[int] = []
        pages = InOrder(windows(20), Server(delays_s, failing), 8)
        try:
            async for each, _ in pages:
                got.append(each.start)
        except TransientError:
            with contextlib.suppress(TransientError, StopAsyncIteration):
                got.append((await anext(pages))[0].start)
            return got
        finally:
            await pages.aclose()
        return [*got, -1]

    came = virtual_time.run(main())
    expect(
        came == list(range(failing)),
        expected=f"pages 0 to {failing - 1}, then the error of page {failing}, and nothing behind it for who asks again",
        came="no error" if came[-1:] == [-1] else came,
        look_at="an error that arrives early, and what is left in self.waiting",
        hint=2,
    )


def test_ex3_nothing_runs_after_closing(rng: random.Random) -> None:
    """After `aclose` no fetch is running, also when one has just failed."""
    server = Server([0.001] + [60.0] * 19, failing=0)

    async def main() -> tuple[int, int]:
        pages = InOrder(windows(20), server, 6)
        try:
            await anext(pages)
        except TransientError:
            await pages.aclose()
        return server.now, len(asyncio.all_tasks()) - 1

    came = virtual_time.run(main())
    expect(
        came == (0, 0),
        expected="no fetch and no task left",
        came=f"{came[0]} fetches and {came[1]} tasks left",
        look_at="what you take out of self.waiting, and when",
        hint=3,
    )


def test_ex3_no_windows_no_pages() -> None:
    """Without windows there are no pages, and no error."""

    async def main() -> list[Window]:
        return [each async for each, _ in InOrder([], Server([]), 4)]

    came = virtual_time.run(main())
    expect(came == [], expected="nothing", came=came, hint=3)
