"""Asks `now()`: it is the moment at which the transaction began, and a taker that waits lives in the past."""
#| exercise: m01-15-ex1
#| caught by: test_ex1_the_clock_goes_on_inside_a_transaction
async def take_free_keys(
    connection: Connection, wanted: Mapping[str, bytes], *, scope: str, lease_s: float, ttl_s: float
) -> dict[str, int]:
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
        WHERE k.expires_at <= now()
           OR k.body_hash = excluded.body_hash
              AND (k.state = 'failed' OR k.state = 'in_flight' AND k.lease_until <= now())
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
