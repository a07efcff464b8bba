# Made from solutions/m01_rest/15_idempotency.ipynb: edit it there.
"""Claims on work that must take effect once, in one table that every worker shares."""

from collections.abc import Mapping, Sequence

import msgspec
from psycopg import errors as pg

from ingestion.errors import TRANSIENT_STATUS, PermanentError, TransientError
from ingestion.store.database import Connection, Pool, transaction

__all__ = [
    "Claim",
    "Done",
    "InFlight",
    "KeyReuseError",
    "Known",
    "Outcome",
    "Reused",
    "StaleClaimError",
    "answer_for",
    "claim",
    "claim_many",
    "complete",
    "expire",
    "release",
    "take_free_keys",
]


_CONFLICTS_SURVIVED = 10


class StaleClaimError(PermanentError):
    """The claim is no longer ours: its lease ran out and another took over, or it was completed before."""


class KeyReuseError(PermanentError):
    """The key was used before, for other work: the same fingerprint with another body."""


class Claim(msgspec.Struct, frozen=True):
    """The right to do the work now. *token* is never given twice; only its holder can complete the work."""

    scope: str
    fingerprint: str
    token: int


class Done(msgspec.Struct, frozen=True):
    """The work was done before; this is what came of it."""

    status_code: int
    body: bytes


class InFlight(msgspec.Struct, frozen=True):
    """Another worker is at it. In *retry_after_s* its lease is over, unless it finishes before."""

    retry_after_s: float


class Reused(msgspec.Struct, frozen=True):
    """The fingerprint stands for other work: its body was another one."""


Outcome = Claim | Done | InFlight | Reused


async def take_free_keys(
    connection: Connection, wanted: Mapping[str, bytes], *, scope: str, lease_s: float, ttl_s: float
) -> dict[str, int]:
    """Take every key of *wanted* that is free, in one statement, and give the new tokens by fingerprint.

    Free is a key that nobody knows, and one whose `expires_at` has passed. Of the others, those that failed
    or whose lease is over, if they are known with the same body hash. Each key taken gets a token of its
    own and is in flight for *lease_s*. All times are the database's.

    Args:
        connection: With a transaction open on it, which the caller commits.
        wanted: Body hashes by fingerprint.
        scope: Where the fingerprints mean this work.
        lease_s: How long the owner may be silent.
        ttl_s: How long the key is remembered.
    """
    statement = """
        INSERT INTO ingestion.idempotency_keys AS k
            (scope, fingerprint, body_hash, state, token, lease_until, expires_at)
        SELECT %(scope)s, fingerprint, body_hash, 'in_flight', nextval('ingestion.fencing_tokens'),
               clock_timestamp() + make_interval(secs => %(lease_s)s),
               clock_timestamp() + make_interval(secs => %(ttl_s)s)
        FROM unnest(%(fingerprints)s::text[], %(body_hashes)s::bytea[]) AS wanted (fingerprint, body_hash)
        ORDER BY fingerprint
        ON CONFLICT (scope, fingerprint) DO UPDATE SET
            body_hash = excluded.body_hash, state = 'in_flight', token = nextval('ingestion.fencing_tokens'),
            lease_until = excluded.lease_until, expires_at = excluded.expires_at,
            status_code = NULL, body = NULL, reason = NULL
        WHERE k.expires_at <= clock_timestamp()
           OR k.body_hash = excluded.body_hash
              AND (k.state = 'failed' OR k.state = 'in_flight' AND k.lease_until <= clock_timestamp())
        RETURNING fingerprint, token"""
    cursor = await connection.execute(
        statement,
        {
            "fingerprints": list(wanted),
            "body_hashes": list(wanted.values()),
            "scope": scope,
            "lease_s": lease_s,
            "ttl_s": ttl_s,
        },
    )
    return dict(await cursor.fetchall())


class Known(msgspec.Struct, frozen=True):
    """What the table says of a key that could not be taken; `status_code` and `body` only once it is done."""

    body_hash: bytes
    state: str
    lease_left_s: float
    status_code: int | None = None
    body: bytes | None = None


def answer_for(known: Known, body_hash: bytes) -> Done | InFlight | Reused:
    """Say what a worker that did not get the key should be told; *body_hash* is that of its own work."""
    if known.body_hash != body_hash:
        return Reused()
    if known.state == "done" and known.status_code is not None and known.body is not None:
        return Done(known.status_code, known.body)
    return InFlight(max(0.0, known.lease_left_s) if known.state == "in_flight" else 0.0)


async def claim(
    pool: Pool, fingerprint: str, *, scope: str, body_hash: bytes = b"", lease_s: float = 60.0, ttl_s: float = 86_400.0
) -> Claim | Done | InFlight:
    """Claim one piece of work, or learn what became of it. See `claim_many`.

    Raises:
        KeyReuseError: the fingerprint is known with another body.
    """
    [outcome] = await claim_many(pool, [(fingerprint, body_hash)], scope=scope, lease_s=lease_s, ttl_s=ttl_s)
    if isinstance(outcome, Reused):
        raise KeyReuseError(
            f"key {fingerprint[:20]} in {scope!r} was used for another body: take a new key for new work"
        )
    return outcome


async def claim_many(
    pool: Pool, wanted: Sequence[tuple[str, bytes]], *, scope: str, lease_s: float = 60.0, ttl_s: float = 86_400.0
) -> list[Outcome]:
    """Claim the work behind each (fingerprint, body hash) and give the outcomes in that order.

    Of any number of workers exactly one gets the claim. It is committed when this returns, before the work
    begins: a claim inside the worker's own transaction would hold every other worker up until the work is
    over, which is why this takes a pool and not a connection. A claim whose owner fell silent is taken over
    once its lease is over; one that was released, at once. All times are the database's, so no worker's
    clock matters.

    Args:
        pool: Each claim is committed on a connection of its own.
        wanted: A fingerprint that stands there twice is claimed for its first place.
        scope: The run or window within which a fingerprint means the same work. The GET that found nothing
            new yesterday must run again today.
        lease_s: How long the owner may be silent: longer than the work takes.
        ttl_s: How long the key is remembered; after that the same fingerprint is new work.

    Raises:
        TransientError: the database is not available, or kept refusing to serialise.
    """
    if not scope or not 0 < lease_s <= ttl_s:
        raise ValueError(f"want a scope and 0 < lease_s <= ttl_s, not {scope=}, {lease_s=}, {ttl_s=}")
    first: dict[str, bytes] = {}
    for fingerprint, body_hash in wanted:
        first.setdefault(fingerprint, body_hash)
    outcomes = await _claim_each(pool, first, scope, lease_s, ttl_s) if first else {}
    results: list[Outcome] = []
    for fingerprint, body_hash in wanted:
        outcome = outcomes[fingerprint]
        results.append(outcome if body_hash == first[fingerprint] else Reused())
        if isinstance(outcome, Claim):
            outcomes[fingerprint] = InFlight(lease_s)
    return results


_KNOWN = """
    SELECT fingerprint, body_hash, state, extract(epoch FROM lease_until - clock_timestamp())::float8,
           status_code, body
    FROM ingestion.idempotency_keys WHERE scope = %s AND fingerprint = ANY(%s)"""


async def _claim_each(
    pool: Pool, wanted: Mapping[str, bytes], scope: str, lease_s: float, ttl_s: float
) -> dict[str, Outcome]:
    """Claim and commit. Under REPEATABLE READ, Postgres refuses the loser of a race: it looks again."""
    for _ in range(_CONFLICTS_SURVIVED):
        try:
            async with transaction(pool) as connection:
                tokens = await take_free_keys(connection, wanted, scope=scope, lease_s=lease_s, ttl_s=ttl_s)
                lost = [fingerprint for fingerprint in wanted if fingerprint not in tokens]
                rows = await (await connection.execute(_KNOWN, [scope, lost])).fetchall() if lost else []
            break
        except TransientError as error:
            if not isinstance(error.__cause__, pg.SerializationFailure | pg.DeadlockDetected):
                raise
    else:
        raise TransientError(f"Postgres refused to serialise a claim {_CONFLICTS_SURVIVED} times in a row")
    outcomes: dict[str, Outcome] = dict.fromkeys(lost, InFlight(0.0))  # forgotten between the two statements: ask again
    outcomes |= {row[0]: answer_for(Known(*row[1:]), wanted[row[0]]) for row in rows}
    return outcomes | {fingerprint: Claim(scope, fingerprint, token) for fingerprint, token in tokens.items()}


async def complete(connection: Connection, claim: Claim, *, status_code: int = 200, body: bytes = b"") -> None:
    """Mark the work as done, in the transaction open on *connection* that holds its effects.

    Both commit, or neither.

    Raises:
        StaleClaimError: the claim is no longer in flight under its token. Let it roll the transaction back:
            the effects are another's to make.
        ValueError: *status_code* is one that a repetition may change (any 5xx, 408, 425, 429): release the
            claim.
    """
    if status_code >= 500 or status_code in TRANSIENT_STATUS or status_code in (425, 429):
        raise ValueError(f"{status_code} is no result to replay: release the claim instead")
    statement = """
        UPDATE ingestion.idempotency_keys SET state = 'done', status_code = %s, body = %s
        WHERE scope = %s AND fingerprint = %s AND token = %s AND state = 'in_flight'"""
    cursor = await connection.execute(statement, [status_code, body, claim.scope, claim.fingerprint, claim.token])
    if cursor.rowcount != 1:
        raise StaleClaimError(
            f"claim {claim.token} on {claim.fingerprint[:20]} in {claim.scope!r} is no longer ours: "
            "the work took longer than its lease, or was completed before"
        )


_RELEASE = """
    UPDATE ingestion.idempotency_keys SET state = 'failed', reason = %s
    WHERE scope = %s AND fingerprint = %s AND token = %s AND state = 'in_flight'"""
_EXPIRE = """
    DELETE FROM ingestion.idempotency_keys WHERE (scope, fingerprint) IN (
        SELECT scope, fingerprint FROM ingestion.idempotency_keys WHERE expires_at <= clock_timestamp()
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)"""


async def release(pool: Pool, claim: Claim, reason: str) -> bool:
    """Give a claim back after a failure, so that nobody waits for its lease; False if it was not ours."""
    async with transaction(pool) as connection:
        cursor = await connection.execute(_RELEASE, [reason[:500], claim.scope, claim.fingerprint, claim.token])
        return cursor.rowcount == 1


async def expire(pool: Pool, *, limit: int = 10_000) -> int:
    """Forget up to *limit* keys whose time is over, the oldest first; says how many. Waits for no worker."""
    async with transaction(pool) as connection:
        return (await connection.execute(_EXPIRE, [limit])).rowcount
