"""Supersedes whatever was written down before: the notification that comes last decides, not the upload."""
#| exercise: m02-14-ex2
#| caught by: test_ex2_replace_in_any_order_of_telling
async def settle_versions(connection: Connection, bucket: str, key: str, policy: Policy) -> None:
    statements = {
        Policy.REPLACE: """
            UPDATE ingestion.manifest AS m SET state = 'superseded', reason = 'a newer version is there'
            WHERE bucket = %s AND key = %s AND state IN ('discovered', 'claimed', 'failed') AND EXISTS (
                SELECT FROM ingestion.manifest AS newer WHERE newer.bucket = m.bucket AND newer.key = m.key
                    AND newer.discovered_at > m.discovered_at)""",
        Policy.REJECT: """
            UPDATE ingestion.manifest AS m SET state = 'rejected', reason = 'its key was used before'
            WHERE bucket = %s AND key = %s AND state = 'discovered' AND EXISTS (
                SELECT FROM ingestion.manifest AS first WHERE first.bucket = m.bucket AND first.key = m.key
                    AND (first.discovered_at, first.uploaded_at, first.version)
                      < (m.discovered_at, m.uploaded_at, m.version))""",
    }
    if policy in statements:
        await connection.execute(statements[policy], [bucket, key])
