"""Lesson m02.10: what gathers during a commit goes together, nobody is told before it, and nothing waits without bound."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest

from ingestion.errors import ContractViolationError, TransientError
from ingestion.webhooks.delivery import Delivery, Fate
from ingestion.webhooks.group_commit import GroupCommit, GroupLimits, Line, Waiting, commit_batch
from ingestion.webhooks.providers import Verified
from workbook import virtual_time
from workbook.grading import expect
from workbook.virtual_time import STARTED_AT

VERIFIED = Verified("stripe", STARTED_AT)
Fates = Callable[[Sequence[Delivery]], Awaitable[Sequence[Fate]]]


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return virtual_time.run(main)


def a_waiting(body: bytes = b"{}", since_s: float = 0.0) -> Waiting:
    return Waiting(Delivery(VERIFIED, body), asyncio.get_running_loop().create_future(), since_s)


def outcome(waiting: Waiting) -> object:
    """What the request of a delivery hears, or None while it hears nothing."""
    if not waiting.fate.done():
        return None
    if waiting.fate.cancelled():
        return "gone"
    return waiting.fate.exception() or waiting.fate.result()


def test_ex1_everybody_once_and_in_order(rng: random.Random) -> None:
    """Whatever the sizes, each delivery is in one batch, in the order in which they joined."""

    async def main() -> None:
        line = Line(GroupLimits(batch_rows=rng.randint(1, 9), batch_bytes=rng.randint(1, 500)))
        joined = [a_waiting(bytes(rng.randrange(300))) for _ in range(100)]
        for waiting in joined:
            line.join(waiting)
        taken: list[Waiting] = []
        while batch := line.take(1.0):
            taken += batch
        expect(
            taken == joined,
            expected="100 deliveries in the order in which they joined",
            came=f"{len(taken)}, {'in another order' if len(taken) == 100 else 'not all once'}",
            look_at="which end is taken from, and what happens to the first that does not fit",
            hint=2,
        )
        expect(line.take(1.0) == [], expected="nothing from an empty line", came="something", hint=2)

    run(main())


def test_ex1_no_batch_is_over_the_limits(rng: random.Random) -> None:
    """At most so many deliveries and so many bytes; and no batch ends while the next one fits."""

    async def main() -> None:
        limits = GroupLimits(batch_rows=7, batch_bytes=1_000)
        line = Line(limits)
        for _ in range(200):
            line.join(a_waiting(bytes(rng.choice([1, 10, 300, 500]))))
        while batch := line.take(1.0):
            sizes = [len(waiting.delivery.body) for waiting in batch]
            expect(
                len(sizes) <= 7 and sum(sizes) <= 1_000,
                expected="at most 7 deliveries and 1,000 bytes",
                came=f"{len(sizes)} deliveries, {sum(sizes)} bytes",
                look_at="both bounds, before the next one is added",
                hint=2,
            )
            if line.waiting and len(sizes) < 7:
                room = 1_000 - sum(sizes)
                expect(
                    len(line.waiting[0].delivery.body) > room,
                    expected=f"the next one too, which has {len(line.waiting[0].delivery.body)} bytes where {room} are free",
                    came=f"a batch of {len(sizes)}",
                    look_at="when the batch is taken to be full",
                    hint=2,
                )

    run(main())


def test_ex1_a_body_larger_than_a_batch_goes_alone() -> None:
    """It is not left in line for ever, and what stands behind it is not either."""

    async def main() -> None:
        line = Line(GroupLimits(batch_bytes=100))
        for size in (10, 5_000, 20):
            line.join(a_waiting(bytes(size)))
        came = [[len(waiting.delivery.body) for waiting in line.take(1.0)] for _ in range(4)]
        expect(
            came == [[10], [5_000], [20], []],
            expected="[10], then [5000], then [20]",
            came=came,
            look_at="the size test while the batch is empty",
            hint=2,
        )

    run(main())


def test_ex1_who_waited_too_long_is_turned_away(rng: random.Random) -> None:
    """Who waited exactly as long as allowed goes along; who waited longer does not, and the batch is filled with others."""

    async def main() -> None:
        line = Line(GroupLimits(batch_rows=5, batch_bytes=100, wait_s=4.0))
        late = [a_waiting(bytes(80), since_s=rng.random() * 5.9) for _ in range(30)]
        fresh = [a_waiting(bytes(10), since_s=6.0 + number / 10) for number in range(5)]
        for waiting in [*late, *fresh]:
            line.join(waiting)
        batch = line.take(10.0)
        expect(
            batch == fresh,
            expected="a batch of the five who waited 4 s or less",
            came=f"{len(batch)} deliveries",
            look_at="what is counted into the batch's size, and the bound itself",
            hint=2,
        )
        expect(
            all(isinstance(outcome(waiting), TransientError) for waiting in late),
            expected="a TransientError for each of the 30 who waited longer",
            came=[outcome(waiting) for waiting in late][:3],
            look_at="turn_away",
            hint=1,
        )
        expect(
            [outcome(waiting) for waiting in fresh] == [None] * 5,
            expected="no word yet to those who are taken",
            came=[outcome(waiting) for waiting in fresh],
            look_at="whom turn_away is given",
            hint=1,
        )

    run(main())


def test_ex1_empty_only_when_nobody_is_left() -> None:
    """A thousand late ones in front of a fresh one do not make an empty batch."""

    async def main() -> None:
        line = Line(GroupLimits(batch_rows=5, wait_s=4.0))
        for _ in range(1_000):
            line.join(a_waiting(since_s=0.0))
        line.join(last := a_waiting(since_s=99.0))
        came = line.take(100.0)
        expect(
            came == [last],
            expected="the one who is not late",
            came=f"{len(came)} deliveries, {len(line.waiting)} left in line",
            look_at="whether late ones use up places in the batch",
            hint=2,
        )

    run(main())


def test_ex1_the_bytes_in_line_are_known(rng: random.Random) -> None:
    """After every take, with late ones and without."""

    async def main() -> None:
        line = Line(GroupLimits(batch_rows=3, batch_bytes=200, wait_s=4.0))
        for _ in range(300):
            line.join(a_waiting(bytes(rng.randrange(100)), since_s=rng.choice([0.0, 10.0])))
        while line.waiting:
            line.take(10.0)
            real = sum(len(waiting.delivery.body) for waiting in line.waiting)
            expect(
                line.bytes == real,
                expected=f"{real} bytes in line",
                came=line.bytes,
                look_at="everybody who leaves the line, late ones too",
                hint=1,
            )

    run(main())


def all_accepted(deliveries: Sequence[Delivery]) -> list[Fate]:
    return [Fate.ACCEPTED] * len(deliveries)


def test_ex2_nobody_is_told_before_the_commit() -> None:
    """While the commit is under way, no request has heard anything."""

    async def main() -> None:
        batch = [a_waiting() for _ in range(3)]

        async def commit(deliveries: Sequence[Delivery]) -> list[Fate]:
            await asyncio.sleep(1.0)
            heard.append([outcome(waiting) for waiting in batch])
            return all_accepted(deliveries)

        heard: list[list[object]] = []
        await commit_batch(commit, batch, within_s=5)
        expect(
            heard == [[None] * 3],
            expected="one commit, and nobody told until it has returned",
            came=heard,
            look_at="what is done before commit is awaited",
            hint=1,
        )

    run(main())


def test_ex2_each_is_told_its_own_fate(rng: random.Random) -> None:
    """In order; the commit gets the deliveries in order too."""

    async def main() -> None:
        batch = [a_waiting(b"%d" % number) for number in range(50)]
        fates = [rng.choice(list(Fate)) for _ in batch]
        given: list[bytes] = []

        async def commit(deliveries: Sequence[Delivery]) -> list[Fate]:
            given.extend(delivery.body for delivery in deliveries)
            return fates

        said = await commit_batch(commit, batch, within_s=5)
        expect(said is True, expected="True for a batch that committed", came=said, hint=3)
        expect(
            given == [waiting.delivery.body for waiting in batch],
            expected="the deliveries in their order",
            came=given[:5],
            hint=3,
        )
        expect(
            [outcome(waiting) for waiting in batch] == fates,
            expected="to each request the fate of its own delivery",
            came=[outcome(waiting) for waiting in batch][:5],
            look_at="how fates and requests are brought together",
            hint=3,
        )

    run(main())


def test_ex2_who_is_gone_keeps_nobody_waiting() -> None:
    """A cancelled request in the middle of the batch, with a commit that works and with one that fails."""

    async def main() -> None:
        for fails in (False, True):
            batch = [a_waiting() for _ in range(5)]
            batch[2].fate.cancel()

            async def commit(deliveries: Sequence[Delivery], fails: bool = fails) -> list[Fate]:
                if fails:
                    raise TransientError("down")
                return all_accepted(deliveries)

            said = await commit_batch(commit, batch, within_s=5)
            heard = [outcome(waiting) for waiting in batch]
            expect(
                said is not fails and None not in heard and heard[2] == "gone",
                expected=f"{not fails}, and all told but the one who is gone",
                came=f"{said}, {heard}",
                look_at="fate.done()",
                hint=2,
            )

    run(main())


@pytest.mark.parametrize(
    "error",
    [
        TransientError("down"),
        ContractViolationError("too many"),
        KeyError("bug"),
        ConnectionError("reset"),
        RecursionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_ex2_a_batch_that_fails_is_turned_away(error: Exception) -> None:
    """Whatever was raised: False, and a `TransientError` with a time to come back for each, with no word of the cause."""

    async def main() -> None:
        batch = [a_waiting() for _ in range(4)]

        async def commit(deliveries: Sequence[Delivery]) -> list[Fate]:
            raise error

        said = await commit_batch(commit, batch, within_s=5)
        heard = [outcome(waiting) for waiting in batch]
        expect(
            said is False and all(isinstance(each, TransientError) and each is not error for each in heard),
            expected=f"False, and a TransientError of its own for each, after {error!r}",
            came=f"{said}, {heard}",
            look_at="the except clause, and turn_away",
            hint=2,
        )
        expect(
            all(getattr(each, "retry_after_s", None) == 2.0 for each in heard),
            expected="2 s as the time to come back, for each",
            came=[getattr(each, "retry_after_s", None) for each in heard],
            look_at="retry_after_s",
            hint=2,
        )

    run(main())


def test_ex2_a_commit_that_hangs_is_given_up() -> None:
    """After `within_s` the commit is cancelled, and its batch is turned away."""

    async def main() -> tuple[object, float, list[object], bool]:
        batch, loop, was_cancelled = [a_waiting()], asyncio.get_running_loop(), False

        async def commit(deliveries: Sequence[Delivery]) -> list[Fate]:
            nonlocal was_cancelled
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                was_cancelled = True
                raise
            return all_accepted(deliveries)

        said = await commit_batch(commit, batch, within_s=4.0)
        return said, loop.time(), [outcome(waiting) for waiting in batch], was_cancelled

    said, at_s, heard, was_cancelled = run(main())
    expect(
        (said, at_s, was_cancelled) == (False, 4.0, True) and isinstance(heard[0], TransientError),
        expected="False after 4 s, the commit cancelled, the request turned away",
        came=f"{said} after {at_s:g} s, {'cancelled' if was_cancelled else 'not cancelled'}, {heard}",
        look_at="asyncio.timeout",
        hint=3,
    )


@pytest.mark.parametrize("count", [0, 2, 4])
def test_ex2_a_wrong_number_of_fates_is_a_failure(count: int) -> None:
    """Three deliveries and another number of fates: nobody waits for ever, and the batch did not go well."""

    async def main() -> None:
        batch = [a_waiting() for _ in range(3)]

        async def commit(deliveries: Sequence[Delivery]) -> list[Fate]:
            return [Fate.ACCEPTED] * count

        said = await commit_batch(commit, batch, within_s=5)
        expect(
            said is False and all(waiting.fate.done() for waiting in batch),
            expected=f"False and everybody told, after {count} fates for 3 deliveries",
            came=f"{said}, {[outcome(waiting) for waiting in batch]}",
            look_at="zip",
            hint=3,
        )

    run(main())


def test_ex2_a_cancelled_writer_leaves_nobody_waiting() -> None:
    """The cancellation comes out, and the batch has been turned away."""

    async def main() -> None:
        batch = [a_waiting() for _ in range(3)]

        async def commit(deliveries: Sequence[Delivery]) -> list[Fate]:
            await asyncio.sleep(1_000)
            return all_accepted(deliveries)

        task = asyncio.ensure_future(commit_batch(commit, batch, within_s=5_000))
        await asyncio.sleep(1)
        task.cancel()
        came: object
        try:
            came = await task
        except asyncio.CancelledError as error:
            came = error
        heard = [outcome(waiting) for waiting in batch]
        expect(
            isinstance(came, asyncio.CancelledError) and all(isinstance(each, TransientError) for each in heard),
            expected="the cancellation, and everybody turned away",
            came=f"{came!r}, {heard}",
            look_at="finally",
            hint=2,
        )

    run(main())


def test_ex2_a_line_in_the_log_and_no_body_in_it(caplog: pytest.LogCaptureFixture) -> None:
    """What went wrong is logged once a batch."""

    async def main() -> None:
        async def commit(deliveries: Sequence[Delivery]) -> list[Fate]:
            raise TransientError("down")

        await commit_batch(commit, [a_waiting(b"a secret body") for _ in range(9)], within_s=5)

    with caplog.at_level(logging.DEBUG):
        run(main())
    plain = logging.Formatter()
    said = [plain.format(record) for record in caplog.records if record.name.startswith("ingestion")]
    expect(
        len(said) == 1 and "\n" not in said[0] and "secret" not in caplog.text,
        expected="one line in the log, without a body (and without a traceback, which is many)",
        came=said,
        look_at="what is logged, and how often",
        hint=2,
    )


class Database:
    """Commits that take their time; remembers the batches, and how many were under way at once."""

    def __init__(self, takes_s: float, writers: int = 8) -> None:
        self.takes_s = takes_s
        self.batches: list[int] = []
        self.stored: list[bytes] = []
        self.busy = self.most = 0
        self.commits: list[Fates] = [self.commit] * writers

    async def commit(self, deliveries: Sequence[Delivery]) -> list[Fate]:
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.busy -= 1
        self.batches.append(len(deliveries))
        self.stored += [delivery.body for delivery in deliveries]
        return all_accepted(deliveries)


def a_delivery(number: int) -> Delivery:
    return Delivery(VERIFIED, b"%d" % number)


def test_ex3_alone_it_waits_for_nothing() -> None:
    """One delivery, no load: its latency is one commit."""

    async def main() -> tuple[Fate, float]:
        async with GroupCommit(Database(0.010).commits) as group:
            fate = await group.submit(a_delivery(1))
            return fate, asyncio.get_running_loop().time()

    fate, at_s = run(main())
    expect(
        fate is Fate.ACCEPTED and at_s == pytest.approx(0.010),
        expected="accepted after the 10 ms of its commit",
        came=f"{fate} after {1000 * at_s:g} ms",
        look_at="when a writer is started",
        hint=1,
    )


def test_ex3_no_deadline_but_the_line_s_and_the_commit_s() -> None:
    """In line for less than `wait_s` and committed in less than `commit_s` is stored, though the sum is more than either."""

    async def main() -> tuple[list[Fate | BaseException], int]:
        limits, database = GroupLimits(wait_s=2.0, commit_s=2.4, writers=1), Database(1.5, writers=1)
        async with GroupCommit(database.commits, limits) as group:
            first = asyncio.ensure_future(group.submit(a_delivery(1)))
            await asyncio.sleep(0.1)
            second = asyncio.ensure_future(group.submit(a_delivery(2)))
            await asyncio.wait([first, second])
        return [task.exception() or task.result() for task in (first, second)], len(database.stored)

    fates, stored = run(main())
    for fate in fates:
        if isinstance(fate, NotImplementedError):
            raise fate
    expect(
        fates == [Fate.ACCEPTED] * 2 and stored == 2,
        expected="both accepted: the second waits 1.4 s in line (2.0 are allowed), and its commit takes 1.5 s (2.4)",
        came=f"{fates}, {stored} stored",
        look_at="a time-out of submit's own: what is being stored is then said not to be",
        hint=3,
    )


def test_ex3_what_comes_together_goes_together() -> None:
    """Deliveries of one moment are one transaction; those that come while it commits are the next."""
    database = Database(1.0)

    async def main() -> None:
        limits = GroupLimits(writers=1, patience_s=100.0, commit_s=100.0, wait_s=100.0)
        async with GroupCommit(database.commits, limits) as group:
            first = [asyncio.ensure_future(group.submit(a_delivery(number))) for number in range(40)]
            await asyncio.sleep(0.5)
            later = [asyncio.ensure_future(group.submit(a_delivery(number))) for number in range(40, 100)]
            await asyncio.gather(*first, *later)

    run(main())
    expect(
        database.batches == [40, 60],
        expected="two transactions, of 40 and of 60",
        came=database.batches,
        look_at="who takes from the line, and when",
        hint=2,
    )


def test_ex3_a_full_line_turns_away_at_once() -> None:
    """The bound holds, the error has a time to come back, and who is turned away leaves no trace."""
    database = Database(1.0)

    async def main() -> None:
        limits = GroupLimits(waiting=10, writers=1, patience_s=100.0, commit_s=100.0, wait_s=100.0)
        async with GroupCommit(database.commits, limits) as group:
            loop = asyncio.get_running_loop()
            inside = [asyncio.ensure_future(group.submit(a_delivery(0)))]
            await asyncio.sleep(0.1)
            inside += [asyncio.ensure_future(group.submit(a_delivery(number))) for number in range(1, 11)]
            await asyncio.sleep(0)
            for _ in range(5):
                began_s, came = loop.time(), None
                try:
                    async with asyncio.timeout(0.3):
                        await group.submit(a_delivery(99))
                except (TransientError, TimeoutError) as error:
                    came = error
                expect(
                    isinstance(came, TransientError) and bool(came.retry_after_s) and loop.time() == began_s,
                    expected="a TransientError with retry_after_s, at once, for the eleventh in line",
                    came=repr(came),
                    look_at="is_full, before anything else",
                    hint=2,
                )
            expect(group.waiting == 10, expected="10 in line", came=group.waiting, hint=2)
            await asyncio.gather(*inside)

    run(main())
    expect(
        sorted(database.stored) == sorted(b"%d" % number for number in range(11)),
        expected="the eleven who were let in, stored",
        came=database.stored,
        look_at="what is done before the bound is looked at",
        hint=2,
    )


def test_ex3_two_at_first_and_more_when_commits_are_slow() -> None:
    """With quick commits never more than `writers` at once; with slow ones as many as there are."""
    counts = {}
    for name, takes_s in (("quick", 0.003), ("slow", 0.050)):
        database = Database(takes_s)

        async def main(database: Database = database) -> None:
            async with GroupCommit(database.commits, GroupLimits(writers=2, patience_s=0.005)) as group:
                tasks = []
                for number in range(400):
                    tasks.append(asyncio.ensure_future(group.submit(a_delivery(number))))
                    await asyncio.sleep(0.0005)
                await asyncio.gather(*tasks)

        run(main())
        counts[name] = database.most
    expect(
        counts["quick"] == 2,
        expected="two commits at once when they take 3 ms, less than the patience",
        came=counts["quick"],
        look_at="how many are at work before another is started",
        hint=1,
    )
    expect(
        counts["slow"] == 8,
        expected="eight at once when they take 50 ms, ten times the patience",
        came=counts["slow"],
        look_at="the reminder",
        hint=1,
    )


def test_ex3_a_cancelled_request_takes_nothing_back() -> None:
    """Its delivery lands all the same: it may have been taken already, and the sender will send it again."""
    database = Database(0.5)

    async def main() -> None:
        async with GroupCommit(database.commits, GroupLimits(writers=1, patience_s=100.0)) as group:
            tasks = [asyncio.ensure_future(group.submit(a_delivery(0)))]
            await asyncio.sleep(0.1)
            tasks += [asyncio.ensure_future(group.submit(a_delivery(number))) for number in (1, 2, 3)]
            await asyncio.sleep(0.1)
            tasks[2].cancel()
            came = await asyncio.gather(*tasks, return_exceptions=True)
            if isinstance(came[0], NotImplementedError):
                raise came[0]
            expect(
                isinstance(came[2], asyncio.CancelledError) and came[3] is Fate.ACCEPTED,
                expected="the cancelled request cancelled, and the others accepted",
                came=came,
                look_at="what a cancellation of one does to the writer",
                hint=1,
            )

    run(main())
    expect(
        sorted(database.stored) == [b"0", b"1", b"2", b"3"],
        expected="all four stored",
        came=database.stored,
        look_at="whether the delivery is taken out of the line",
        hint=1,
    )


def test_ex3_the_end_leaves_nobody_waiting(rng: random.Random) -> None:
    """On leaving, those in line land; who comes after that is turned away."""
    database = Database(0.020)

    async def main() -> list[object]:
        async with GroupCommit(database.commits, GroupLimits(batch_rows=7)) as group:
            tasks = [asyncio.ensure_future(group.submit(a_delivery(number))) for number in range(100)]
            await asyncio.sleep(rng.random() * 0.03)
        late = asyncio.ensure_future(group.submit(a_delivery(100)))
        return list(await asyncio.gather(*tasks, late, return_exceptions=True))

    came = run(main())
    if isinstance(came[0], NotImplementedError):
        raise came[0]
    expect(
        came[:100] == [Fate.ACCEPTED] * 100 and isinstance(came[100], TransientError),
        expected="100 accepted, and the one after the end turned away",
        came=f"{came.count(Fate.ACCEPTED)} accepted, then {came[100]!r}",
        look_at="is_full",
        hint=2,
    )
