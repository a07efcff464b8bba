# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""The drops as a source: every file in a bucket, in batches from which another run can go on, inside the file."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from enum import StrEnum
from typing import Protocol

import msgspec

from ingestion.errors import ContractViolationError, CorruptError, IngestionError, PermanentError
from ingestion.files.blocking import in_thread, pulled
from ingestion.files.listing import dated
from ingestion.files.manifest import (
    FileClaim,
    FilePosition,
    Policy,
    claim_file,
    end_leases,
    fail,
    give_back,
    register,
    supersede,
)
from ingestion.files.notification import Drop
from ingestion.files.parsed import ErrorBudget, Parsed
from ingestion.files.rejects import check_budget, reject_of
from ingestion.files.schema import Schema
from ingestion.record import Batch, Position
from ingestion.store.database import Connection, Pool, transaction
from ingestion.store.run_ledger import Landed

__all__ = ["DropsSource", "Ended", "Ending", "Files", "GoneError", "batches_of", "ending", "pinned"]


_ETAG = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")


def pinned(drop: Drop, start: int) -> dict[str, str]:
    """Give the arguments of a GetObject that reads *drop* from byte *start* on, and never bytes of another version.

    A version that is an etag is sent as the condition `IfMatch`, in quotes; any other is a `VersionId`. Byte 0 is asked
    for without a `Range`: an empty object has none, and S3 would answer 416.
    """
    question = {"Bucket": drop.bucket, "Key": drop.key}
    if _ETAG.fullmatch(drop.version):
        question["IfMatch"] = f'"{drop.version}"'
    else:
        question["VersionId"] = drop.version
    if start:
        question["Range"] = f"bytes={start}-"
    return question


def batches_of(claim: FileClaim, parsed: Iterable[Parsed], schema: Schema, budget: ErrorBudget) -> Iterator[Batch]:
    """Make batches of what a reader gives of one claimed file, each with the position after it.

    Every stretch becomes one batch: its records, its bad rows as `reject_of` makes them, its mark. The last batch, and
    only that one, is `done`; a file that gives nothing is one batch without rows, done at the claim's mark. A batch is
    held back until more is known, and no longer than that: an error of the reader, or of the budget, comes out after
    every batch before it.

    What is bad counts over the whole file, what earlier runs set aside included, and is judged by `check_budget` before
    a batch is given out.

    Raises:
        ContractViolationError: more rows are bad than *budget* allows.
    """
    held: Batch | None = None
    reached, quarantined = claim.mark, claim.quarantined
    try:
        for stretch in parsed:
            quarantined += len(stretch.bad)
            rejects = tuple(reject_of(bad, claim.drop, schema) for bad in stretch.bad)
            check_budget(budget, stretch.mark.row, quarantined, rejects)
            if held:
                yield held
            reached = stretch.mark
            held = Batch(stretch.records, FilePosition(claim, reached), rejects)
    except Exception:
        if held:
            yield held
        raise
    last = held or Batch(())
    yield Batch(last.records, FilePosition(claim, reached, done=True), last.rejects)


class GoneError(PermanentError):
    """The version of the file that was asked for is not there any more: it was overwritten, or deleted."""


class Ending(StrEnum):
    """How a file ends that cannot be loaded to its end."""

    FAIL = "fail"
    """The file is at fault: nobody tries it again, and the run goes on with the next."""
    SUPERSEDE = "supersede"
    """This version is gone: the run looks for the one that took its place."""
    GIVE_BACK = "give back"
    """Something else is at fault, and will pass or be mended: this run ends, and the next goes on with the file."""
    LEAVE = "leave"
    """Nobody knows: the run ends and leaves its claim, as if it had been killed. The fifth time the file fails."""


def ending(error: Exception) -> Ending:
    """Say what an error while a file was read means for the file.

    A version that is gone is superseded, though `GoneError` is a PermanentError like others. What goes wrong with this
    file alone, and every time (content that is damaged or breaks its contract), fails it. Any other error of this
    package, and any `OSError`, says nothing of the file, which is given back. What is left is a bug that this file
    trips over: leave it, so that its attempts count.
    """
    match error:
        case GoneError():
            return Ending.SUPERSEDE
        case CorruptError() | ContractViolationError():
            return Ending.FAIL
        case IngestionError() | OSError():
            return Ending.GIVE_BACK
        case _:
            return Ending.LEAVE


class Ended(msgspec.Struct, frozen=True):
    """The position after a file that cannot be loaded to its end; saved in its turn, behind the batches before it."""

    claim: FileClaim
    how: Ending
    reason: str

    async def save(self, connection: Connection) -> None:
        """Write it down, in the transaction open on *connection*."""
        end = {Ending.FAIL: fail, Ending.SUPERSEDE: supersede, Ending.GIVE_BACK: give_back}[self.how]
        await end(connection, self.claim, self.reason)

    async def add(self, connection: Connection, landed: Landed) -> None:
        """Count nothing: no rows came with it."""


class Files(Protocol):
    """Where the files are; both calls block."""

    def drops(self) -> list[Drop]:
        """List the newest version of every file."""

    def parsed(self, claim: FileClaim, schema: Schema) -> Iterator[Parsed]:
        """Read a file from the claim's mark on."""


_SETTLE_S = 0.01
# Who holds the stream ends all leases before: this one only has to outlast whatever happens between two batches of its
# own. With a shorter one the run would take a file from itself.
_LEASE_S = 86_400.0
_IS_CLAIMED = """
    SELECT EXISTS (SELECT FROM ingestion.manifest WHERE bucket = %s AND state = 'claimed' AND token = ANY(%s))"""


class DropsSource:
    """Every file of a bucket that the manifest does not know as done, the oldest first.

    Its position is in the manifest: which files are done, and how far the one has come that was being loaded. A file
    at fault does not stop the others. Files are read in threads, one at a time, while the batch before lands.

    Args:
        pool: For the manifest; batches land through the caller's own connection.
        files: Where they are.
        bucket: Its name in the manifest.
        schema: What their rows look like.
        policy: What a new version of a known file means.
        budget: How many bad rows fail a file.
    """

    def __init__(
        self,
        pool: Pool,
        files: Files,
        bucket: str,
        schema: Schema,
        *,
        policy: Policy = Policy.REPLACE,
        budget: ErrorBudget | None = None,
    ) -> None:
        self.source = schema.source
        self.stream = schema.stream
        self.tokens: list[int] = []
        self._pool = pool
        self._files = files
        self._bucket = bucket
        self._schema = schema
        self._policy = policy
        self._budget = budget or ErrorBudget()

    async def last_position(self, connection: Connection) -> Position | None:
        """Give None: the manifest has it. Under the stream's lease whoever else has claimed a file is dead."""
        await end_leases(connection, self._bucket)
        return None

    async def batches(self, position: Position | None) -> AsyncGenerator[Batch, None]:
        """Yield every batch of every file, and after a file that failed the batch that says so."""
        await self._register()
        while True:
            claim = await claim_file(self._pool, self._bucket, lease_s=_LEASE_S)
            if claim is not None:
                self.tokens.append(claim.token)
                async with aclosing(self._file(claim)) as batches:
                    async for batch in batches:
                        yield batch
            elif await self._is_settled():
                return
            else:
                await asyncio.sleep(_SETTLE_S)

    async def _register(self) -> None:
        listed = await in_thread(self._files.drops)
        async with transaction(self._pool) as connection:
            await register(connection, await dated(connection, listed), policy=self._policy)

    async def _is_settled(self) -> bool:
        """Whether all that was claimed here has landed: only then may a newer version of a file be claimed."""
        async with transaction(self._pool) as connection:
            row = await (await connection.execute(_IS_CLAIMED, [self._bucket, self.tokens])).fetchone()
        return row is None or not row[0]

    async def _file(self, claim: FileClaim) -> AsyncGenerator[Batch, None]:
        def read() -> Iterator[Batch]:
            return batches_of(claim, self._files.parsed(claim, self._schema), self._schema, self._budget)

        try:
            async with aclosing(pulled(read)) as batches:
                async for batch in batches:
                    yield batch
        except Exception as error:
            how = ending(error)
            if how is Ending.LEAVE:
                raise
            yield Batch((), Ended(claim, how, str(error)))
            if how is Ending.GIVE_BACK:
                raise
            if how is Ending.SUPERSEDE:
                await self._register()
