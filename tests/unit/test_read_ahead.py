"""Reading ahead: order, bounds, merging, and what happens when it ends early."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from ingestion.errors import CorruptError
from ingestion.read_ahead import ReadAhead
from ingestion.record import Batch, Record, Reject
from ingestion.rest.place import Place
from workbook import virtual_time

AT = datetime(2026, 1, 1, tzinfo=UTC)
REJECT = Reject("shop", "orders", b"7", "no object", 0)


def batch(number: int, rows: int = 100, *, rejects: int = 0) -> Batch:
    records = tuple(Record("shop", "orders", f"{number}-{n}", b"{}", AT, b"") for n in range(rows))
    return Batch(records, Place("shop", "orders", str(number)), (REJECT,) * rejects)


class Pages:
    """A source that counts how far it was read, and whether it was closed."""

    def __init__(self, batches: list[Batch | Exception], delay_s: float = 0.0) -> None:
        self.batches, self.delay_s = batches, delay_s
        self.read, self.is_closed = 0, False

    async def __call__(self) -> AsyncIterator[Batch]:
        try:
            for each in self.batches:
                await asyncio.sleep(self.delay_s)
                if isinstance(each, Exception):
                    raise each
                self.read += 1
                yield each
        finally:
            self.is_closed = True


async def through(batch: Batch) -> Batch:
    return batch


async def take_all(pages: Pages, landing_s: float = 0.0) -> list[tuple[Batch, int]]:
    taken = []
    async with ReadAhead(pages(), through) as ahead:
        while (each := await ahead.take()) is not None:
            taken.append(each)
            await asyncio.sleep(landing_s)
    return taken


@pytest.mark.parametrize(("delay_s", "landing_s"), [(0.0, 0.0), (0.01, 0.1), (0.1, 0.01)])
def test_everything_comes_out_once_in_order(delay_s: float, landing_s: float) -> None:
    pages = Pages([batch(n) for n in range(200)], delay_s)
    taken = virtual_time.run(take_all(pages, landing_s))
    assert [r.key for each, _ in taken for r in each.records] == [f"{n}-{m}" for n in range(200) for m in range(100)]
    assert sum(count for _, count in taken) == 200
    for each, _ in taken:
        assert each.position == Place("shop", "orders", each.records[-1].key.partition("-")[0])


def test_the_next_page_is_fetched_while_the_last_one_lands() -> None:
    async def main() -> float:
        await take_all(Pages([batch(n) for n in range(100)], 1.0), landing_s=1.0)
        return virtual_time.CLOCK.time_s()

    # One after the other for the first 8 pages: only a quarter of what has landed may be at risk.
    assert virtual_time.run(main()) == pytest.approx(109.0)


def test_quick_pages_share_a_transaction_but_risk_a_quarter_of_the_work_at_most() -> None:
    """G6: what is read and not landed is a page, or a quarter of what has landed."""

    async def main() -> int:
        pages, landed, most = Pages([batch(n) for n in range(400)]), 0, 0
        async with ReadAhead(pages(), through) as ahead:
            while (each := await ahead.take()) is not None:
                rows = len(each[0].records)
                await asyncio.sleep(1)
                assert pages.read * 100 - landed <= max(100, landed // 4)
                landed += rows
                most = max(most, rows)
        return most

    assert virtual_time.run(main()) > 1_000


def test_no_batch_is_larger_than_the_limit() -> None:
    async def main() -> None:
        pages = Pages([batch(n) for n in range(400)])
        async with ReadAhead(pages(), through, max_rows=500) as ahead:
            while (each := await ahead.take()) is not None:
                assert len(each[0].records) <= 500
                await asyncio.sleep(1)

    virtual_time.run(main())


def test_a_page_with_rejects_stays_alone() -> None:
    """D6: its share of rejects is judged by itself."""
    pages = Pages([batch(n, rejects=n % 7 == 0) for n in range(300)])
    for each, count in virtual_time.run(take_all(pages, landing_s=1)):
        assert count == 1 or not each.rejects


def test_an_error_comes_after_all_that_was_read_before_it() -> None:
    """P10."""

    async def main() -> tuple[int, bool]:
        pages, seen = Pages([batch(0), batch(1), CorruptError("bad page"), batch(3)]), 0
        with pytest.raises(CorruptError, match="bad page"):
            async with ReadAhead(pages(), through) as ahead:
                while (each := await ahead.take()) is not None:
                    seen += each[1]
                    await asyncio.sleep(1)
        return seen, pages.is_closed

    assert virtual_time.run(main()) == (2, True)


def test_stopping_ends_it_and_closes_the_source() -> None:
    async def main() -> None:
        pages = Pages([batch(n) for n in range(10)], delay_s=1)
        async with ReadAhead(pages(), through) as ahead:
            assert await ahead.take()
            asyncio.get_running_loop().call_later(0.5, ahead.stop)
            assert await ahead.take() is None
            assert await ahead.take() is None
        assert pages.is_closed
        assert pages.read == 1

    virtual_time.run(main())


def test_leaving_early_leaves_nothing_running() -> None:
    async def main() -> None:
        pages = Pages([batch(n) for n in range(10)], delay_s=1)
        async with ReadAhead(pages(), through) as ahead:
            await ahead.take()
        assert pages.is_closed
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_time.run(main())


def test_a_source_that_swallows_a_cancellation_is_stopped_all_the_same() -> None:
    async def deaf() -> AsyncIterator[Batch]:
        for number in range(5):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1)
            yield batch(number)

    async def main() -> None:
        async with ReadAhead(deaf(), through) as ahead:
            await ahead.take()

    virtual_time.run(main())
