# Made from solutions/m02_push/14_manifest.ipynb: edit it there.
"""What the manifest says to Postgres."""

__all__ = ["COUNT", "END", "END_LEASES", "GIVE_UP", "INSERT", "SAVE", "TAKE_TURNS"]


# Two workers that are told of two versions of a key at once take turns: else neither would see the other's row.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended(%s || '/' || %s, 14))"
INSERT = """
    INSERT INTO ingestion.manifest AS m (bucket, key, version, size_bytes, uploaded_at, policy, state)
    VALUES (%(bucket)s, %(key)s, %(version)s, %(size_bytes)s, %(uploaded_at)s, %(policy)s, 'discovered')
    ON CONFLICT (bucket, key, version) DO UPDATE SET
        state = 'discovered', uploaded_at = excluded.uploaded_at, attempts = 0, reason = NULL, changed_at = now()
    WHERE m.state = 'superseded' AND m.uploaded_at < excluded.uploaded_at"""

GIVE_UP = """
    UPDATE ingestion.manifest SET state = 'failed', changed_at = now(),
        reason = 'given up: ' || attempts || ' workers in a row fell silent over it'
    WHERE bucket = %s AND state = 'claimed' AND lease_until <= clock_timestamp() AND attempts >= %s"""

SAVE = """
    UPDATE ingestion.manifest SET byte_offset = %(offset)s, rows_read = %(row)s, next_line = %(line)s,
        attempts = 0, lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s), changed_at = now()
    WHERE bucket = %(bucket)s AND key = %(key)s AND version = %(version)s
      AND token = %(token)s AND state = 'claimed'"""

COUNT = """
    UPDATE ingestion.manifest SET
        loaded = loaded + %(loaded)s, quarantined = quarantined + %(quarantined)s,
        duplicate = duplicate + %(duplicate)s,
        state = CASE WHEN NOT %(done)s THEN state WHEN rows_read = 0 THEN 'empty' ELSE 'loaded' END
    WHERE bucket = %(bucket)s AND key = %(key)s AND version = %(version)s"""

END = """
    UPDATE ingestion.manifest SET state = %(state)s, reason = %(reason)s, changed_at = now(),
        attempts = CASE WHEN %(state)s = 'discovered' THEN greatest(attempts - 1, 0) ELSE attempts END
    WHERE bucket = %(bucket)s AND key = %(key)s AND version = %(version)s
      AND token = %(token)s AND state = 'claimed'"""

END_LEASES = """
    UPDATE ingestion.manifest SET lease_until = clock_timestamp()
    WHERE bucket = %s AND state = 'claimed' AND lease_until > clock_timestamp()"""
