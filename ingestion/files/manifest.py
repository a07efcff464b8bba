# Made from solutions/m02_push/14_manifest.ipynb: edit it there.
"""The manifest: every version of every file that was dropped, who is loading it, and how far that has come."""

import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from psycopg.rows import dict_row

from ingestion.errors import PermanentError
from ingestion.files.manifest_sql import COUNT, END, END_LEASES, GIVE_UP, INSERT, SAVE, TAKE_TURNS
from ingestion.files.notification import Drop, Noticed, events_in
from ingestion.files.parsed import Mark
from ingestion.store.database import Connection, Door, Pool, transaction
from ingestion.store.run_ledger import Landed

__all__ = [
    "FileClaim",
    "FilePosition",
    "Policy",
    "StaleFileError",
    "claim_file",
    "drops_in",
    "end_leases",
    "fail",
    "give_back",
    "register",
    "settle_versions",
    "supersede",
    "take_file",
]


_NO_DROP = re.compile(r"^/|(?:^|/)\.\.?(?:/|$)|[\x00-\x1f\x7f\\]")


class Policy(StrEnum):
    """What a new version of a known key means."""

    REPLACE = "replace"
    """The newest version counts: older ones that are not loaded yet never will be."""
    APPEND = "append"
    """Every version counts: they are loaded one after the other, the oldest first."""
    REJECT = "reject"
    """A name is given once: every version but the first is refused."""


def drops_in(notification: bytes, *, bucket: str) -> Noticed:
    """Read an S3 event notification: the files that were created in *bucket*, and a line for each entry refused.

    Refused are entries of another bucket and keys that no drop has: empty, absolute, with a `..` or `.` segment, a
    backslash or a control character. A key is URL-encoded in the notification, with `+` for a space. Entries
    that tell of anything but a creation are passed over. Never gives what it cannot vouch for.

    Raises:
        ContractViolationError: it is no S3 notification.
    """
    drops: list[Drop] = []
    refused: list[str] = []
    for event in events_in(notification):
        if not event.name.startswith("ObjectCreated:"):
            continue
        try:
            key = unquote_plus(event.key, errors="strict")
        except UnicodeDecodeError:
            key = ""
        if event.bucket != bucket:
            refused.append(f"bucket {event.bucket[:80]!r} is not {bucket!r}")
        elif not key or not event.version or _NO_DROP.search(key):
            refused.append(f"key {event.key[:200]!r}, version {event.version[:80]!r}: no drop is called that")
        else:
            drops.append(Drop(bucket, key, event.version, event.size_bytes, event.at))
    return Noticed(tuple(drops), tuple(refused))


async def settle_versions(connection: Connection, bucket: str, key: str, policy: Policy) -> None:
    """Bring the states of all versions of one key in line with *policy*, in the transaction open on *connection*.

    New versions stand there as `discovered`. What is `loaded` or `empty` stays so, whatever the policy: its rows have
    landed. Settling twice is settling once.

    - `replace`: the newest counts, by `uploaded_at` and then `version`. Every older one that is `discovered`,
      `claimed` or `failed` becomes `superseded`.
    - `append`: all count; nothing changes.
    - `reject`: the one first written down counts, by `discovered_at`, `uploaded_at` and `version`. Every other one
      that is `discovered` becomes `rejected`.
    """
    statements = {
        Policy.REPLACE: """
            UPDATE ingestion.manifest AS m SET state = 'superseded', reason = 'a newer version is there'
            WHERE bucket = %s AND key = %s AND state IN ('discovered', 'claimed', 'failed') AND EXISTS (
                SELECT FROM ingestion.manifest AS newer WHERE newer.bucket = m.bucket AND newer.key = m.key
                    AND (newer.uploaded_at, newer.version) > (m.uploaded_at, m.version))""",
        Policy.REJECT: """
            UPDATE ingestion.manifest AS m SET state = 'rejected', reason = 'its key was used before'
            WHERE bucket = %s AND key = %s AND state = 'discovered' AND EXISTS (
                SELECT FROM ingestion.manifest AS first WHERE first.bucket = m.bucket AND first.key = m.key
                    AND (first.discovered_at, first.uploaded_at, first.version)
                      < (m.discovered_at, m.uploaded_at, m.version))""",
    }
    if policy in statements:
        await connection.execute(statements[policy], [bucket, key])


async def register(door: Door, drops: Sequence[Drop], *, policy: Policy) -> int:
    """Write down the versions in *drops* that the manifest does not know, and say how many there were.

    However often, in whatever order and by however many workers a version is told of, it gets one row, and a row that
    is there is never set back. But one that is `superseded` and uploaded again, with the same bytes and so the same
    etag, counts as new: nobody has loaded it to its end.
    """
    new = 0
    in_order = sorted(drops, key=lambda drop: (drop.bucket, drop.key, drop.uploaded_at, drop.version))
    async with transaction(door) as connection:
        for (bucket, key), versions in groupby(in_order, key=lambda drop: (drop.bucket, drop.key)):
            await connection.execute(TAKE_TURNS, [bucket, key])
            added = 0
            for drop in versions:
                cursor = await connection.execute(INSERT, msgspec.structs.asdict(drop) | {"policy": policy})
                added += cursor.rowcount
            if added:
                await settle_versions(connection, bucket, key, policy)
            new += added
    return new


class StaleFileError(PermanentError):
    """The file is no longer ours: the lease ran out and another took over, or a newer version took its place."""


class FileClaim(msgspec.Struct, frozen=True):
    """The right to load one file now, from *mark* on. *token* is never given twice; only its holder may write."""

    drop: Drop
    token: int
    mark: Mark
    attempts: int
    quarantined: int
    lease_s: float


async def take_file(connection: Connection, bucket: str, *, lease_s: float) -> dict[str, Any] | None:
    """Take one file of *bucket* for *lease_s*, in one statement, and give its row; None when there is none to take.

    To be taken are files that are `discovered`, and those `claimed` by a worker whose lease is over. The oldest
    upload goes first, then the smaller key. While an older version of its key is still `discovered` or `claimed`,
    a file waits for it. Of any number of workers each gets another file, and none waits for another. The file gets
    a token of its own from the sequence `ingestion.fencing_tokens` and one more attempt; all times are the
    database's.
    """
    statement = """
        UPDATE ingestion.manifest AS m SET state = 'claimed', token = nextval('ingestion.fencing_tokens'),
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


async def claim_file(pool: Pool, bucket: str, *, lease_s: float = 60.0, max_attempts: int = 5) -> FileClaim | None:
    """Claim one file of *bucket* that waits to be loaded, or None when there is none.

    Of any number of workers exactly one gets it, and the claim is committed when this returns. When its owner falls
    silent for *lease_s*, another takes over, from the last mark that was saved. A file over which *max_attempts*
    workers in a row fell silent without getting any further is `failed`: it may be what kills them.
    """
    async with transaction(pool) as connection:
        await connection.execute(GIVE_UP, [bucket, max_attempts])
        row = await take_file(connection, bucket, lease_s=lease_s)
    if row is None:
        return None
    drop, mark = msgspec.convert(row, Drop), Mark(row["byte_offset"], row["rows_read"], row["next_line"])
    return FileClaim(drop, row["token"], mark, row["attempts"], row["quarantined"], lease_s)


class FilePosition(msgspec.Struct, frozen=True):
    """How far a claimed file has been loaded: a position that is saved, and counts, in the transaction of its rows.

    With *done* the file ends there too, and becomes `loaded`, or `empty` if it had no rows.
    """

    claim: FileClaim
    mark: Mark
    done: bool = False

    async def save(self, connection: Connection) -> None:
        """Save the mark and renew the lease, in the transaction open on *connection*; never commits.

        Raises:
            StaleFileError: the file is no longer ours. Let it roll back: the rows are another's.
        """
        values = _where(self.claim) | msgspec.structs.asdict(self.mark) | {"lease_s": self.claim.lease_s}
        if (await connection.execute(SAVE, values)).rowcount != 1:
            raise StaleFileError(f"{self.claim.drop.key} is no longer ours: it was taken over, or a newer version came")

    async def add(self, connection: Connection, landed: Landed) -> None:
        """Count what became of the batch, after `save`, in the same transaction.

        The database refuses to call a file done whose rows read are not rows loaded, set aside and known before.
        """
        loaded, quarantined, duplicate = landed.inserted + landed.updated, landed.parked, landed.unchanged
        counts = {"loaded": loaded, "quarantined": quarantined, "duplicate": duplicate, "done": self.done}
        await connection.execute(COUNT, _where(self.claim) | counts)


def _where(claim: FileClaim) -> dict[str, Any]:
    return {"bucket": claim.drop.bucket, "key": claim.drop.key, "version": claim.drop.version, "token": claim.token}


async def give_back(door: Door, claim: FileClaim, reason: str) -> bool:
    """Give a file back after a passing failure, so that nobody waits; False if it was not ours."""
    return await _end(door, claim, "discovered", reason)


async def fail(door: Door, claim: FileClaim, reason: str) -> bool:
    """Say that the file itself is at fault; False if it was not ours."""
    return await _end(door, claim, "failed", reason)


async def supersede(door: Door, claim: FileClaim, reason: str = "another version took its place") -> bool:
    """Say that this version is gone from the bucket; False if it was not ours."""
    return await _end(door, claim, "superseded", reason)


async def end_leases(door: Door, bucket: str) -> int:
    """End the lease of every claim on files of *bucket*: for one who knows that all other workers are gone."""
    async with transaction(door) as connection:
        return (await connection.execute(END_LEASES, [bucket])).rowcount


async def _end(door: Door, claim: FileClaim, state: str, reason: str) -> bool:
    async with transaction(door) as connection:
        cursor = await connection.execute(END, _where(claim) | {"state": state, "reason": reason[:500]})
        return cursor.rowcount == 1
