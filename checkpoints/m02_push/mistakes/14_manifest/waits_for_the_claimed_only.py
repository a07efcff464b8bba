"""Waits for an older version that is claimed: while another transaction is about to claim it, it is not."""
#| exercise: m02-14-ex3
#| caught by: test_ex3_an_older_version_in_another_s_hands_counts
async def take_file(connection, bucket, *, lease_s):
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("""
        UPDATE ingestion.manifest AS m SET state = 'claimed', token = nextval('ingestion.fencing_tokens'), attempts = m.attempts + 1,
            lease_until = now() + %(lease)s * interval '1 second'
        FROM (SELECT bucket, key, version FROM ingestion.manifest AS f
            WHERE bucket = %(bucket)s AND (state = 'discovered' OR state = 'claimed' AND lease_until < now())
            AND NOT EXISTS (SELECT FROM ingestion.manifest o WHERE o.bucket = f.bucket AND o.key = f.key AND o.state = 'claimed' AND o.lease_until > now() AND (o.uploaded_at, o.version) < (f.uploaded_at, f.version))
            ORDER BY uploaded_at, key LIMIT 1 FOR UPDATE SKIP LOCKED) AS t
        WHERE (m.bucket, m.key, m.version) = (t.bucket, t.key, t.version) RETURNING m.*""", {"bucket": bucket, "lease": lease_s})
        return await cursor.fetchone()
