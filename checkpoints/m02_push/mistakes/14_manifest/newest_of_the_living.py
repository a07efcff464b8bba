"""Looks for the newest among those that are not loaded: an older version told of late is loaded over it."""
#| exercise: m02-14-ex2
#| caught by: test_ex2_the_newest_counts_whatever_has_become_of_it
async def settle_versions(connection, bucket, key, policy):
    if policy == Policy.REPLACE:
        await connection.execute("""UPDATE ingestion.manifest m SET state = 'superseded' WHERE bucket = %s AND key = %s AND state IN ('discovered','claimed','failed')
          AND EXISTS (SELECT FROM ingestion.manifest n WHERE n.key = m.key AND n.bucket = m.bucket AND n.state IN ('discovered','claimed','failed') AND (n.uploaded_at, n.version) > (m.uploaded_at, m.version))""", [bucket, key])
    elif policy == Policy.REJECT:
        await connection.execute("""UPDATE ingestion.manifest m SET state = 'rejected' WHERE bucket = %s AND key = %s AND state = 'discovered'
          AND EXISTS (SELECT FROM ingestion.manifest n WHERE n.key = m.key AND n.bucket = m.bucket AND (n.discovered_at, n.uploaded_at, n.version) < (m.discovered_at, m.uploaded_at, m.version))""", [bucket, key])
