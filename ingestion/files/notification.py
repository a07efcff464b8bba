# Made from solutions/m02_push/14_manifest.ipynb: edit it there.
"""What S3 tells when something changes in a bucket."""

from datetime import datetime
from typing import Annotated

import msgspec

from ingestion.errors import ContractViolationError

__all__ = ["Drop", "Noticed", "ObjectEvent", "events_in"]


class Drop(msgspec.Struct, frozen=True):
    """One version of one file in a bucket.

    Attributes:
        version: The version id where the bucket keeps versions, else the etag.
        uploaded_at: As S3 says it; aware.
    """

    bucket: str
    key: str
    version: str
    size_bytes: int
    uploaded_at: datetime


class Noticed(msgspec.Struct, frozen=True):
    """What a notification tells of: files to look at, and why the others are refused."""

    drops: tuple[Drop, ...] = ()
    refused: tuple[str, ...] = ()


class ObjectEvent(msgspec.Struct, frozen=True):
    """One entry of a notification, as it stands there.

    Attributes:
        name: Such as `ObjectCreated:Put`.
        key: URL-encoded, with `+` for a space.
        version: The version id where the bucket keeps versions, else the etag; may be empty.
    """

    name: str
    bucket: str
    key: str
    version: str
    size_bytes: int
    at: datetime


def events_in(notification: bytes) -> list[ObjectEvent]:
    """Read an S3 event notification, entry by entry; the one that S3 sends as a test has none.

    Raises:
        ContractViolationError: it is no S3 notification.
    """
    try:
        told = msgspec.json.decode(notification, type=_Notification)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractViolationError(f"no S3 notification: {error}") from None
    if told.entries is None and told.event != "s3:TestEvent":
        raise ContractViolationError(
            "no S3 notification: it has no Records. Take it out of what SNS or SQS put around it"
        )
    return [
        ObjectEvent(
            entry.event_name.removeprefix("s3:"),
            entry.s3.bucket.name,
            entry.s3.object.key,
            entry.s3.object.version(),
            entry.s3.object.size,
            entry.event_time,
        )
        for entry in told.entries or ()
    ]


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct, rename={"etag": "eTag", "version_id": "versionId"}):
    key: str
    size: int = 0
    etag: str = ""
    version_id: str | None = None

    def version(self) -> str:
        """Give the etag where there is no id of its own: `null` is whatever was written last without one."""
        return self.version_id if self.version_id and self.version_id != "null" else self.etag


class _S3(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _Entry(msgspec.Struct, rename="camel"):
    event_name: str
    event_time: Annotated[datetime, msgspec.Meta(tz=True)]
    s3: _S3


class _Notification(msgspec.Struct):
    entries: list[_Entry] | None = msgspec.field(name="Records", default=None)
    event: str = msgspec.field(name="Event", default="")
