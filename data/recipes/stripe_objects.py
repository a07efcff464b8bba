"""The 150 Stripe objects: 50 customers, 70 charges, 30 invoices, in the shapes of Stripe's API."""

from __future__ import annotations

from typing import Any

from data.recipes.draw import Draw
from data.recipes.events import BASE62, UPPER36
from data.recipes.people import CITIES, EMAILS, NAMES, SENTENCES

__all__ = ["CHARGES", "CUSTOMERS", "INVOICES", "stripe_objects"]

CUSTOMERS, CHARGES, INVOICES = 50, 70, 30

_FIRST_CREATED = 1_767_600_000  # 2026-01-05T08:00:00Z
_CURRENCIES = ("usd", "eur", "gbp", "jpy", "krw", "kwd", "bhd")  # of two, none and three decimals
_BRANDS = ("visa", "mastercard", "amex")

Object = dict[str, Any]


def stripe_objects(seed: int) -> list[Object]:
    """The objects, by kind and then oldest first. Every `customer` is one of the 50."""
    draw = Draw(seed, "stripe")
    customers = [_customer(draw, created) for created in _creation_times(draw, CUSTOMERS)]
    charges = [_charge(draw, created, draw.pick(customers)) for created in _creation_times(draw, CHARGES)]
    invoices = [
        _invoice(draw, n, created, draw.pick(customers)) for n, created in enumerate(_creation_times(draw, INVOICES))
    ]
    return customers + charges + invoices


def _creation_times(draw: Draw, count: int) -> list[int]:
    """Rising epoch seconds; one in five equals the one before it."""
    times, at = [], _FIRST_CREATED
    for _ in range(count):
        at += 0 if draw.chance(0.2) else draw.between(60, 90_000)
        times.append(at)
    return times


def _customer(draw: Draw, created: int) -> Object:
    return {
        "id": f"cus_{draw.text(BASE62, 14)}",
        "object": "customer",
        "address": {"city": draw.pick(CITIES), "country": "DE", "line1": None} if draw.chance(0.6) else None,
        "balance": draw.pick((0, 0, 0, -1_500, 420)),
        "created": created,
        "currency": None,
        "default_source": None,
        "delinquent": draw.chance(0.1),
        "description": draw.pick(SENTENCES) or None,
        "email": f"{draw.pick(EMAILS)}+{draw.between(1, 999)}@example.com",
        "invoice_prefix": draw.text(UPPER36, 8),
        "livemode": False,
        "metadata": {"tier": draw.pick(("gold", "silver"))} if draw.chance(0.5) else {},
        "name": draw.pick(NAMES),
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
    }


def _charge(draw: Draw, created: int, customer: Object) -> Object:
    amount, failed, refunded = draw.between(50, 2_000_000), draw.chance(0.1), draw.chance(0.12)
    return {
        "id": f"ch_3{draw.text(BASE62, 23)}",
        "object": "charge",
        "amount": amount,
        "amount_captured": 0 if failed else amount,
        "amount_refunded": amount if refunded and not failed else 0,
        "balance_transaction": None if failed else f"txn_3{draw.text(BASE62, 23)}",
        "billing_details": {"email": customer["email"], "name": customer["name"], "phone": None},
        "captured": not failed,
        "created": created,
        "currency": draw.pick(_CURRENCIES),
        "customer": customer["id"],
        "description": draw.pick(SENTENCES) or None,
        "disputed": False,
        "failure_code": "card_declined" if failed else None,
        "failure_message": "Your card was declined." if failed else None,
        "livemode": False,
        "metadata": {},
        "outcome": {
            "network_status": "declined_by_network" if failed else "approved_by_network",
            "risk_level": "normal",
            "type": "issuer_declined" if failed else "authorized",
        },
        "paid": not failed,
        "payment_intent": f"pi_3{draw.text(BASE62, 23)}",
        "payment_method_details": {
            "card": {"brand": draw.pick(_BRANDS), "last4": f"{draw.below(10_000):04d}"},
            "type": "card",
        },
        "refunded": refunded and not failed,
        "status": "failed" if failed else "succeeded",
    }


def _invoice(draw: Draw, n: int, created: int, customer: Object) -> Object:
    """An invoice; every tenth has 14 lines, more than Stripe embeds in one answer."""
    invoice_id = f"in_1{draw.text(BASE62, 23)}"
    lines = [_invoice_line(draw) for _ in range(14 if n % 10 == 5 else draw.between(1, 4))]
    total = sum(line["amount"] for line in lines)
    status = draw.pick(("draft", "open", "paid", "paid", "void"))
    paid = total if status == "paid" else 0
    return {
        "id": invoice_id,
        "object": "invoice",
        "amount_due": total,
        "amount_paid": paid,
        "amount_remaining": total - paid,
        "collection_method": "charge_automatically",
        "created": created,
        "currency": draw.pick(_CURRENCIES),
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "due_date": created + 14 * 86_400 if draw.chance(0.5) else None,
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "total_count": len(lines),
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "livemode": False,
        "metadata": {},
        "number": None if status == "draft" else f"{customer['invoice_prefix']}-{n + 1:04d}",
        "status": status,
        "subtotal": total,
        "total": total,
    }


def _invoice_line(draw: Draw) -> Object:
    return {
        "id": f"il_1{draw.text(BASE62, 23)}",
        "object": "line_item",
        "amount": draw.between(100, 90_000),
        "description": draw.pick(SENTENCES) or None,
        "quantity": draw.between(1, 10),
    }
