"""Orders by the hundred thousand, made on the spot: for benchmarks, and rows that appear while paging."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workbook.providers.order_book import Row, instant_us

__all__ = ["inserted_row", "synthetic_rows"]

_FIRST_AT = datetime(2026, 1, 1, tzinfo=UTC)
_INSERTED_AT = datetime(2026, 6, 1, tzinfo=UTC)
_CURRENCIES = ("EUR", "USD", "GBP")
_NAMES = ("Ada Lovelace", "Zoë Åström", "山田 太郎", "Party 🎉 Supplies", "محمد عبد الله", "Łukasz Żółć")


def synthetic_rows(count: int) -> list[Row]:
    """*count* orders of about 300 bytes, one a second from 1 January 2026; the same on every machine."""
    start_us = instant_us(_FIRST_AT)
    return [
        _row(n, _FIRST_AT + timedelta(seconds=n), start_us + n * 1_000_000, f"ord_{n:09d}") for n in range(1, count + 1)
    ]


def inserted_row(n: int, updated_at: str | None = None) -> Row:
    """The *n*-th order that appears while a client is paging: newer than all, unless dated otherwise."""
    at = _INSERTED_AT + timedelta(seconds=n)
    row = _row(n, at, instant_us(at), f"ord_9{n:05d}")
    return row if updated_at is None else row.with_fields(updated_at=updated_at)


def _row(n: int, at: datetime, at_us: int, order_id: str) -> Row:
    spelled = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    quantity, cents = 1 + n % 5, 100 + n * 7919 % 90_000
    total = quantity * cents
    encoded = (
        f'{{"id":"{order_id}","customer":{{"name":"{_NAMES[n % 6]}","email":"orders+{n}@example.com",'
        f'"city":"Nairobi"}},"currency":"{_CURRENCIES[n % 3]}","total":"{total // 100}.{total % 100:02d}",'
        f'"status":"paid","version":1,"items":[{{"sku":"SYN-{n % 100_000:05d}","quantity":{quantity},'
        f'"unit_price":"{cents // 100}.{cents % 100:02d}"}}],'
        f'"created_at":"{spelled}","updated_at":"{spelled}"}}'
    )
    return Row(order_id, at_us, at_us, encoded.encode())
