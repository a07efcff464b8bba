# Made from solutions/m01_rest/16_dead_letters.ipynb: edit it there.
"""Dead letters: items that could not land are parked with their bytes, and redriven later."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec
from psycopg.rows import class_row

from ingestion.errors import TransientError
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import Connection, Door, transaction

__all__ = [
    "DeadLetter",
    "Redriven",
    "claim_letters",
    "count_attempt",
    "letter_id",
    "letters",
    "park",
    "parked_streams",
    "redrive",
    "release",
    "revive_each",
    "settle",
]


_LARGEST_RAW_BYTES = 1 << 20
_LONGEST_REASON = 500


def letter_id(reject: Reject) -> bytes:
    """Give the 32 bytes that are the same for the same trouble, and only then.

    The same trouble is the same bytes of the same stream of the same source, however often it is read,
    wherever in the page it stands by then, and whatever is said of it. Works for any text, half surrogate
    pairs included.
    """
    digest = hashlib.sha256()
    for part in (
        reject.source.encode(errors="surrogatepass"),
        reject.stream.encode(errors="surrogatepass"),
        reject.raw,
    ):
        digest.update(len(part).to_bytes(8) + part)  # the length keeps ("ab", "c") and ("a", "bc") apart
    return digest.digest()


_PARK = """
    INSERT INTO ingestion.dead_letters AS d
        (fingerprint, source, stream, raw, raw_size_bytes, reason, ordinal, form, context, origin,
         schema_version, state)
    SELECT item.*, %s, 'parked' FROM unnest(
        %s::bytea[], %s::text[], %s::text[], %s::bytea[], %s::bigint[], %s::text[], %s::bigint[],
        %s::text[], %s::bytea[], %s::text[]) AS item
    ON CONFLICT (fingerprint) DO UPDATE SET
        state = 'parked', changed_at = now(),
        reason = excluded.reason, schema_version = excluded.schema_version, origin = excluded.origin
    WHERE d.state = 'redriven'"""


def _fingerprint(reject: Reject) -> bytes:
    """Give the identity of what is parked: the same bytes under another header are another row."""
    if reject.form or reject.context or reject.raw_size_bytes:
        size_bytes = max(reject.raw_size_bytes, len(reject.raw))
        read_as = msgspec.msgpack.encode([reject.form, reject.context, size_bytes])
        reject = msgspec.structs.replace(reject, raw=read_as + reject.raw)
    return letter_id(reject)


async def park(connection: Connection, rejects: Sequence[Reject], *, schema_version: str = "") -> int:
    """Set *rejects* aside, in the transaction open on *connection*; says how many were not parked already.

    The same trouble is one letter, wherever it stands in the page: a rerun parks nothing new. A letter that
    was redriven and is refused again waits again, its attempts kept. An item beyond 1 MiB keeps its first
    MiB. What looks like a secret is cut out of the reason; the raw bytes are kept as they came.

    Never park what failed for a passing cause (a time-out, a lost connection): the item is not at fault.
    """
    if not rejects:
        return 0
    seen = {_fingerprint(reject): reject for reject in reversed(rejects)}
    once = dict(sorted(seen.items(), key=itemgetter(0)))  # in one order for all: two who park do not deadlock
    columns: list[Sequence[Any]] = [
        list(once),
        [_storable(reject.source) for reject in once.values()],
        [_storable(reject.stream) for reject in once.values()],
        [reject.raw[:_LARGEST_RAW_BYTES] for reject in once.values()],
        [max(len(reject.raw), reject.raw_size_bytes) for reject in once.values()],
        [_one_line(reject.reason) for reject in once.values()],
        [reject.ordinal for reject in once.values()],
        [reject.form for reject in once.values()],
        [reject.context for reject in once.values()],
        [_storable(reject.origin) for reject in once.values()],
    ]
    return (await connection.execute(_PARK, [schema_version, *columns])).rowcount


_SECRETS = re.compile(
    r"(?i)(\b(?:bearer|basic)\s+|(?:password|passwd|secret|token|api_?key)\W{1,4}|://[^\s/:@]*:)[^\s\"'&@,;]+"
)


def _one_line(text: str) -> str:
    return _storable(" ".join(_SECRETS.sub(r"\1***", text).split()))[:_LONGEST_REASON]


def _storable(text: str) -> str:
    """Spell what a text column cannot hold (NUL, half a surrogate pair) as escapes."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()


class DeadLetter(msgspec.Struct, frozen=True):
    """One parked item.

    Attributes:
        raw: The bytes as they came; the first MiB of a larger item, and then `raw_size_bytes` is more.
        reason: Why it was refused the last time.
        schema_version: The contract that it was refused under.
        state: `parked` waits for a redrive, `redriven` has landed, `quarantined` waits for a person.
        form: How *raw* is read again on its own, where its stream knows more than one way; *context* is what that
            takes besides, such as the header of a CSV file.
        origin: Which file it came in, and where it stands there.
    """

    id: int
    source: str
    stream: str
    raw: bytes
    raw_size_bytes: int
    reason: str
    ordinal: int
    schema_version: str
    state: str
    attempts: int
    parked_at: datetime
    form: str = ""
    context: bytes = b""
    origin: str = ""


_COLUMNS = ", ".join(DeadLetter.__struct_fields__)
_LIST = f"""
    SELECT {_COLUMNS} FROM ingestion.dead_letters
    WHERE source = %s AND stream = %s AND state = %s ORDER BY parked_at, ordinal, id LIMIT %s"""


_WAITING = "SELECT DISTINCT source, stream FROM ingestion.dead_letters WHERE state = 'parked' ORDER BY source, stream"


async def parked_streams(connection: Connection) -> list[tuple[str, str]]:
    """Give source and stream of all that have letters waiting for a redrive."""
    return await (await connection.execute(_WAITING)).fetchall()


async def letters(
    connection: Connection, source: str, stream: str, *, state: str = "parked", limit: int = 100
) -> list[DeadLetter]:
    """Load up to *limit* letters of one stream, in the order they were parked."""
    async with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return await (await cursor.execute(_LIST, [source, stream, state, limit])).fetchall()


def revive_each(
    claimed: Sequence[DeadLetter], revive: Callable[[DeadLetter], Record]
) -> tuple[list[Record], dict[int, str]]:
    """Try every letter once: give the records, and the reasons of the refused ones by letter id.

    One that cannot be revived never holds up the others. A letter that was too large to keep whole is refused
    without trying. A reason names the error's type and what it says.

    Raises:
        TransientError: what *revive* raised, as it raised it; the same goes for any `OSError`.
    """
    records: list[Record] = []
    refused: dict[int, str] = {}
    for letter in claimed:
        if letter.raw_size_bytes > len(letter.raw):
            refused[letter.id] = f"too large to keep whole: {letter.raw_size_bytes} bytes, {len(letter.raw)} kept"
            continue
        try:
            records.append(revive(letter))
        except (TransientError, OSError):  # TimeoutError is an OSError: passing, and not the letter's fault
            raise
        except Exception as error:  # a bug that one letter trips must not hold up the others
            refused[letter.id] = f"{type(error).__name__}: {error}"
    return records, refused


class Redriven(msgspec.Struct, frozen=True):
    """What became of the letters that one redrive claimed.

    Attributes:
        landed: Their records are in the table, or newer ones were there already.
        refused: They wait for the next redrive.
        quarantined: They wait for a person.
    """

    landed: int = 0
    refused: int = 0
    quarantined: int = 0


_CLAIM = f"""
    SELECT {_COLUMNS} FROM ingestion.dead_letters
    WHERE source = %s AND stream = %s AND state = 'parked'
    ORDER BY attempts, parked_at, ordinal LIMIT %s FOR UPDATE SKIP LOCKED"""
_COUNT_ATTEMPT = """
    UPDATE ingestion.dead_letters AS d SET attempts = attempts + 1, changed_at = now(),
        state = CASE WHEN refused.id IS NULL THEN 'redriven' ELSE d.state END,
        reason = coalesce(refused.reason, d.reason)
    FROM unnest(%s::bigint[]) AS claimed (id)
    LEFT JOIN unnest(%s::bigint[], %s::text[]) AS refused (id, reason) USING (id)
    WHERE d.id = claimed.id"""
_QUARANTINE = """
    UPDATE ingestion.dead_letters SET state = 'quarantined', changed_at = now()
    WHERE id = ANY(%s) AND state = 'parked' AND (attempts >= %s OR raw_size_bytes > octet_length(raw))"""
_NOT_LANDED = "SELECT count(*) FROM ingestion.dead_letters WHERE id = ANY(%s) AND state <> 'redriven'"


async def claim_letters(connection: Connection, source: str, stream: str, limit: int) -> list[DeadLetter]:
    """Lock up to *limit* parked letters until the transaction ends: the least tried first, then the oldest.

    Those that another transaction holds are skipped, not waited for.
    """
    async with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return await (await cursor.execute(_CLAIM, [source, stream, limit])).fetchall()


async def count_attempt(connection: Connection, claimed: Sequence[DeadLetter], refused: dict[int, str]) -> None:
    """Count an attempt for each letter, keep the reasons of the *refused*, mark the others as redriven."""
    reasons = [_one_line(reason) for reason in refused.values()]
    await connection.execute(_COUNT_ATTEMPT, [[letter.id for letter in claimed], list(refused), reasons])


async def settle(connection: Connection, claimed: Sequence[DeadLetter], max_attempts: int) -> Redriven:
    """Quarantine what was refused *max_attempts* times or is not whole, and count what became of all."""
    ids = [letter.id for letter in claimed]
    quarantined = (await connection.execute(_QUARANTINE, [ids, max_attempts])).rowcount
    row = await (await connection.execute(_NOT_LANDED, [ids])).fetchone()
    not_landed = row[0] if row else 0
    return Redriven(len(ids) - not_landed, not_landed - quarantined, quarantined)


async def redrive(
    door: Door,
    source: str,
    stream: str,
    *,
    revive: Callable[[DeadLetter], Record],
    land: Callable[[Connection, Batch], Awaitable[object]],
    limit: int = 500,
    max_attempts: int = 5,
) -> Redriven:
    """Try up to *limit* parked letters once more.

    Claiming, counting, landing and settling are one transaction: a letter lands once however often, and in
    however many processes, this is called; a crash leaves everything as it was. One that is refused
    *max_attempts* times is quarantined, and so is one that was too large to keep whole.

    Args:
        door: A pool, or a connection.
        source: Whose letters.
        stream: Which of its streams.
        revive: Makes a record of a letter, or raises to refuse it.
        land: Lands a batch in the transaction open on the connection it is given. Newer rows must win
            there. What the database refuses it parks anew, in the same transaction.
        limit: How many letters at most.
        max_attempts: How many redrives a letter may fail.

    Raises:
        TransientError: *revive* or *land* met a passing failure; no letter's attempt is counted.
    """
    async with transaction(door) as connection:
        claimed = await claim_letters(connection, source, stream, limit)
        records, refused = revive_each(claimed, revive)
        # Before they land: what the database refuses is parked anew by `land`, and has to stay parked.
        await count_attempt(connection, claimed, refused)
        if records:
            await land(connection, Batch(tuple(records)))
        return await settle(connection, claimed, max_attempts)


_RELEASE = """
    UPDATE ingestion.dead_letters SET state = 'parked', attempts = 0, changed_at = now()
    WHERE source = %s AND stream = %s AND state = 'quarantined' AND raw_size_bytes = octet_length(raw)"""


async def release(connection: Connection, source: str, stream: str) -> int:
    """Put the quarantined letters of a stream back in line, their attempts forgotten; says how many."""
    return (await connection.execute(_RELEASE, [source, stream])).rowcount
