"""The virtual clock that other tests stand on."""

import asyncio
import itertools
import threading
import time

import pytest

from workbook import virtual_time
from workbook.virtual_time import CLOCK, STARTED_AT, VirtualDeadlockError


def test_a_day_of_one_second_naps_passes_in_a_few_real_seconds() -> None:
    async def day() -> float:
        for _ in range(86_400):
            await asyncio.sleep(1)
        return CLOCK.time_s()

    began_s = time.monotonic()
    assert virtual_time.run(day()) == 86_400.0
    assert time.monotonic() - began_s < 10


def test_clock_and_wall_time_move_together() -> None:
    async def main() -> None:
        assert (CLOCK.time_s(), CLOCK.now()) == (0.0, STARTED_AT)
        await CLOCK.sleep(90)
        assert (CLOCK.now() - STARTED_AT).total_seconds() == CLOCK.time_s() == 90.0
        assert CLOCK.now().tzinfo is not None

    virtual_time.run(main())


def test_a_timer_never_fires_early_not_even_by_rounding() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for n in range(1, 5_000):
            due_s = loop.time() + 0.1 / n + n * 1e-3
            fired_s: asyncio.Future[float] = loop.create_future()
            loop.call_at(due_s, lambda fired_s=fired_s: fired_s.set_result(loop.time()))
            assert await fired_s >= due_s

    virtual_time.run(main())


def test_timers_fire_in_order_of_their_time() -> None:
    async def main() -> list[tuple[float, str]]:
        seen: list[tuple[float, str]] = []

        async def mark(name: str, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            seen.append((CLOCK.time_s(), name))

        await asyncio.gather(mark("c", 3), mark("a", 1), mark("b", 2), mark("late", 1e6))
        return seen

    assert virtual_time.run(main()) == [(1.0, "a"), (2.0, "b"), (3.0, "c"), (1e6, "late")]


def test_timeouts_are_on_the_virtual_clock() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 40)
        return CLOCK.time_s()

    assert virtual_time.run(main()) == 100.0


def test_ready_work_runs_before_the_clock_moves() -> None:
    async def main() -> None:
        timer = asyncio.create_task(asyncio.sleep(1))
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert CLOCK.time_s() == 0.0
        await timer

    virtual_time.run(main())


def test_work_in_threads_is_waited_for_and_takes_no_time() -> None:
    async def main() -> None:
        async with asyncio.timeout(1):  # virtual: the clock must not jump here while the thread works
            assert await asyncio.to_thread(lambda: (time.sleep(0.05), "done")[1]) == "done"
        assert CLOCK.time_s() == 0.0

    virtual_time.run(main())


def test_a_call_from_a_foreign_thread_wakes_the_loop() -> None:
    async def main() -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        threading.Timer(0.05, lambda: loop.call_soon_threadsafe(answer.set_result, "here")).start()
        return await answer

    assert virtual_time.run(main()) == "here"


def test_a_wait_that_nothing_can_end_is_an_error_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "_THREAD_PATIENCE_S", 0.01)

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(VirtualDeadlockError, match="no timer is set"):
        virtual_time.run(main())


def test_sockets_are_refused() -> None:
    async def main() -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    with pytest.raises(RuntimeError, match="virtual time has no sockets"):
        virtual_time.run(main())


def test_the_same_program_takes_the_same_steps() -> None:
    async def main() -> list[tuple[float, int]]:
        steps: list[tuple[float, int]] = []
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)

        async def produce(number: int) -> None:
            for n in itertools.count():
                await asyncio.sleep(0.3 + number * 0.1)
                await queue.put(number * 1_000 + n)

        producers = [asyncio.create_task(produce(number)) for number in range(3)]
        while len(steps) < 200:
            steps.append((CLOCK.time_s(), await queue.get()))
            await asyncio.sleep(0.05)
        for producer in producers:
            producer.cancel()
        return steps

    assert virtual_time.run(main()) == virtual_time.run(main())


def test_errors_and_results_come_out_as_they_are() -> None:
    async def main() -> None:
        await asyncio.sleep(5)
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        virtual_time.run(main())


def test_it_runs_where_a_loop_is_already_running() -> None:
    async def an_hour() -> float:
        await asyncio.sleep(3600)
        return CLOCK.time_s()

    async def cell() -> float:
        return virtual_time.run(an_hour())

    assert asyncio.run(cell()) == 3600.0
