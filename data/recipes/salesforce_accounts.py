"""The 150 Salesforce accounts, as its REST API spells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from data.recipes.draw import Draw
from data.recipes.events import BASE62
from data.recipes.people import CITIES, NAMES, SENTENCES

__all__ = ["ACCOUNTS", "DELETED", "accounts", "with_check_suffix"]

ACCOUNTS = 150
DELETED = 6

_SUFFIX_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_STARTED_AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_INDUSTRIES = ("Agriculture", "Banking", "Retail", "Energy", "Not For Profit", None)


def with_check_suffix(id_15: str) -> str:
    """The 18-character form of a Salesforce Id, which survives programs that fold case.

    Each of the three added letters says which of five characters are capitals, the first character counting
    lowest.
    """
    chunks = (id_15[start : start + 5] for start in (0, 5, 10))
    places = (sum(1 << n for n, letter in enumerate(chunk) if "A" <= letter <= "Z") for chunk in chunks)
    return id_15 + "".join(_SUFFIX_LETTERS[place] for place in places)


def accounts(seed: int) -> list[dict[str, Any]]:
    """The accounts in no useful order, as a bulk query gives them; six of them are in the recycle bin."""
    draw = Draw(seed, "salesforce")
    deleted = set(draw.shuffled(range(ACCOUNTS))[:DELETED])
    made: list[dict[str, Any]] = []
    for n in range(ACCOUNTS):
        parent_id = draw.pick(made)["Id"] if made and draw.chance(0.15) else None
        made.append(_account(draw, n, parent_id, is_deleted=n in deleted))
    return draw.shuffled(made)


def _account(draw: Draw, n: int, parent_id: str | None, *, is_deleted: bool) -> dict[str, Any]:
    created_at = _STARTED_AT + timedelta(seconds=n * 40_000 + draw.below(30_000))
    modified_at = created_at + timedelta(seconds=draw.pick((0, draw.below(20 * 86_400))))
    # A background job may touch a record after its last user did.
    touched_at = modified_at + timedelta(seconds=draw.pick((0, 0, draw.below(86_400))))
    if n % 12 == 0:
        touched_at = max(touched_at, datetime(2026, 3, 20, tzinfo=UTC))  # a batch: many equal stamps
    unique = f"{n:03d}".translate(str.maketrans("0123456789", "aBcDeFgHiJ"))
    return {
        "Id": with_check_suffix(f"0015g000{draw.text(BASE62, 4)}{unique}"),
        "IsDeleted": is_deleted,
        "Name": draw.pick(NAMES),
        "Type": draw.pick(("Prospect", "Customer - Direct", "Partner", None)),
        "ParentId": parent_id,
        "Industry": draw.pick(_INDUSTRIES),
        "AnnualRevenue": draw.pick((None, 0.0, draw.between(1, 10**9) / 4)),
        "NumberOfEmployees": draw.pick((None, draw.between(1, 90_000))),
        "BillingStreet": f"{draw.between(1, 200)} Main St\nFloor {draw.between(1, 9)}" if draw.chance(0.7) else None,
        "BillingCity": draw.pick(CITIES),
        "Website": f"https://example.com/{n}" if draw.chance(0.5) else None,
        "Description": draw.pick(SENTENCES) or None,
        "OwnerId": with_check_suffix("0055g000001AbCd"),
        "CreatedDate": _spelled(created_at),
        "LastModifiedDate": _spelled(modified_at),
        "SystemModstamp": _spelled(touched_at),
    }


def _spelled(at: datetime) -> str:
    """Salesforce's own spelling: milliseconds, and an offset without a colon."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"
