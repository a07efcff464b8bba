# Made from solutions/m02_push/02_providers.ipynb: edit it there.
"""From a verified request to the record of its event."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from ingestion.errors import ContractViolationError
from ingestion.record import Record, Reject, canonical_json, read_instant
from ingestion.webhooks.providers import Scheme, Verified, event_key, scheme_of

__all__ = ["STREAM", "challenge_of", "event_of"]


STREAM = "events"

_LONGEST_ID = 200
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def event_of(verified: Verified, body: bytes) -> Record | Reject:
    """Make the record of an event: its payload is `{"id": ..., "type": ..., "data": the body}`.

    Never raises: a body that cannot be stored as JSON, or does not say which event it is where its provider's bodies
    do, becomes a reject with the bytes as they came.
    """
    try:
        return _event(verified, scheme_of(verified.provider), body)
    except ContractViolationError as error:
        return Reject(verified.provider, STREAM, body, str(error), 0)


def challenge_of(verified: Verified, body: bytes) -> str | None:
    """Give the challenge that the answer has to repeat before the provider saves our address; None for an event.

    Never raises, and parses nothing unless the request looks like one.
    """
    wanted = scheme_of(verified.provider).challenge_type
    if wanted is None or wanted.encode() not in body:
        return None
    try:
        data = _parse(body)
    except ContractViolationError:
        return None
    challenge = _at(data, ("challenge",)) if _at(data, ("type",)) == wanted else None
    return challenge if type(challenge) is str else None


def _event(verified: Verified, scheme: Scheme, body: bytes) -> Record:
    data = _parse(body)
    event_id, event_type = verified.id, verified.type
    if scheme.id_path:
        event_id = _at(data, scheme.id_path)
        if type(event_id) is not str or not 0 < len(event_id) <= _LONGEST_ID:
            raise ContractViolationError(f"the body has no {'.'.join(scheme.id_path)} of 1 to {_LONGEST_ID} characters")
    if scheme.type_path:
        found = _at(data, scheme.type_path)
        event_type = found if type(found) is str else None
    key = event_key(scheme, event_id, event_type, body)
    payload = _spell({"id": event_id, "type": event_type, "data": data})
    occurred_at = _instant(_at(data, scheme.time_path)) or verified.received_at
    return Record(verified.provider, STREAM, key, payload, occurred_at, hashlib.sha256(payload).digest())


def _parse(body: bytes) -> Any:
    try:
        data = msgspec.json.decode(body)
    except UnicodeDecodeError:
        raise ContractViolationError("the body is not UTF-8") from None
    except RecursionError:
        raise ContractViolationError("the body is nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise ContractViolationError(f"the body is not JSON: {error}") from None
    if b"\\u0000" in body and _NUL.search(body):
        raise ContractViolationError("the body holds a NUL character, which no text or jsonb column can store")
    return data


def _spell(payload: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a whole number past 64 bits: rare, and exact the slow way
        return canonical_json(payload)


def _at(data: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return None
    for name in path:
        data = data.get(name) if type(data) is dict else None
    return data


def _instant(value: Any) -> datetime | None:
    """Read when an event happened: seconds since 1970, or RFC 3339 with an offset."""
    try:
        return datetime.fromtimestamp(value, UTC) if type(value) is int else read_instant(value)
    except (ValueError, OverflowError, OSError):
        return None
