"""Forgets that AND binds tighter than OR: a silent claim of any bucket is taken."""
#| exercise: m02-14-ex3
#| caught by: test_ex3_what_is_there_to_be_taken
async def take_file(connection: Connection, bucket: str, *, lease_s: float) -> dict[str, Any] | None:
    statement = """
        UPDATE ingestion.manifest AS m SET state = 'claimed', token = nextval('ingestion.fencing_tokens'),
            lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
            attempts = attempts + 1, changed_at = clock_timestamp()
        FROM (
            SELECT bucket, key, version FROM ingestion.manifest AS waiting
            WHERE (bucket = %(bucket)s
              AND state = 'discovered' OR state = 'claimed' AND lease_until <= clock_timestamp())
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
