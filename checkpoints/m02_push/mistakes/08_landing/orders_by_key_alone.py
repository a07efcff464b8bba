"""Orders by the key alone, with a look beforehand: two batches of several streams take their rows in different orders, and deadlock."""
#| exercise: m02-08-ex1
#| caught by: test_ex1_rows_are_written_in_the_order_of_their_keys
def landed_sql(versions):
    action = "DO NOTHING" if versions == "first" else """DO UPDATE SET payload = excluded.payload, occurred_at = excluded.occurred_at, content_hash = excluded.content_hash, landed_at = now()
        WHERE (excluded.occurred_at, excluded.content_hash) > (r.occurred_at, r.content_hash)"""
    more = "WHERE NOT EXISTS (SELECT FROM ingestion.records k WHERE (k.source, k.stream, k.key) = (batch.source, batch.stream, batch.key))" if versions == "first" else ""
    return f"""INSERT INTO ingestion.records AS r (source, stream, key, payload, occurred_at, content_hash)
        SELECT source, stream, key, convert_from(payload, 'UTF8')::jsonb, occurred_at, content_hash FROM batch {more} ORDER BY key
        ON CONFLICT (source, stream, key) {action} RETURNING r.source, r.stream, r.key, old.key IS NULL AS is_new"""
