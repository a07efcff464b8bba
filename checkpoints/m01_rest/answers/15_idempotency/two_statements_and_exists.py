"""Takes new keys and old ones in two statements, and completes through a CTE that returns the row."""
#| exercise: m01-15-ex1
async def take_free_keys(
    connection: Connection, wanted: Mapping[str, bytes], *, scope: str, lease_s: float, ttl_s: float
) -> dict[str, int]:
    tokens: dict[str, int] = {}
    for fingerprint in sorted(wanted):
        values = {"s": scope, "f": fingerprint, "b": wanted[fingerprint], "lease": lease_s, "ttl": ttl_s}
        for statement in (
            """
            INSERT INTO ingestion.idempotency_keys (scope, fingerprint, body_hash, state, token, lease_until, expires_at)
            VALUES (%(s)s, %(f)s, %(b)s, 'in_flight', nextval('ingestion.fencing_tokens'),
                    clock_timestamp() + %(lease)s * interval '1 second', clock_timestamp() + %(ttl)s * interval '1 second')
            ON CONFLICT DO NOTHING RETURNING token""",
            """
            UPDATE ingestion.idempotency_keys
            SET (body_hash, state, token, lease_until, expires_at, status_code, body, reason) = (
                %(b)s, 'in_flight', nextval('ingestion.fencing_tokens'), clock_timestamp() + %(lease)s * interval '1 second',
                clock_timestamp() + %(ttl)s * interval '1 second', NULL, NULL, NULL)
            WHERE scope = %(s)s AND fingerprint = %(f)s AND (expires_at <= clock_timestamp() OR (
                body_hash = %(b)s AND CASE state WHEN 'failed' THEN true WHEN 'done' THEN false
                ELSE lease_until <= clock_timestamp() END)) RETURNING token""",
        ):
            row = await (await connection.execute(statement, values)).fetchone()
            if row and fingerprint not in tokens:
                tokens[fingerprint] = row[0]
                break
    return tokens


#| exercise: m01-15-ex2
def answer_for(known: Known, body_hash: bytes) -> Done | InFlight | Reused:
    match known:
        case Known(body_hash=other) if other != body_hash:
            return Reused()
        case Known(state="done"):
            return Done(known.status_code, known.body)
        case Known(state="in_flight") if known.lease_left_s > 0:
            return InFlight(known.lease_left_s)
    return InFlight(0.0)


#| exercise: m01-15-ex3
async def complete(connection: Connection, claim: Claim, *, status_code: int = 200, body: bytes = b"") -> None:
    if status_code in {408, 425, 429, *range(500, 600)}:
        raise ValueError("not a result")
    row = await (
        await connection.execute(
            """
            WITH mine AS (
                SELECT scope, fingerprint FROM ingestion.idempotency_keys
                WHERE (scope, fingerprint, token, state) = (%s, %s, %s, 'in_flight') FOR UPDATE
            )
            UPDATE ingestion.idempotency_keys AS k SET state = 'done', status_code = %s, body = %s
            FROM mine WHERE (k.scope, k.fingerprint) = (mine.scope, mine.fingerprint) RETURNING 1""",
            [claim.scope, claim.fingerprint, claim.token, status_code, body],
        )
    ).fetchone()
    if row is None:
        raise StaleClaimError("somebody else's by now")
