# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""Fault-tolerant ingestion into Postgres and on to Kafka: every row once, whatever fails when.

    __main__, drops, pipeline              the commands, and the parts put together: read ahead, gate, land
    rest      files      webhooks          three ways in: listings that are pulled, files dropped, events pushed
    console, read_ahead                    how a command talks and ends; the next batch is read while one lands
    landing                                the one door: rows, events, rejects, position and ledger in one transaction
    dedup     outbox                       what is surely known already; what has landed, on its way to Kafka
    http      store                        one client for every upstream; everything that is kept in Postgres
    resilience                             backoff, retries, rate limits, circuit breakers
    record    settings                     the one shape of data; what an operator can set
    errors                                 what went wrong, by what to do next

Each line imports only from the lines below it. The names here are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.errors import ConfigurationError, IngestionError, PermanentError, TransientError
    from ingestion.files.ingester import DropsSource
    from ingestion.http.client import HttpClient
    from ingestion.landing import land
    from ingestion.pipeline import ingest
    from ingestion.record import Batch, Position, Record, Reject, Source
    from ingestion.resilience.retry import RetryPolicy
    from ingestion.rest.cursor import CursorSource
    from ingestion.rest.keyset import KeysetSource
    from ingestion.rest.offset import OffsetSource
    from ingestion.rest.page import RowShape
    from ingestion.settings import Settings
    from ingestion.store.database import migrate, open_pool
    from ingestion.store.watermarks import Bookmark, Watermark


_HOME = {
    "Batch": "record",
    "Bookmark": "store.watermarks",
    "ConfigurationError": "errors",
    "CursorSource": "rest.cursor",
    "DropsSource": "files.ingester",
    "HttpClient": "http.client",
    "IngestionError": "errors",
    "KeysetSource": "rest.keyset",
    "OffsetSource": "rest.offset",
    "PermanentError": "errors",
    "Position": "record",
    "Record": "record",
    "Reject": "record",
    "RetryPolicy": "resilience.retry",
    "RowShape": "rest.page",
    "Settings": "settings",
    "Source": "record",
    "TransientError": "errors",
    "Watermark": "store.watermarks",
    "ingest": "pipeline",
    "land": "landing",
    "migrate": "store.database",
    "open_pool": "store.database",
}

__all__ = [
    "Batch",
    "Bookmark",
    "ConfigurationError",
    "CursorSource",
    "DropsSource",
    "HttpClient",
    "IngestionError",
    "KeysetSource",
    "OffsetSource",
    "PermanentError",
    "Position",
    "Record",
    "Reject",
    "RetryPolicy",
    "RowShape",
    "Settings",
    "Source",
    "TransientError",
    "Watermark",
    "ingest",
    "land",
    "migrate",
    "open_pool",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
