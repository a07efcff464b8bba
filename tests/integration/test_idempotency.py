"""Work that must take effect once, whoever claims it and whoever dies."""

import asyncio

import pytest

from ingestion.landing import land
from ingestion.record import Batch
from ingestion.store.database import Pool, open_pool, transaction
from ingestion.store.idempotency import (
    Claim,
    Done,
    InFlight,
    KeyReuseError,
    Outcome,
    Reused,
    StaleClaimError,
    claim,
    claim_many,
    complete,
    expire,
    release,
)
from ingestion.store.run_ledger import Run
from ingestion.store.watermarks import Watermark
from tests.migrated import NOON, order, value, with_pool

STATE = "SELECT state FROM ingestion.idempotency_keys WHERE fingerprint = 'v1:a'"
RUN = Run.start("shop", "orders", now=lambda: NOON)


async def won(pool: Pool, fingerprint: str = "v1:a", *, lease_s: float = 60.0) -> Claim:
    outcome = await claim(pool, fingerprint, scope="day 1", lease_s=lease_s)
    assert isinstance(outcome, Claim)
    return outcome


async def run_out(pool: Pool, column: str) -> None:
    """Let the lease or the memory of every key be over, without waiting for it."""
    async with transaction(pool) as connection:
        await connection.execute(f"UPDATE ingestion.idempotency_keys SET {column} = clock_timestamp()")


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_thirty_claimers_one_winner(db_url: str, isolation: str) -> None:
    """I1, I6: under every isolation level the losers are told that someone is at it."""
    url = f"{db_url}?options=-c%20default_transaction_isolation%3D{isolation.replace(' ', '%5C%20')}"

    async def scenario(_: Pool) -> list[Outcome]:
        async with open_pool(url, max_connections=15) as pool:
            assert await value(pool, "SHOW transaction_isolation") == isolation
            return await asyncio.gather(*(claim(pool, "v1:a", scope="day 1") for _ in range(30)))

    outcomes = with_pool(db_url, scenario)
    assert sum(isinstance(outcome, Claim) for outcome in outcomes) == 1
    waits = [outcome.retry_after_s for outcome in outcomes if isinstance(outcome, InFlight)]
    assert len(waits) == 29
    assert all(50 < wait_s <= 60 for wait_s in waits)


def test_a_claim_is_committed_before_the_work_begins(db_url: str) -> None:
    """I1: another worker is answered at once, while the owner's own transaction is still open."""

    async def scenario(pool: Pool) -> None:
        owned = await won(pool)
        async with transaction(pool) as connection:
            await connection.execute("SELECT 1")
            async with asyncio.timeout(5):
                assert isinstance(await claim(pool, "v1:a", scope="day 1"), InFlight)
            await complete(connection, owned)
            async with asyncio.timeout(5):
                assert isinstance(await claim(pool, "v1:b", scope="day 1"), Claim)

    with_pool(db_url, scenario)


def test_a_silent_owner_is_taken_over_and_comes_too_late(db_url: str) -> None:
    """I2: the stale owner's completion changes nothing and rolls its rows back."""

    async def scenario(pool: Pool) -> None:
        stale = await won(pool)
        await run_out(pool, "lease_until")
        fresh = await won(pool)
        assert fresh.token > stale.token
        with pytest.raises(StaleClaimError):
            async with transaction(pool) as connection:
                await land(connection, Batch((order(1),)), RUN)
                await complete(connection, stale)
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 0
        assert not await release(pool, stale, "too late")
        async with transaction(pool) as connection:
            await complete(connection, fresh, body=b"theirs")
        assert await claim(pool, "v1:a", scope="day 1") == Done(200, b"theirs")

    with_pool(db_url, scenario)


def test_an_owner_that_outlives_its_lease_unnoticed_may_still_complete(db_url: str) -> None:
    """I2: the token decides, not the clock."""

    async def scenario(pool: Pool) -> None:
        slow = await won(pool)
        await run_out(pool, "lease_until")
        async with transaction(pool) as connection:
            await complete(connection, slow)
        assert await value(pool, STATE) == "done"

    with_pool(db_url, scenario)


def test_a_token_is_never_given_twice_even_if_the_key_was_forgotten(db_url: str) -> None:
    """I2, I8: an owner from before the expiry cannot complete the work of after it."""

    async def scenario(pool: Pool) -> None:
        old = await won(pool)
        await run_out(pool, "expires_at")
        assert await expire(pool) == 1
        new = await won(pool)
        assert new.token > old.token
        with pytest.raises(StaleClaimError):
            async with transaction(pool) as connection:
                await complete(connection, old)

    with_pool(db_url, scenario)


def test_twenty_take_overs_at_once_have_one_winner(db_url: str) -> None:
    """I1, I2."""

    async def scenario(pool: Pool) -> None:
        await won(pool)
        await run_out(pool, "lease_until")
        outcomes = await asyncio.gather(*(claim(pool, "v1:a", scope="day 1") for _ in range(20)))
        assert sum(isinstance(outcome, Claim) for outcome in outcomes) == 1

    with_pool(db_url, scenario)


def test_rows_position_and_completion_commit_together(db_url: str) -> None:
    """I3."""

    async def scenario(pool: Pool) -> None:
        owned = await won(pool)
        with pytest.raises(KeyError):
            async with transaction(pool) as connection:
                await land(connection, Batch((order(1),), Watermark("shop", "orders", NOON)), RUN)
                await complete(connection, owned)
                raise KeyError("crash before commit")
        assert await value(pool, STATE) == "in_flight"
        assert await value(pool, "SELECT count(*) FROM ingestion.watermarks") == 0

    with_pool(db_url, scenario)


def test_one_key_for_two_bodies_is_refused_in_every_state(db_url: str) -> None:
    """I4: in flight, done and failed alike; after its time the key is free for anything."""

    async def scenario(pool: Pool) -> None:
        async def other() -> Outcome:
            return await claim(pool, "v1:a", scope="day 1", body_hash=b"other")

        owned = await won(pool)
        with pytest.raises(KeyReuseError, match="v1:a"):
            await other()
        await release(pool, owned, "500")
        with pytest.raises(KeyReuseError):
            await other()
        owned = await won(pool)
        async with transaction(pool) as connection:
            await complete(connection, owned)
        with pytest.raises(KeyReuseError):
            await other()
        await run_out(pool, "expires_at")
        assert isinstance(await other(), Claim)

    with_pool(db_url, scenario)


def test_tomorrows_poll_is_not_suppressed_by_todays(db_url: str) -> None:
    """I5: done within a scope and a time to live, not for ever."""

    async def scenario(pool: Pool) -> None:
        owned = await won(pool)
        async with transaction(pool) as connection:
            await complete(connection, owned, status_code=304)
        assert await claim(pool, "v1:a", scope="day 1") == Done(304, b"")
        assert isinstance(await claim(pool, "v1:a", scope="day 2"), Claim)
        await run_out(pool, "expires_at")
        again = await won(pool)
        assert await value(pool, "SELECT body FROM ingestion.idempotency_keys WHERE token = %s", again.token) is None

    with_pool(db_url, scenario)


def test_a_scope_is_required() -> None:
    """I5."""
    with pytest.raises(ValueError, match="scope"):
        asyncio.run(claim_many(None, [("v1:a", b"")], scope=""))  # type: ignore[arg-type]


@pytest.mark.parametrize("status_code", [408, 425, 429, 500, 501, 502, 503, 504, 599])
def test_a_passing_failure_is_never_stored_as_a_result(db_url: str, status_code: int) -> None:
    """I7: release it, and the next worker goes at once."""

    async def scenario(pool: Pool) -> None:
        owned = await won(pool)
        with pytest.raises(ValueError, match=str(status_code)):
            async with transaction(pool) as connection:
                await complete(connection, owned, status_code=status_code, body=b"oops")
        assert await release(pool, owned, f"HTTP {status_code}")
        assert isinstance(await claim(pool, "v1:a", scope="day 1"), Claim)

    with_pool(db_url, scenario)


def test_expiry_takes_the_oldest_in_small_bites_and_waits_for_nobody(db_url: str) -> None:
    """I8."""

    async def scenario(pool: Pool) -> None:
        await claim_many(pool, [(f"v1:{n}", b"") for n in range(250)], scope="day 1")
        assert await expire(pool) == 0
        await run_out(pool, "expires_at")
        await won(pool, "v1:7")
        async with transaction(pool) as connection:
            await connection.execute("SELECT 1 FROM ingestion.idempotency_keys WHERE fingerprint = 'v1:9' FOR UPDATE")
            async with asyncio.timeout(5):
                assert [await expire(pool, limit=100) for _ in range(4)] == [100, 100, 48, 0]
        assert await expire(pool) == 1
        assert await value(pool, "SELECT fingerprint FROM ingestion.idempotency_keys") == "v1:7"

    with_pool(db_url, scenario)


def test_many_claims_in_one_statement_answer_in_order(db_url: str) -> None:
    """I8: every outcome at its place, repeats within the call included."""

    async def scenario(pool: Pool) -> list[Outcome]:
        done = await won(pool, "v1:done")
        async with transaction(pool) as connection:
            await complete(connection, done, body=b"x")
        await won(pool, "v1:busy")
        wanted = [
            ("v1:new", b""),
            ("v1:done", b""),
            ("v1:busy", b""),
            ("v1:done", b"other"),
            ("v1:new", b""),
            ("v1:new", b"2"),
        ]
        return await claim_many(pool, wanted, scope="day 1")

    new, done, busy, other, again, clash = with_pool(db_url, scenario)
    assert isinstance(new, Claim)
    assert done == Done(200, b"x")
    assert isinstance(busy, InFlight)
    assert (other, again, clash) == (Reused(), InFlight(60.0), Reused())


def test_overlapping_batches_of_claims_do_not_deadlock_and_share_the_work(db_url: str) -> None:
    """I8."""

    async def scenario(pool: Pool) -> None:
        wanted = [(f"v1:{n:04}", b"") for n in range(400)]
        batches = [wanted if turn % 2 else wanted[::-1] for turn in range(8)]
        results = await asyncio.gather(*(claim_many(pool, batch, scope="day 1") for batch in batches))
        claims = [outcome for result in results for outcome in result if isinstance(outcome, Claim)]
        assert sorted(one.fingerprint for one in claims) == [fingerprint for fingerprint, _ in wanted]
        assert len({one.token for one in claims}) == 400

    with_pool(db_url, scenario)


def test_no_claims_wanted_none_given(db_url: str) -> None:
    assert with_pool(db_url, lambda pool: claim_many(pool, [], scope="day 1")) == []
