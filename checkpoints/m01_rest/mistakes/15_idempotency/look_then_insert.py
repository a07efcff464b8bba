"""Looks which keys are free and inserts them in a second statement: two workers look at the same moment."""
#| exercise: m01-15-ex1
#| caught by: test_ex1_of_many_workers_one_wins, test_ex1_free_is_what_the_docstring_says
async def take_free_keys(
    connection: Connection, wanted: Mapping[str, bytes], *, scope: str, lease_s: float, ttl_s: float
) -> dict[str, int]:
    known = await connection.execute(
        "SELECT fingerprint FROM ingestion.idempotency_keys WHERE scope = %s AND fingerprint = ANY(%s)",
        [scope, list(wanted)],
    )
    taken = {fingerprint for (fingerprint,) in await known.fetchall()}
    tokens = {}
    for fingerprint, body_hash in wanted.items():
        if fingerprint not in taken:
            cursor = await connection.execute(
                """
                INSERT INTO ingestion.idempotency_keys VALUES (
                    %s, %s, %s, 'in_flight', nextval('ingestion.fencing_tokens'),
                    clock_timestamp() + make_interval(secs => %s), clock_timestamp() + make_interval(secs => %s)
                ) RETURNING token""",
                [scope, fingerprint, body_hash, lease_s, ttl_s],
            )
            tokens[fingerprint] = (await cursor.fetchone())[0]
    return tokens
