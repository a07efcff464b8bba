"""Updates a column to itself because DO NOTHING returns no row: the copy is written, locked and told of."""
#| exercise: m02-08-ex1
#| caught by: test_ex1_what_is_there_is_not_written_again, test_ex1_with_first_a_key_that_is_there_is_never_touched
def landed_sql(versions: Versions) -> str:
    insert = """
        INSERT INTO ingestion.records AS r (source, stream, key, payload, occurred_at, content_hash)
        SELECT source, stream, key, convert_from(payload, 'UTF8')::jsonb, occurred_at, content_hash
        FROM batch ORDER BY source, stream, key
        ON CONFLICT (source, stream, key) """
    update = """DO UPDATE SET
            payload = excluded.payload, occurred_at = excluded.occurred_at,
            content_hash = excluded.content_hash, landed_at = excluded.landed_at
        WHERE (excluded.occurred_at, excluded.content_hash) > (r.occurred_at, r.content_hash)"""
    returning = " RETURNING r.source, r.stream, r.key, old.key IS NULL AS is_new"
    return insert + (update if versions == "newest" else "DO UPDATE SET key = excluded.key") + returning
