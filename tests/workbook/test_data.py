"""The fixtures are what their README says, and the program makes the very same ones again."""

import csv
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data import generate
from data.recipes.fixtures import fixtures, same_content
from data.recipes.formats import as_gzip
from data.recipes.salesforce_accounts import with_check_suffix
from data.recipes.shipments import COLUMNS, shipments

DATA = Path(generate.__file__).parent
TIE = datetime.fromisoformat("2026-02-14T09:26:53Z")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_bytes().splitlines()]


ORDERS = lines("rest/orders.ndjson")
DELIVERIES = lines("webhooks/deliveries.ndjson")
STRIPE = lines("saas/stripe.ndjson")
ACCOUNTS = lines("saas/salesforce_accounts.ndjson")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


# The program


def test_every_fixture_is_what_the_seed_gives() -> None:
    assert generate.differing(DATA) == {}
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 3_500_000


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_fresh_interpreter_makes_the_same_whatever_its_hash_order(hash_seed: str) -> None:
    program = (
        "import hashlib; from data.recipes.fixtures import fixtures; "
        "print({name: hashlib.sha256(content).hexdigest() for name, content in fixtures(2026).items()})"
    )
    made = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=DATA.parent,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"},
    )
    here = {name: hashlib.sha256(content).hexdigest() for name, content in fixtures(2026).items()}
    assert made.stdout.strip() == str(here)


def test_check_names_a_file_that_differs_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(DATA, tmp_path / "data")
    orders = copy / "rest" / "orders.ndjson"
    (copy / "s3" / "formats" / "shipments.parquet").unlink()
    orders.write_bytes(orders.read_bytes() + b"{}\n")
    monkeypatch.setattr(generate, "ROOT", copy)
    assert generate.main(["--check"]) == 1
    named = capsys.readouterr().out
    assert named.count("\n") == 2
    assert "data/rest/orders.ndjson" in named
    assert orders.read_bytes().endswith(b"{}\n")
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_it_runs_as_a_file_too() -> None:
    ended = subprocess.run([sys.executable, str(DATA / "generate.py"), "--check"], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_packed_files_are_compared_by_what_they_hold() -> None:
    assert same_content("a.csv.gz", gzip.compress(b"x" * 99, 1, mtime=5), as_gzip(b"x" * 99))
    assert not same_content("a.csv.gz", as_gzip(b"x"), as_gzip(b"y"))
    assert as_gzip(b"x")[4:8] == bytes(4)


# REST


def test_orders_are_500_and_unique() -> None:
    assert [order["id"] for order in ORDERS] == [f"ord_{n:06d}" for n in range(1, 501)]


def test_totals_are_exact_sums_with_every_awkward_kind() -> None:
    for order in ORDERS:
        total = sum(Decimal(item["unit_price"]) * item["quantity"] for item in order["items"])
        assert total == Decimal(order["total"])
        digits = {"JPY": 0, "KWD": 3}.get(order["currency"], 2)
        assert len(order["total"].partition(".")[2]) == digits
    totals = [Decimal(order["total"]) for order in ORDERS]
    assert Decimal(0) in totals
    assert min(totals) < 0
    assert any(int(str(total).replace(".", "")) > 10**13 for total in totals)


def test_versions_and_times_agree() -> None:
    for order in ORDERS:
        created, updated = instant(order["created_at"]), instant(order["updated_at"])
        assert created.year == updated.year == 2026
        assert (updated == created) if order["version"] == 1 else (updated > created)
    assert sum(order["version"] > 1 for order in ORDERS) > 200
    created = [instant(order["created_at"]) for order in ORDERS]
    assert created == sorted(created)


def test_a_run_of_130_ties_crosses_a_page() -> None:
    keys = sorted((instant(order["updated_at"]), order["id"]) for order in ORDERS)
    places = [n for n, (at, _) in enumerate(keys) if at == TIE]
    assert len(places) == 130
    assert places[0] // 100 != places[-1] // 100
    assert len({order["updated_at"] for order in ORDERS if instant(order["updated_at"]) == TIE}) >= 4
    assert sum(count > 1 for count in Counter(at for at, _ in keys).values()) > 20


def test_times_are_spelled_in_many_ways() -> None:
    stamps = [order[field] for order in ORDERS for field in ("created_at", "updated_at")]
    assert {len(s.partition(".")[2].rstrip("Z").partition("+")[0].partition("-")[0]) for s in stamps} == {
        0,
        1,
        3,
        6,
    }
    assert any(stamp.endswith("+02:00") for stamp in stamps)
    assert any(stamp.endswith("-05:00") for stamp in stamps)


def test_names_are_the_worlds() -> None:
    names = {order["customer"]["name"] for order in ORDERS}
    assert any(unicodedata.bidirectional(c) == "AL" for name in names for c in name)
    assert any(unicodedata.combining(c) for name in names for c in name)
    assert any(ord(c) > 0xFFFF for name in names for c in name)
    assert any(name != unicodedata.normalize("NFC", name) for name in names)


# Webhooks


def test_1500_deliveries_tell_of_1425_events() -> None:
    assert Counter(each["provider"] for each in DELIVERIES) == {
        "stripe": 500,
        "github": 350,
        "shopify": 400,
        "slack": 250,
    }
    assert len({(each["provider"], each["event_id"]) for each in DELIVERIES}) == 1_425
    assert sum(each["attempt"] > 1 for each in DELIVERIES) == 75


def test_attempts_count_from_one_and_some_overtake() -> None:
    attempts: dict[str, list[int]] = {}
    for each in DELIVERIES:
        attempts.setdefault(each["event_id"], []).append(each["attempt"])
    assert all(sorted(seen) == list(range(1, len(seen) + 1)) for seen in attempts.values())
    assert max(len(seen) for seen in attempts.values()) == 3
    assert sum(seen != sorted(seen) for seen in attempts.values()) >= 5


def test_repetitions_come_seconds_to_days_later() -> None:
    first = {each["event_id"]: instant(each["sent_at"]) for each in DELIVERIES if each["attempt"] == 1}
    second = [each for each in DELIVERIES if each["attempt"] == 2]
    waits_s = [(instant(each["sent_at"]) - first[each["event_id"]]).total_seconds() for each in second]
    assert 5 <= min(waits_s) < 60
    assert 86_400 < max(waits_s) <= 3 * 86_400


def test_ids_are_where_the_provider_puts_them_and_nothing_is_signed() -> None:
    for each in DELIVERIES:
        body, headers = json.loads(each["body"]), each["headers"]
        found = {
            "stripe": body.get("id"),
            "github": headers.get("X-GitHub-Delivery"),
            "shopify": headers.get("X-Shopify-Event-Id"),
            "slack": body.get("event_id"),
        }[each["provider"]]
        assert found == each["event_id"]
        assert not any("signature" in name.lower() or "hmac" in name.lower() for name in headers)


def test_bodies_are_of_their_event_alone_and_spelled_by_their_sender() -> None:
    events: dict[str, set[str]] = {}
    for each in DELIVERIES:
        events.setdefault(each["body"], set()).add(each["event_id"])
    assert all(len(ids) == 1 for ids in events.values())
    bodies = {
        name: [d["body"] for d in DELIVERIES if d["provider"] == name]
        for name in ("stripe", "github", "shopify", "slack")
    }
    assert all("\n  " in body for body in bodies["stripe"])
    assert any("\\u0026" in body for body in bodies["shopify"])
    assert all(body.isascii() and "\\/" in body for body in bodies["slack"])
    assert any(not body.isascii() for body in bodies["github"])


def test_what_a_repetition_renews() -> None:
    first = {each["event_id"]: each for each in DELIVERIES if each["attempt"] == 1}
    renewed: Counter[str] = Counter()
    for each in DELIVERIES:
        original = first[each["event_id"]]
        if each["attempt"] > 1 and each["body"] != original["body"]:
            renewed[f"{each['provider']} body"] += 1
        if each["attempt"] > 1 and each["headers"] != original["headers"]:
            renewed[f"{each['provider']} headers"] += 1
    assert renewed == {"stripe body": 12, "shopify headers": 10, "slack headers": 13}


# S3


def from_text(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose values are text or `None`, or JSON's, with the types that the README gives."""
    kinds: dict[str, Any] = {
        "quantity": int,
        "serial_number": int,
        "weight_kg": Decimal,
        "declared_value": Decimal,
        "fragile": lambda value: value if isinstance(value, bool) else {"true": True, "false": False}[value],
        "shipped_on": date.fromisoformat,
        "packed_at": datetime.fromisoformat,
    }
    return {
        column: value if value is None or column not in kinds else kinds[column](value) for column, value in row.items()
    }


def csv_cells(line_source: str) -> list[list[str | None]]:
    """A second, independent reading of CSV: nothing is `None`, two quotes are the empty string."""
    rows: list[list[str | None]] = []
    row: list[str | None] = []
    at = 0
    while at < len(line_source):
        if line_source[at] == '"':
            cell, at = "", at + 1
            while True:
                end = line_source.index('"', at)
                cell += line_source[at:end]
                at = end + 1
                if line_source[at : at + 1] != '"':
                    break
                cell, at = cell + '"', at + 1
            row.append(cell)
        else:
            start = at
            while line_source[at] not in ",\r\n":
                at += 1
            row.append(line_source[start:at] or None)
        if line_source[at] == ",":
            at += 1
            continue
        at += 2 if line_source[at] == "\r" else 1
        rows.append(row)
        row = []
    return rows


def read_drop(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if path.suffix == ".ndjson":
        return [from_text(json.loads(line)) for line in content.splitlines()]
    header, *rows = csv_cells(content.decode("utf-8-sig"))
    return [from_text(dict(zip(header, row, strict=True))) for row in rows]


DROPS = sorted(path for path in (DATA / "s3" / "drops").rglob("*") if path.is_file())


def test_the_drops_hold_each_shipment_once() -> None:
    assert len(DROPS) == 9
    assert {"".join(path.suffixes[-2:]) for path in DROPS} == {".csv", ".csv.gz", ".ndjson"}
    rows = [row for path in DROPS for row in read_drop(path)]
    by_id = {row["shipment_id"]: row for row in rows}
    assert len(rows) == len(by_id) == 800
    assert by_id == {row["shipment_id"]: row for row in shipments(generate.SEED)}


def test_every_format_holds_equal_values() -> None:
    expected = shipments(generate.SEED)
    array = json.loads((DATA / "s3" / "formats" / "shipments.json").read_bytes())
    assert [from_text(row) for row in array] == expected
    table = pq.read_table(DATA / "s3" / "formats" / "shipments.parquet")
    assert table.to_pylist() == expected
    assert [str(row["declared_value"]) for row in array] == [str(row["declared_value"]) for row in expected]


def test_the_standard_csv_reader_agrees_but_for_null() -> None:
    for path in DROPS:
        if path.suffix == ".csv":
            text = path.read_bytes().decode("utf-8-sig")
            mine = [["" if cell is None else cell for cell in row] for row in csv_cells(text)]
            assert mine == list(csv.reader(io.StringIO(text, newline="")))


def test_shipments_are_awkward() -> None:
    rows = shipments(generate.SEED)
    assert tuple(rows[0]) == COLUMNS
    notes = {row["note"] for row in rows}
    assert {None, "", "NA", "null", "00123"} <= notes
    assert any(note and "\n" in note for note in notes)
    assert any(note and '"' in note for note in notes)
    assert max(row["serial_number"] or 0 for row in rows) == 2**63 - 1
    assert "NA" in {row["country"] for row in rows}
    berlin = (DATA / "s3/drops/2026-03-02/berlin.csv").read_bytes()
    assert berlin.startswith(b"\xef\xbb\xbfshipment_id")
    assert b"\r\n" in berlin
    assert (DATA / "s3/drops/2026-03-03/denver.csv").read_bytes().startswith(b"packed_at,")


# SaaS


def test_stripe_objects_are_in_stripes_shapes() -> None:
    kinds = Counter((each["object"], each["id"].partition("_")[0]) for each in STRIPE)
    assert kinds == {("customer", "cus"): 50, ("charge", "ch"): 70, ("invoice", "in"): 30}
    assert len({each["id"] for each in STRIPE}) == 150
    customers = {each["id"] for each in STRIPE if each["object"] == "customer"}
    assert all(each["customer"] in customers for each in STRIPE if each["object"] != "customer")
    assert all(isinstance(each["created"], int) for each in STRIPE)
    assert all(isinstance(each["amount"], int) for each in STRIPE if each["object"] == "charge")
    assert sum(each["lines"]["total_count"] > 10 for each in STRIPE if each["object"] == "invoice") == 3
    for invoice in (each for each in STRIPE if each["object"] == "invoice"):
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])


def test_salesforce_ids_carry_their_check_suffix() -> None:
    assert with_check_suffix("001D000000IRFma") == "001D000000IRFmaIAH"
    assert len({account["Id"] for account in ACCOUNTS}) == 150
    assert len({account["Id"].lower() for account in ACCOUNTS}) == 150
    ids = {account["Id"] for account in ACCOUNTS}
    for account in ACCOUNTS:
        assert len(account["Id"]) == 18
        assert with_check_suffix(account["Id"][:15]) == account["Id"]
        assert account["Id"].startswith("001")
        assert account["ParentId"] is None or account["ParentId"] in ids


def test_salesforce_accounts_have_deletes_ties_and_ordered_times() -> None:
    assert sum(account["IsDeleted"] for account in ACCOUNTS) == 6
    assert max(Counter(account["SystemModstamp"] for account in ACCOUNTS).values()) >= 5
    for account in ACCOUNTS:
        assert account["SystemModstamp"] >= account["LastModifiedDate"] >= account["CreatedDate"]
        assert account["SystemModstamp"].endswith("+0000")
