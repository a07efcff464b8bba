"""Which files there are, and when two spellings of a file hold the same."""

from __future__ import annotations

import gzip
from typing import Any

from data.recipes.deliveries import deliveries
from data.recipes.drops import drops
from data.recipes.formats import same_parquet
from data.recipes.orders import orders
from data.recipes.salesforce_accounts import accounts
from data.recipes.spelling import compact
from data.recipes.stripe_objects import stripe_objects

__all__ = ["fixtures", "same_content"]


def fixtures(seed: int) -> dict[str, bytes]:
    """Every fixture by its path below `data/`."""
    return {
        "rest/orders.ndjson": _lines(orders(seed)),
        "webhooks/deliveries.ndjson": _lines(deliveries(seed)),
        "saas/stripe.ndjson": _lines(stripe_objects(seed)),
        "saas/salesforce_accounts.ndjson": _lines(accounts(seed)),
        **drops(seed),
    }


def same_content(name: str, one: bytes, other: bytes) -> bool:
    """Whether two versions of the file hold the same, in whatever bytes."""
    if one == other:
        return True
    if name.endswith(".gz"):
        return gzip.decompress(one) == gzip.decompress(other)
    return name.endswith(".parquet") and same_parquet(one, other)


def _lines(rows: list[dict[str, Any]]) -> bytes:
    """One compact JSON object a line, each line ended by a newline."""
    return "".join(f"{compact(row)}\n" for row in rows).encode()
