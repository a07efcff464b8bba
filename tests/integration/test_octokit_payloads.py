"""GitHub's own example payloads, signed by GitHub's own library, through the verifier and into records."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from ingestion.record import Record
from ingestion.webhooks.events import event_of
from ingestion.webhooks.providers import Refused, Verified
from ingestion.webhooks.signatures import Secret
from ingestion.webhooks.verifier import Verifier
from tests.octokit_payloads import MissingError, SignedPayload, signed_payloads

SECRET = "a-secret-that-octokit-signs-with"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def payloads() -> Sequence[SignedPayload]:
    try:
        return signed_payloads(SECRET)
    except MissingError as missing:
        pytest.skip(str(missing))


def headers(payload: SignedPayload, delivery: str) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in payload.headers(delivery).items()]


def test_every_example_verifies_and_becomes_its_record(payloads: Sequence[SignedPayload]) -> None:
    assert len(payloads) > 300
    verifier = Verifier.of("github", [Secret(SECRET.encode())], clock=lambda: NOW)
    keys = set()
    for number, payload in enumerate(payloads):
        answer = verifier.verify(headers(payload, f"delivery-{number}"), payload.body)
        assert isinstance(answer, Verified), payload.name
        event = event_of(answer, payload.body)
        assert isinstance(event, Record), event
        assert event.data() == {"id": f"delivery-{number}", "type": payload.name, "data": json.loads(payload.body)}
        assert event.key == f"{payload.name}:sha256:{hashlib.sha256(payload.body).hexdigest()}"
        keys.add(event.key)
    assert len(keys) == len(set(payloads))


def test_no_example_verifies_as_python_spells_it(payloads: Sequence[SignedPayload]) -> None:
    """Parsed and written again with the default separators, not one of them is what was signed."""
    verifier = Verifier.of("github", [Secret(SECRET.encode())], clock=lambda: NOW)
    for payload in payloads:
        again = json.dumps(json.loads(payload.body)).encode()
        assert isinstance(verifier.verify(headers(payload, "d"), again), Refused)
