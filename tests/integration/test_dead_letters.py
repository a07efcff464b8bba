"""What could not land, and how it gets another chance."""

import asyncio
import functools
import json

import pytest

from ingestion.errors import TransientError
from ingestion.landing import land
from ingestion.record import Batch, Record, Reject
from ingestion.store import dead_letters
from ingestion.store.database import Pool, transaction
from ingestion.store.dead_letters import DeadLetter, Redriven, letters, park, redrive, release
from ingestion.store.run_ledger import Run
from tests.migrated import NOON, order, rows, value, with_pool

RUN = Run.start("shop", "orders", schema_version="v2", now=lambda: NOON)
STATES = "SELECT state, count(*)::int FROM ingestion.dead_letters GROUP BY state ORDER BY state"


async def lands(connection: object, batch: Batch) -> object:
    return await land(connection, batch, RUN)  # type: ignore[arg-type]


def reject(number: int, raw: bytes | None = None, reason: str = "no id") -> Reject:
    return Reject("shop", "orders", raw or b'{"number":%d}' % number, reason, number)


def repaired(letter: DeadLetter) -> Record:
    return order(json.loads(letter.raw)["number"])


async def parked(pool: Pool, *rejects: Reject) -> int:
    async with transaction(pool) as connection:
        return await park(connection, rejects, schema_version="v2")


def test_a_rerun_parks_nothing_new_wherever_the_rows_stand_by_then(db_url: str) -> None:
    """D2."""

    async def scenario(pool: Pool) -> None:
        assert await parked(pool, reject(1), reject(2), reject(3)) == 3
        moved = [Reject("shop", "orders", reject(n).raw, "no id", n + 50) for n in (3, 2, 1)]
        assert await parked(pool, *moved, reject(4)) == 1
        assert await parked(pool, Reject("shop", "refunds", reject(1).raw, "no id", 1)) == 1

    with_pool(db_url, scenario)


def test_a_letter_keeps_the_bytes_the_reason_and_the_version(db_url: str) -> None:
    """D5: raw bytes of any kind, in the order they were parked."""
    wild = b'\x00\xff{"a": \xc3(\\ud800'

    async def scenario(pool: Pool) -> list[DeadLetter]:
        await parked(pool, reject(7, wild, "cannot\ndecode \0 \ud800"))
        async with pool.connection() as connection:
            return await letters(connection, "shop", "orders")

    [letter] = with_pool(db_url, scenario)
    assert letter.raw == wild
    assert letter.reason == "cannot decode \\0 \\ud800"
    assert (letter.ordinal, letter.schema_version, letter.state, letter.attempts) == (7, "v2", "parked", 0)


@pytest.mark.parametrize(
    "reason",
    [
        "401 for Authorization: Bearer s3cr3t-t0ken",
        "cannot reach https://user:s3cr3t-t0ken@example.com/x",
        "bad api_key=s3cr3t-t0ken&page=1",
        'unexpected {"password": "s3cr3t-t0ken"}',
        "client_secret: s3cr3t-t0ken",
    ],
)
def test_secrets_do_not_get_into_the_reason(db_url: str, reason: str) -> None:
    """D5."""

    async def scenario(pool: Pool) -> str:
        await parked(pool, reject(1, reason=reason))
        return str(await value(pool, "SELECT reason FROM ingestion.dead_letters"))

    stored = with_pool(db_url, scenario)
    assert "s3cr3t" not in stored
    assert "***" in stored


def test_parked_with_the_callers_transaction_or_not_at_all(db_url: str) -> None:
    async def scenario(pool: Pool) -> int:
        with pytest.raises(KeyError):
            async with transaction(pool) as connection:
                await park(connection, [reject(1)])
                raise KeyError
        return int(await value(pool, "SELECT count(*) FROM ingestion.dead_letters"))

    assert with_pool(db_url, scenario) == 0


def test_a_redrive_lands_what_is_repaired_and_a_second_one_does_nothing(db_url: str) -> None:
    """D3: replayed twice is landed once."""

    async def scenario(pool: Pool) -> None:
        await parked(pool, *map(reject, range(3)))
        assert await redrive(pool, "shop", "orders", revive=repaired, land=lands) == Redriven(landed=3)
        assert await redrive(pool, "shop", "orders", revive=repaired, land=lands) == Redriven()
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 3
        assert await value(pool, "SELECT inserted FROM ingestion.runs") == 3

    with_pool(db_url, scenario)


def test_a_redriven_letter_never_overwrites_what_came_later(db_url: str) -> None:
    """D3."""

    async def scenario(pool: Pool) -> object:
        await parked(pool, reject(1))
        await land(pool, Batch((order(1, version=9),)), RUN)
        await redrive(pool, "shop", "orders", revive=repaired, land=lands)
        return await value(pool, "SELECT payload->'version' FROM ingestion.records")

    assert with_pool(db_url, scenario) == 9


def test_refused_too_often_is_quarantined_and_a_person_can_release_it(db_url: str) -> None:
    """D4."""

    def never(letter: DeadLetter) -> Record:
        raise KeyError("updated_at")

    async def scenario(pool: Pool) -> None:
        await parked(pool, reject(1), reject(2))
        again = functools.partial(redrive, pool, "shop", "orders", revive=never, land=lands, max_attempts=3)
        assert await again() == Redriven(refused=2)
        assert await again() == Redriven(refused=2)
        assert await again() == Redriven(quarantined=2)
        assert await again() == Redriven()
        async with transaction(pool) as connection:
            [first, _] = await letters(connection, "shop", "orders", state="quarantined")
            assert (first.reason, first.attempts) == ("KeyError: 'updated_at'", 3)
            assert await release(connection, "shop", "orders") == 2
        assert await redrive(pool, "shop", "orders", revive=repaired, land=lands) == Redriven(landed=2)

    with_pool(db_url, scenario)


def test_one_letter_that_trips_a_bug_does_not_hold_up_the_others(db_url: str) -> None:
    def trips_on_two(letter: DeadLetter) -> Record:
        return order(10 // (json.loads(letter.raw)["number"] - 2))

    async def scenario(pool: Pool) -> None:
        await parked(pool, *map(reject, (1, 2, 3)))
        result = await redrive(pool, "shop", "orders", revive=trips_on_two, land=lands)
        assert result == Redriven(landed=2, refused=1)
        assert await rows(pool, STATES) == [("parked", 1), ("redriven", 2)]

    with_pool(db_url, scenario)


def test_the_least_tried_come_first_so_that_stubborn_ones_starve_nobody(db_url: str) -> None:
    def only_high(letter: DeadLetter) -> Record:
        number = json.loads(letter.raw)["number"]
        if number < 5:
            raise ValueError("still broken")
        return order(number)

    async def scenario(pool: Pool) -> None:
        await parked(pool, *map(reject, range(1, 10)))
        small = functools.partial(redrive, pool, "shop", "orders", revive=only_high, land=lands, limit=4)
        assert await small() == Redriven(refused=4)
        assert await small() == Redriven(landed=4)

    with_pool(db_url, scenario)


def test_a_passing_failure_uses_up_no_attempt(db_url: str) -> None:
    """D7: transient errors are nobody's fault; nothing is marked, nothing lands."""

    async def unavailable(_connection: object, _batch: Batch) -> None:
        raise TransientError("the database is restarting")

    def times_out(letter: DeadLetter) -> Record:
        raise TimeoutError

    async def scenario(pool: Pool) -> None:
        await parked(pool, *map(reject, range(3)))
        with pytest.raises(TransientError):
            await redrive(pool, "shop", "orders", revive=repaired, land=unavailable)
        with pytest.raises(TimeoutError):
            await redrive(pool, "shop", "orders", revive=times_out, land=lands)
        assert await value(pool, "SELECT sum(attempts) FROM ingestion.dead_letters") == 0
        assert await rows(pool, STATES) == [("parked", 3)]

    with_pool(db_url, scenario)


def test_redrives_at_once_share_the_letters_and_never_double(db_url: str) -> None:
    """D8: a letter that another redrive holds is skipped, not waited for."""

    async def scenario(pool: Pool) -> None:
        await parked(pool, *map(reject, range(200)))
        inside = asyncio.Event()
        go_on = asyncio.Event()

        async def slow(connection: object, batch: Batch) -> None:
            inside.set()
            await go_on.wait()
            await lands(connection, batch)

        first = asyncio.create_task(redrive(pool, "shop", "orders", revive=repaired, land=slow, limit=50))
        await inside.wait()
        others = [redrive(pool, "shop", "orders", revive=repaired, land=lands, limit=50) for _ in range(6)]
        during = await asyncio.wait_for(asyncio.gather(*others), 10)
        go_on.set()
        assert sum(result.landed for result in during) + (await first).landed == 200
        assert await value(pool, "SELECT sum(inserted) FROM ingestion.runs") == 200

    with_pool(db_url, scenario)


def test_a_revived_record_that_postgres_refuses_waits_again_until_quarantine(db_url: str) -> None:
    """D9 within a redrive: counted as an attempt, never marked as landed, never lost."""
    raw = b'{"id":"x","note":"\\u0000"}'

    def as_it_is(letter: DeadLetter) -> Record:
        return Record("shop", "orders", "x", letter.raw, NOON, bytes(32))

    async def scenario(pool: Pool) -> None:
        await parked(pool, reject(1, raw))
        again = functools.partial(redrive, pool, "shop", "orders", revive=as_it_is, land=lands, max_attempts=2)
        assert await again() == Redriven(refused=1)
        assert await again() == Redriven(quarantined=1)
        assert await rows(pool, STATES) == [("quarantined", 1)]

    with_pool(db_url, scenario)


def test_an_item_too_large_to_keep_is_cut_marked_and_never_redriven(
    db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D10."""
    monkeypatch.setattr(dead_letters, "_LARGEST_RAW_BYTES", 10)

    async def scenario(pool: Pool) -> None:
        await parked(pool, reject(1, b"0123456789abcdef"), reject(2, b"0123456789ABCDEF"), reject(3, b"9876543210"))
        async with transaction(pool) as connection:
            assert [(letter.raw, letter.raw_size_bytes) for letter in await letters(connection, "shop", "orders")] == [
                (b"0123456789", 16),
                (b"0123456789", 16),
                (b"9876543210", 10),
            ]
        result = await redrive(pool, "shop", "orders", revive=lambda letter: order(1), land=lands)
        assert result == Redriven(landed=1, quarantined=2)
        async with transaction(pool) as connection:
            assert await release(connection, "shop", "orders") == 0

    with_pool(db_url, scenario)


def test_refused_again_after_a_redrive_it_waits_again(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await parked(pool, reject(1))
        await redrive(pool, "shop", "orders", revive=repaired, land=lands)
        assert await parked(pool, reject(1)) == 1
        assert await rows(pool, STATES) == [("parked", 1)]

    with_pool(db_url, scenario)
