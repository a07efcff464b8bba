# Made from solutions/m02_push/03_replay_window.ipynb: edit it there.
"""What a signed request is worth at a given moment: how old, or how far ahead of its time, it may be."""

from collections.abc import Iterable
from datetime import datetime

from ingestion.webhooks.providers import Claim, Refused, Scheme
from ingestion.webhooks.signatures import Secret, is_signed, live_keys

__all__ = ["NO_ID", "NO_TIMESTAMP", "TOLERANCE_S", "UNSIGNED", "UNTIMELY", "is_timely", "parse_timestamp", "refusal_at"]


TOLERANCE_S = 300

NO_TIMESTAMP = Refused(400, "no timestamp in whole seconds")
NO_ID = Refused(400, "no id header")
UNTIMELY = Refused(401, "the timestamp is too far from now")
UNSIGNED = Refused(401, "no signature fits")

_MOST_DIGITS = 12


def parse_timestamp(text: bytes) -> int | None:
    """Read seconds since 1970: 1 to 12 ASCII digits and nothing else. None for anything else; never raises."""
    # bytes.isdigit knows ASCII only; the length keeps int() from work that an attacker chooses.
    return int(text) if len(text) <= _MOST_DIGITS and text.isdigit() else None


def is_timely(sent_s: int, now: datetime, *, tolerance_s: float = TOLERANCE_S) -> bool:
    """Say whether *sent_s*, in seconds since 1970, is at most *tolerance_s* before or after *now*.

    Not rounded: a fraction of a second past the tolerance is past it.

    Args:
        sent_s: When the request says it was sent.
        now: An aware moment, in whatever time zone.
        tolerance_s: In seconds; the end is included on both sides.
    """
    return abs(now.timestamp() - sent_s) <= tolerance_s


def refusal_at(
    now: datetime,
    scheme: Scheme,
    secrets: Iterable[Secret],
    claim: Claim,
    body: bytes,
    *,
    tolerance_s: float = TOLERANCE_S,
) -> Refused | None:
    """Say why *claim* about *body* cannot be believed at *now*; None if it can. Never raises, whatever bytes come."""
    if scheme.signs_timestamp:
        sent_s = parse_timestamp(claim.timestamp)
        if sent_s is None:
            return NO_TIMESTAMP
        if not is_timely(sent_s, now, tolerance_s=tolerance_s):
            return UNTIMELY
    if scheme.signs_id and not claim.id:
        return NO_ID
    # The timestamp's own bytes are signed, not the number read from them: so it has one spelling.
    message = scheme.signed % {b"id": claim.id, b"timestamp": claim.timestamp, b"body": body}
    return None if is_signed(message, claim.signatures, live_keys(secrets, now), scheme.spelling) else UNSIGNED
