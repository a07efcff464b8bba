"""Lesson m01.15: one winner, a lease for the dead, a token against the late."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from ingestion.store.database import Pool, migrate, open_pool, transaction
from ingestion.store.idempotency import (
    Claim,
    Done,
    InFlight,
    Known,
    Reused,
    StaleClaimError,
    answer_for,
    complete,
    take_free_keys,
)
from workbook.grading import expect
from workbook.stack.databases import fresh_database

BODY, OTHER_BODY = b"the body", b"another body"


@pytest.fixture(scope="module")
def migrated(stack: Mapping[str, str]) -> Iterator[str]:
    async def prepare() -> None:
        async with open_pool(url, max_connections=1) as pool:
            await migrate(pool)
            async with transaction(pool) as connection:
                await connection.execute("CREATE TABLE effects (work text)")

    with fresh_database(stack["DB_URL"]) as url:
        asyncio.run(prepare())
        yield url


@pytest.fixture
async def pool(migrated: str) -> AsyncIterator[Pool]:
    async with open_pool(migrated, max_connections=6) as pool:
        yield pool


@pytest.fixture
def scope() -> str:
    """A scope of the test's own, so that tests share the table and no keys."""
    return f"run {uuid4()}"


async def take(
    pool: Pool, scope: str, *fingerprints: str, body_hash: bytes = BODY, lease_s: float = 60.0
) -> dict[str, int]:
    async with transaction(pool) as connection:
        wanted = dict.fromkeys(fingerprints, body_hash)
        return await take_free_keys(connection, wanted, scope=scope, lease_s=lease_s, ttl_s=3600.0)


async def change(pool: Pool, scope: str, assignments: str) -> None:
    async with transaction(pool) as connection:
        await connection.execute(f"UPDATE ingestion.idempotency_keys SET {assignments} WHERE scope = %s", [scope])


async def row(pool: Pool, scope: str, fingerprint: str) -> dict[str, Any]:
    names = "body_hash, state, token, lease_until, expires_at, status_code, body, reason"
    async with transaction(pool) as connection:
        statement = f"SELECT {names} FROM ingestion.idempotency_keys WHERE scope = %s AND fingerprint = %s"
        values = await (await connection.execute(statement, [scope, fingerprint])).fetchone()
    return dict(zip(names.split(", "), values or (), strict=bool(values)))


LEASE_OVER = "lease_until = clock_timestamp()"
FAILED = "state = 'failed', reason = '503'"
DONE = "state = 'done', status_code = 201, body = 'made'"
FORGOTTEN = "expires_at = clock_timestamp()"


async def test_ex1_of_many_workers_one_wins(pool: Pool, scope: str) -> None:
    """Of twelve workers that ask at once, one gets the key, and none gets an error."""
    answers = await asyncio.gather(*(take(pool, scope, "tea") for _ in range(12)), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, NotImplementedError):
            raise answer
    errors = [f"{type(answer).__name__}: {answer}" for answer in answers if isinstance(answer, BaseException)]
    expect(
        not errors,
        expected="an answer for each of 12 workers",
        came=errors[0] if errors else "",
        look_at="looking and inserting as two steps",
        hint=2,
    )
    winners = [answer for answer in answers if answer]
    expect(len(winners) == 1, expected="1 of 12 workers to get the key", came=f"{len(winners)} got it", hint=1)


async def test_ex1_takes_the_free_and_leaves_the_others(pool: Pool, scope: str, rng: random.Random) -> None:
    """Of many keys, exactly the free ones are taken, in flight for the lease, and nothing else changes."""
    names = [f"key {number}" for number in rng.sample(range(10_000), 12)]
    await take(pool, scope, *names[:5])
    before = [await row(pool, scope, name) for name in names[:5]]
    taken = await take(pool, scope, *names, lease_s=120.0)
    expect(
        sorted(taken) == sorted(names[5:]),
        expected="tokens for the 7 keys that nobody had, of 12 asked for",
        came=sorted(taken),
        look_at="what RETURNING gives for a row that the WHERE refuses",
        hint=2,
    )
    expect(
        [await row(pool, scope, name) for name in names[:5]] == before,
        expected="the 5 keys that are in flight to stay as they were",
        came="changed rows",
        look_at="the WHERE of DO UPDATE",
        hint=3,
    )
    mine = await row(pool, scope, names[5])
    async with transaction(pool) as connection:
        [left_s] = await (
            await connection.execute("SELECT extract(epoch FROM %s - clock_timestamp())", [mine["lease_until"]])
        ).fetchone() or [0]
    expect(
        mine["state"] == "in_flight" and 110 < left_s <= 120,
        expected="in flight, with a lease of 120 s",
        came=f"{mine['state']}, {left_s:.0f} s left",
        hint=3,
    )


@pytest.mark.parametrize(
    ("assignments", "body_hash", "free", "what"),
    [
        ("lease_until = lease_until", BODY, False, "in flight, its lease not over"),
        (LEASE_OVER, BODY, True, "in flight, its lease over"),
        (FAILED, BODY, True, "given back as failed, its lease not over"),
        (f"{DONE}, {LEASE_OVER}", BODY, False, "done, its lease long over"),
        (LEASE_OVER, OTHER_BODY, False, "in flight with another body, its lease over"),
        (FAILED, OTHER_BODY, False, "failed with another body"),
        (f"{DONE}, {FORGOTTEN}", BODY, True, "done, its expires_at passed"),
        (f"{DONE}, {FORGOTTEN}", OTHER_BODY, True, "done with another body, its expires_at passed"),
        (FORGOTTEN, BODY, True, "in flight, its expires_at passed"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value and "=" not in value else "",
)
async def test_ex1_free_is_what_the_docstring_says(
    pool: Pool, scope: str, assignments: str, body_hash: bytes, free: bool, what: str
) -> None:
    """Each state, with the lease and the time to live over or not, and with the same or another body."""
    await take(pool, scope, "tea")
    await change(pool, scope, assignments)
    before = await row(pool, scope, "tea")
    try:
        taken = await take(pool, scope, "tea", body_hash=body_hash)
    except NotImplementedError:
        raise
    except Exception as error:
        expect(
            False,
            expected=f"an answer for a key that is {what}",
            came=f"{type(error).__name__}: {error}",
            look_at="what the row still holds of its past",
            hint=2,
        )
    expect(
        bool(taken) == free,
        expected=f"a key that is {what} {'to be taken' if free else 'not to be taken'}",
        came="taken" if taken else "not taken",
        look_at="the conditions of the WHERE, one by one",
        hint=1,
    )
    after = await row(pool, scope, "tea")
    if not free:
        expect(after == before, expected="its row to stay as it was", came=after, hint=3)
        return
    came = (after["state"], after["body_hash"], after["status_code"], after["body"], after["reason"])
    expect(
        came == ("in_flight", body_hash, None, None, None),
        expected="a row in flight for the new body, without an old result or reason",
        came=came,
        look_at="what SET does not mention",
        hint=2,
    )
    async with transaction(pool) as connection:
        left = "extract(epoch FROM lease_until - clock_timestamp()), extract(epoch FROM expires_at - clock_timestamp())"
        statement = f"SELECT {left} FROM ingestion.idempotency_keys WHERE scope = %s"
        [lease_left_s, left_s] = await (await connection.execute(statement, [scope])).fetchone() or [0, 0]
    expect(
        50 < lease_left_s <= 60 and 3_590 < left_s <= 3_600,
        expected="a lease of 60 s and a time to live of 3,600 s, both from now, for a key that was taken again",
        came=f"{lease_left_s:.0f} s and {left_s:.0f} s",
        look_at="what SET does not mention: who else may take the key a moment later?",
        hint=2,
    )


@pytest.mark.parametrize("over", [LEASE_OVER, FORGOTTEN], ids=["lease", "time to live"])
async def test_ex1_the_clock_goes_on_inside_a_transaction(pool: Pool, scope: str, over: str) -> None:
    """What ran out after the transaction began has run out."""
    await take(pool, scope, "tea")
    async with transaction(pool) as connection:
        await connection.execute("SELECT now()")  # from here on now() stands still
        await change(pool, scope, over)
        taken = await take_free_keys(connection, {"tea": BODY}, scope=scope, lease_s=60.0, ttl_s=3600.0)
    expect(
        list(taken) == ["tea"],
        expected=f"the key to be taken: `{over}`, set after the taker's transaction began",
        came=f"taken: {taken}",
        look_at="`now()` and `clock_timestamp()`",
        hint=3,
    )


async def test_ex1_no_token_is_ever_given_twice(pool: Pool, scope: str) -> None:
    """Tokens differ within a call, from taker to taker, and after a key was deleted and came back."""
    tokens = list((await take(pool, scope, "tea", "milk", "sugar")).values())
    for forget in (False, True):
        async with transaction(pool) as connection:
            if forget:
                await connection.execute("DELETE FROM ingestion.idempotency_keys WHERE scope = %s", [scope])
        await change(pool, scope, LEASE_OVER)
        tokens += (await take(pool, scope, "tea", "milk", "sugar")).values()
    expect(
        len(set(tokens)) == 9,
        expected="9 different tokens: 3 keys, taken, taken over, and taken again after they were deleted",
        came=tokens,
        look_at="where the next token comes from, and how often that is asked",
        hint=2,
    )


async def locked_first(pool: Pool, scope: str, order: list[str]) -> set[str]:
    """Ask for three keys in *order* while another worker holds `m`: which of the others does it lock before it waits?"""
    async with pool.connection() as holder, pool.connection() as taker, pool.connection() as probe:
        await take_free_keys(holder, {"m": BODY}, scope=scope, lease_s=60.0, ttl_s=60.0)
        taking = asyncio.create_task(
            take_free_keys(taker, dict.fromkeys(order, BODY), scope=scope, lease_s=60.0, ttl_s=60.0)
        )
        waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)"
        for _ in range(500):
            row = await (await probe.execute(waiting, [taker.info.backend_pid])).fetchone()
            await probe.rollback()
            if taking.done() or (row and row[0]):
                break
            await asyncio.sleep(0.002)
        locked = set()
        await probe.execute("SET lock_timeout = '60ms'")
        await probe.commit()
        for name in ("a", "z"):
            try:
                await take_free_keys(probe, {name: BODY}, scope=scope, lease_s=60.0, ttl_s=60.0)
            except psycopg.errors.LockNotAvailable:
                locked.add(name)
            await probe.rollback()
        await probe.execute("RESET lock_timeout")
        await holder.rollback()
        await taking
        await taker.rollback()
    return locked


async def test_ex1_keys_are_locked_in_one_order(pool: Pool, scope: str) -> None:
    """Whatever order the keys are asked for in, they are locked in one: or two workers wait for each other for ever."""
    up, down = await locked_first(pool, scope, ["a", "m", "z"]), await locked_first(pool, scope, ["z", "m", "a"])
    expect(
        up == down,
        expected="the same keys locked before `m`, asked for as a, m, z and as z, m, a",
        came=f"{sorted(up)} asked upwards, {sorted(down)} asked downwards: two such workers deadlock",
        look_at="the order in which one statement inserts its rows",
        hint=3,
    )


def known(rng: random.Random, **fields: Any) -> Known:
    return Known(**{"body_hash": BODY, "state": "in_flight", "lease_left_s": rng.uniform(1, 60), **fields})


@pytest.mark.parametrize("state", ["in_flight", "done", "failed"])
def test_ex2_other_work_never_gets_this_works_answer(rng: random.Random, state: str) -> None:
    """A key known with another body is refused, whatever became of that work."""
    result = {"status_code": 200, "body": b"theirs"} if state == "done" else {}
    came = answer_for(known(rng, state=state, **result), OTHER_BODY)
    expect(
        came == Reused(),
        expected=f"Reused() for a key that is {state} with another body",
        came=came,
        look_at="which question comes first",
        hint=1,
    )


def test_ex2_done_gives_the_result_even_an_empty_one(rng: random.Random) -> None:
    """The result comes back as it was, also a 404 or an empty body."""
    for status_code, body in (
        (200, b"made"),
        (204, b""),
        (404, b"no such order"),
        (rng.randrange(200, 300), rng.randbytes(9)),
    ):
        came = answer_for(
            known(rng, state="done", status_code=status_code, body=body, lease_left_s=rng.uniform(-60, 60)), BODY
        )
        expect(
            came == Done(status_code, body),
            expected=f"Done({status_code}, {body!r})",
            came=came,
            look_at="whether an empty body counts as no body",
        )


def test_ex2_in_flight_says_when_to_come_back(rng: random.Random) -> None:
    """The rest of the lease is the wait; never a negative one, and none if it was just given back."""
    left_s = rng.uniform(1, 60)
    for state, lease_left_s, wanted_s in (
        ("in_flight", left_s, left_s),
        ("in_flight", -left_s, 0.0),
        ("failed", left_s, 0.0),
    ):
        came = answer_for(known(rng, state=state, lease_left_s=lease_left_s), BODY)
        expect(
            came == InFlight(wanted_s),
            expected=f"InFlight({wanted_s:.2f}) for a key that is {state} with {lease_left_s:.2f} s of lease left",
            came=came,
            look_at="what the caller will sleep",
        )


async def a_claim(pool: Pool, scope: str, fingerprint: str = "tea") -> Claim:
    """A claim written by hand, so that these tests need no answer to the first exercise."""
    statement = """
        INSERT INTO ingestion.idempotency_keys (scope, fingerprint, body_hash, state, token, lease_until, expires_at)
        VALUES (%s, %s, %s, 'in_flight', nextval('ingestion.fencing_tokens'), clock_timestamp() + '1 min', clock_timestamp() + '1 hour')
        ON CONFLICT (scope, fingerprint) DO UPDATE SET token = excluded.token, state = 'in_flight' RETURNING token"""
    async with transaction(pool) as connection:
        [token] = await (await connection.execute(statement, [scope, fingerprint, BODY])).fetchone() or [0]
    return Claim(scope, fingerprint, token)


async def act_and_complete(pool: Pool, claim: Claim, **result: Any) -> bool:
    """One effect and the completion in one transaction; False if it was refused as stale."""
    try:
        async with transaction(pool) as connection:
            await connection.execute("INSERT INTO effects VALUES (%s)", [claim.scope])
            await complete(connection, claim, **result)
    except StaleClaimError:
        return False
    return True


async def effects(pool: Pool, scope: str) -> int:
    async with transaction(pool) as connection:
        [count] = await (
            await connection.execute("SELECT count(*) FROM effects WHERE work = %s", [scope])
        ).fetchone() or [0]
    return int(count)


async def test_ex3_done_with_its_result(pool: Pool, scope: str, rng: random.Random) -> None:
    """The owner's result is kept, and only for this key; a 404 or an empty body is a result too."""
    bystander = await a_claim(pool, scope, "milk")
    for status_code, body in ((201, rng.randbytes(8)), (404, b"no such order"), (422, b"")):
        mine = await a_claim(pool, scope, f"work with a {status_code}")
        await act_and_complete(pool, mine, status_code=status_code, body=body)
        now = await row(pool, scope, mine.fingerprint)
        came = (now["state"], now["status_code"], now["body"])
        expect(came == ("done", status_code, body), expected=f"done, {status_code}, {body!r}", came=came, hint=3)
    other = await row(pool, scope, "milk")
    expect(
        (other["state"], other["token"]) == ("in_flight", bystander.token),
        expected="the other key of that scope to stay in flight",
        came=other["state"],
        look_at="which columns make the key",
        hint=2,
    )


async def test_ex3_who_was_taken_over_comes_too_late(pool: Pool, scope: str) -> None:
    """The stale owner is refused with StaleClaimError, its effects roll back, and the new owner's claim is untouched."""
    stale = await a_claim(pool, scope)
    fresh = await a_claim(pool, scope)
    accepted = await act_and_complete(pool, stale, body=b"stale")
    expect(
        not accepted,
        expected="StaleClaimError for the owner that was taken over",
        came="no error, so its effects commit",
        look_at="how many rows the UPDATE changed",
        hint=2,
    )
    expect(
        await effects(pool, scope) == 0,
        expected="its effects rolled back",
        came="they are in the table",
        look_at="who commits",
        hint=2,
    )
    now = await row(pool, scope, "tea")
    expect(
        (now["state"], now["token"]) == ("in_flight", fresh.token),
        expected="the new owner's claim in flight",
        came=now["state"],
        look_at="what the UPDATE asks of the row",
        hint=2,
    )


async def test_ex3_completed_once_and_no_more(pool: Pool, scope: str) -> None:
    """A second completion of the same claim is stale: its effects would be doubles."""
    mine = await a_claim(pool, scope)
    first, second = (
        await act_and_complete(pool, mine, body=b"first"),
        await act_and_complete(pool, mine, body=b"second"),
    )
    expect(
        (first, second) == (True, False),
        expected="the first completion accepted, the second refused",
        came=f"accepted: {first}, {second}",
        look_at="the state that a row has to be in",
        hint=2,
    )
    expect(await effects(pool, scope) == 1, expected="1 effect", came=await effects(pool, scope), hint=2)


async def test_ex3_late_but_not_taken_over_is_in_time(pool: Pool, scope: str) -> None:
    """A lease that ran out unnoticed does not matter while nobody took the key over."""
    mine = await a_claim(pool, scope)
    await change(pool, scope, LEASE_OVER)
    accepted = await act_and_complete(pool, mine)
    expect(
        accepted,
        expected="a completion after the lease, with the token still in place, to be accepted",
        came="StaleClaimError",
        look_at="what decides: the token or the clock",
    )


async def test_ex3_commits_with_the_caller_or_not_at_all(pool: Pool, scope: str) -> None:
    """Nothing is visible before the caller commits, and nothing stays if the caller rolls back."""
    mine = await a_claim(pool, scope)
    with pytest.raises(KeyError):
        async with transaction(pool) as connection:
            await complete(connection, mine)
            during = (await row(pool, scope, "tea"))["state"]
            expect(
                during == "in_flight",
                expected="in flight for everyone else until the caller commits",
                came=during,
                look_at="whose transaction this is",
            )
            raise KeyError
    after = (await row(pool, scope, "tea"))["state"]
    expect(
        after == "in_flight",
        expected="in flight again after the caller rolled back",
        came=after,
        look_at="whose transaction this is",
    )


@pytest.mark.parametrize("status_code", [408, 425, 429, 500, 501, 503, 507, 599])
async def test_ex3_a_passing_failure_is_no_result(pool: Pool, scope: str, status_code: int) -> None:
    """5xx, 408, 425 and 429 are refused with ValueError, and the claim stays in flight."""
    mine = await a_claim(pool, scope)
    try:
        await act_and_complete(pool, mine, status_code=status_code, body=b"oops")
        came = "accepted as a result"
    except ValueError:
        came = "ValueError"
    expect(
        came == "ValueError",
        expected=f"a ValueError for status {status_code}",
        came=came,
        look_at="what the next asker would be told",
    )
    expect(
        (await row(pool, scope, "tea"))["state"] == "in_flight", expected="the claim still in flight", came="changed"
    )
