# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""S3: what a bucket holds, and one version of one object as a stream, read in the format that its name says."""

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    NoCredentialsError,
    PartialCredentialsError,
)

from ingestion.errors import (
    ConfigurationError,
    ContractViolationError,
    CorruptError,
    IngestionError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from ingestion.files.compression import Readable, decoded, is_packed, verify
from ingestion.files.delimited import read_delimited
from ingestion.files.ingester import GoneError, pinned
from ingestion.files.json_lines import read_json
from ingestion.files.manifest import FileClaim
from ingestion.files.notification import Drop
from ingestion.files.parsed import Parsed
from ingestion.files.schema import Schema

__all__ = ["Bucket", "ObjectStream", "check_answer", "own_errors"]


# Some 4,000 rows of CSV: with fewer, a transaction costs more than its rows.
_BLOCK_BYTES = 1 << 19


class Bucket:
    """The files of one bucket, through a client of boto3.

    Raises:
        GoneError: the version that is asked for is not there any more.
        CorruptError: its bytes do not give the checksum that S3 has of it.
        ContractViolationError: it lies in S3's archive.
        TransientError: S3 is not available.
        ConfigurationError: S3 refuses us, or there is no such bucket.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def drops(self) -> list[Drop]:
        """List the newest version of every object, but not what consoles make of folders: keys that end in a slash."""
        with own_errors(f"s3://{self.name}"):
            if "Status" in self._client.get_bucket_versioning(Bucket=self.name):
                listed = [item for item in self._pages("list_object_versions", "Versions") if item["IsLatest"]]
            else:
                listed = list(self._pages("list_objects_v2", "Contents"))
        return [self._drop(item) for item in listed if not item["Key"].endswith("/")]

    def _pages(self, call: str, kind: str) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator(call).paginate(Bucket=self.name):
            yield from page.get(kind, [])

    def _drop(self, item: dict[str, Any]) -> Drop:
        version, etag = item.get("VersionId", "null"), item["ETag"].strip('"')
        return Drop(self.name, item["Key"], etag if version == "null" else version, item["Size"], item["LastModified"])

    def parsed(self, claim: FileClaim, schema: Schema) -> Iterator[Parsed]:
        """Read a file from the claim's mark on.

        A file that may turn out at its end to have been wrong from its start is read to its end before its first row
        is given out: packed ones here, Parquet by its decoder.
        """
        suffixes = PurePosixPath(claim.drop.key.lower()).suffixes
        kind = next((suffix for suffix in reversed(suffixes) if suffix not in (".gz", ".zst")), "")
        start = claim.mark if claim.mark.row else None
        if kind == ".csv":
            with self._unpacked(claim) as content:
                yield from read_delimited(content, schema, start=start, block_bytes=_BLOCK_BYTES)
        elif kind in (".json", ".jsonl", ".ndjson"):
            with self._unpacked(claim) as content:
                yield from read_json(content, schema, start=start, block_bytes=2 * _BLOCK_BYTES)
        elif kind == ".parquet":
            from ingestion.files.walled import read_parquet  # Arrow takes 60 MB and half a second to load

            with self._copied(claim.drop) as path:
                yield from read_parquet(path, schema, start=claim.mark, rows=4_000)
        else:
            raise ContractViolationError("its name does not end in .csv, .json, .jsonl, .ndjson or .parquet")

    @contextmanager
    def _unpacked(self, claim: FileClaim) -> Iterator[Readable]:
        with self._open(claim.drop) as stream:
            start = stream.read(4)
            stream.seek(0)
            if not is_packed(start):
                yield stream
                return
            if not claim.mark.row:
                verify(decoded(stream))
        with self._open(claim.drop) as stream:
            yield decoded(stream)

    @contextmanager
    def _copied(self, drop: Drop) -> Iterator[Path]:
        """Copy an object to this machine, for a format that begins at its end."""
        with TemporaryDirectory(prefix="drop-") as folder:
            path = Path(folder, "copy")
            with self._open(drop) as stream, path.open("wb") as copy:
                copyfileobj(stream, copy, 1 << 20)
            yield path

    def _open(self, drop: Drop) -> closing[io.BufferedReader]:
        return closing(io.BufferedReader(ObjectStream(self._client, drop), 1 << 16))


class ObjectStream(io.RawIOBase):
    """One version of one object, read as it comes.

    A connection that breaks, or falls silent, is made anew from the byte that was reached, for the same version;
    after *attempts* in a row that brought nothing, it is given up. Seeking costs nothing until the next byte is read.
    """

    def __init__(self, client: Any, drop: Drop, *, attempts: int = 4) -> None:
        super().__init__()
        self._client = client
        self._drop = drop
        self._attempts = attempts
        self._at = 0
        self._size: int | None = None
        self._body: Any = None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, from its start and from where it stands."""
        return True

    def tell(self) -> int:
        """Give the next byte's place."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere else."""
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the end is not known before it is read")
        target = offset if whence == io.SEEK_SET else self._at + offset
        if target != self._at:
            self._hang_up()
            self._at = target
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes; 0 means that the object ends here."""
        for attempt in range(1, self._attempts + 1):
            try:
                if self._body is None and not self._connect():
                    return 0
                piece: bytes = self._body.read(len(buffer))
            except FlexibleChecksumError as error:
                raise CorruptError(f"its bytes do not give the checksum that S3 has of it: {error}") from error
            except BotoCoreError as error:
                self._hang_up()
                if attempt == self._attempts:
                    raise TransientError(f"S3 breaks off at byte {self._at}: {type(error).__name__}") from error
                continue
            if piece:
                break
            if self._at == self._size:
                return 0
            self._hang_up()
        else:
            raise TransientError(f"S3 breaks off at byte {self._at} of {self._size}")
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _connect(self) -> bool:
        """Ask for the rest of the object; False if there is none."""
        if self._at == self._size:
            return False
        with own_errors(f"s3://{self._drop.bucket}/{self._drop.key}"):
            answer = self._client.get_object(**pinned(self._drop, self._at))
        self._body, self._size = answer["Body"], self._at + answer["ContentLength"]
        check_answer(answer, self._drop, self._at)
        return True

    def _hang_up(self) -> None:
        if self._body is not None:
            self._body.close()
        self._body = None

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        super().close()


def check_answer(answer: dict[str, Any], drop: Drop, start: int) -> None:
    """Say nothing when S3 sends *drop* from byte *start* on: not every S3 knows conditions and ranges.

    Raises:
        GoneError: it sends another version.
        PermanentError: it sends other bytes.
    """
    if drop.version not in (answer["ETag"].strip('"'), answer.get("VersionId")):
        raise GoneError(f"s3://{drop.bucket}/{drop.key} is another version by now")
    if start and not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
        raise PermanentError(f"S3 was asked for {drop.key} from byte {start} on, and sends other bytes")


@contextmanager
def own_errors(what: str) -> Iterator[None]:
    """Turn errors of boto3 into the package's own; *what* is what S3 was asked about."""
    try:
        yield
    except ClientError as error:
        raise _own_error(error, what) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise ConfigurationError("no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") from error
    except BotoCoreError as error:
        raise TransientError(f"S3 is not available: {type(error).__name__} at {what}") from error


def _own_error(error: ClientError, what: str) -> IngestionError:
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status == 412 or code in ("NoSuchKey", "NoSuchVersion"):
        return GoneError(f"{what} is not there any more as it was: {code}")
    if code == "InvalidObjectState":
        return ContractViolationError("it is in S3's archive: restore it, then run python -m ingestion redrive")
    if code == "NoSuchBucket":
        return ConfigurationError(f"there is no bucket at {what}: create it, or set DROPS_BUCKET")
    if status in (401, 403):
        return ConfigurationError(f"S3 refuses {what}: {code}. Check the credentials and the bucket's policy")
    if status in (429, 503):
        return ThrottledError(f"S3 asks for patience at {what}: {code}")
    if status >= 500 or status == 408:
        return TransientError(f"S3 is not available at {what}: {code}")
    return PermanentError(f"S3 refuses {what}: {code}", status_code=status)
