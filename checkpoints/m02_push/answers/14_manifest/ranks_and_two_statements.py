"""Judges by segments instead of a pattern, ranks the versions with a window, and locks in one statement what it updates in another."""
#| exercise: m02-14-ex1
def drops_in(notification: bytes, *, bucket: str) -> Noticed:
    from urllib.parse import unquote_to_bytes

    def key_of(told: str) -> str | None:
        try:
            key = unquote_to_bytes(told.replace("+", " ")).decode()
        except UnicodeDecodeError:
            return None
        odd = any(ord(letter) < 32 or letter in "\\\x7f" for letter in key)
        return None if odd or not key or {".", ".."} & set(key.split("/")) or key[0] == "/" else key

    drops, refused = [], []
    created = [event for event in events_in(notification) if event.name.split(":")[0] == "ObjectCreated"]
    for event in created:
        key = key_of(event.key)
        if event.bucket == bucket and key and event.version:
            drops.append(Drop(bucket=bucket, key=key, version=event.version, size_bytes=event.size_bytes, uploaded_at=event.at))
        else:
            refused.append(f"{event.bucket}: {event.key!r}")
    return Noticed(tuple(drops), tuple(refused))


#| exercise: m02-14-ex2
async def settle_versions(connection: Connection, bucket: str, key: str, policy: Policy) -> None:
    if policy == Policy.APPEND:
        return
    order, becomes, among = {
        Policy.REPLACE: ("uploaded_at DESC, version DESC", "superseded", ["discovered", "claimed", "failed"]),
        Policy.REJECT: ("discovered_at, uploaded_at, version", "rejected", ["discovered"]),
    }[policy]
    await connection.execute(
        f"""
        WITH ranked AS (
            SELECT version, row_number() OVER (ORDER BY {order}) AS place FROM ingestion.manifest WHERE (bucket, key) = (%s, %s)
        )
        UPDATE ingestion.manifest AS m SET state = %s FROM ranked
        WHERE (m.bucket, m.key, m.version) = (%s, %s, ranked.version) AND place > 1 AND state = ANY(%s)""",
        [bucket, key, becomes, bucket, key, among],
    )


#| exercise: m02-14-ex3
async def take_file(connection: Connection, bucket: str, *, lease_s: float) -> dict[str, Any] | None:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            SELECT key, version FROM ingestion.manifest AS m
            WHERE bucket = %s AND CASE state WHEN 'discovered' THEN true WHEN 'claimed' THEN lease_until < clock_timestamp() ELSE false END
              AND NOT EXISTS (
                SELECT FROM ingestion.manifest AS o
                WHERE o.bucket = m.bucket AND o.key = m.key AND o.state IN ('discovered', 'claimed')
                  AND (o.uploaded_at, o.version) < (m.uploaded_at, m.version))
            ORDER BY uploaded_at, key FOR UPDATE SKIP LOCKED LIMIT 1""",
            [bucket],
        )
        found = await cursor.fetchone()
        if found is None:
            return None
        await cursor.execute(
            """UPDATE ingestion.manifest
            SET (state, token, lease_until, attempts) =
                ('claimed', nextval('ingestion.fencing_tokens'), clock_timestamp() + %s * interval '1 second', attempts + 1)
            WHERE bucket = %s AND key = %s AND version = %s RETURNING *""",
            [lease_s, bucket, found["key"], found["version"]],
        )
        return await cursor.fetchone()
