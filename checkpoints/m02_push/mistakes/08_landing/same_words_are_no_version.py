"""Skips a newer version whose payload is the same: the row keeps its old instant, and an older version that comes late passes for newer."""
#| exercise: m02-08-ex1
#| caught by: test_ex1_a_replaced_row_is_wholly_the_new_one
def landed_sql(versions):
    action = "DO NOTHING" if versions == "first" else """DO UPDATE SET payload = excluded.payload, occurred_at = excluded.occurred_at, content_hash = excluded.content_hash, landed_at = now()
        WHERE (excluded.occurred_at, excluded.content_hash) > (r.occurred_at, r.content_hash) AND excluded.payload <> r.payload"""
    return f"""INSERT INTO ingestion.records AS r (source, stream, key, payload, occurred_at, content_hash)
        SELECT source, stream, key, convert_from(payload, 'UTF8')::jsonb, occurred_at, content_hash FROM batch ORDER BY 1, 2, 3
        ON CONFLICT (source, stream, key) {action} RETURNING r.source, r.stream, r.key, old.key IS NULL AS is_new"""
