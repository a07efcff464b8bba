"""Counts tokens up from the row: two files have the same one."""
#| exercise: m02-14-ex3
#| caught by: test_ex3_a_claim_has_a_token_and_a_lease_of_its_own
async def take_file(connection: Connection, bucket: str, *, lease_s: float) -> dict[str, Any] | None:
    statement = """
        UPDATE ingestion.manifest AS m SET state = 'claimed', token = attempts + 1,
            lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
            attempts = attempts + 1, changed_at = clock_timestamp()
        FROM (
            SELECT bucket, key, version FROM ingestion.manifest AS waiting
            WHERE bucket = %(bucket)s
              AND (state = 'discovered' OR state = 'claimed' AND lease_until <= clock_timestamp())
              AND NOT EXISTS (
                SELECT FROM ingestion.manifest AS older
                WHERE older.bucket = waiting.bucket AND older.key = waiting.key
                  AND older.state IN ('discovered', 'claimed')
                  AND (older.uploaded_at, older.version) < (waiting.uploaded_at, waiting.version))
            ORDER BY uploaded_at, key LIMIT 1 FOR UPDATE SKIP LOCKED
        ) AS next
        WHERE (m.bucket, m.key, m.version) = (next.bucket, next.key, next.version)
        RETURNING m.*"""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, {"bucket": bucket, "lease_s": lease_s})
        return await cursor.fetchone()
