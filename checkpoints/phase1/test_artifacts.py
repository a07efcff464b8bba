"""Phase 1: a whole day arrives (orders pulled, webhooks pushed, files dropped), and each row is landed and published once.

Everything runs for real on a database, a bucket and a topic of its own, by the commands that an operator would use.
"""

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
import pytest

from workbook import arrivals
from workbook.grading.expect import expect
from workbook.published import Published, published
from workbook.stack.databases import fresh_database

ORDERS, EVENTS, SHIPMENTS = 500, 1_425, 800
DELIVERIES, DUPLICATES = 1_500, 75
PROVIDERS = {"stripe": 475, "github": 333, "shopify": 380, "slack": 237}


@dataclass
class Day:
    """One day's work: what the commands said and what they left behind."""

    environment: dict[str, str]
    ran: dict[str, arrivals.Ran] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)

    def happen(self) -> None:
        """Let everything arrive once, then publish it."""
        self.ran["orders"] = arrivals.pull_orders(self.environment, quiet=True)
        with arrivals.receiver(self.environment) as url:
            self.answers = arrivals.deliver(url)
        arrivals.drop_files(self.environment, self.environment["DROPS_BUCKET"])
        self.ran["drops"] = arrivals.load_drops(self.environment, quiet=True)
        self.ran["relay"] = arrivals.publish(self.environment, quiet=True)

    def rows(self, query: LiteralString) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.environment["DB_URL"]) as connection:
            return connection.execute(query).fetchall()

    def landed(self) -> dict[str, int]:
        """Rows by stream, as `source.stream`."""
        return dict(self.rows("SELECT source || '.' || stream, count(*) FROM ingestion.records GROUP BY 1"))

    def messages(self) -> list[Published]:
        """What a consumer sees."""
        return published(self.environment["KAFKA_BOOTSTRAP_SERVERS"], self.environment["INGESTION_TOPIC"])


@pytest.fixture(scope="module")
def day(stack: dict[str, str]) -> Iterator[Day]:
    """A day that has happened, on servers' corners of its own."""
    name = secrets.token_hex(6)
    with fresh_database(stack["DB_URL"]) as db_url:
        own = {"DB_URL": db_url, "DROPS_BUCKET": f"drops-{name}", "INGESTION_TOPIC": f"ingested.events.{name}"}
        day = Day({**arrivals.environment_of(stack), **own})
        day.happen()
        yield day


def test_every_command_ends_well(day: Day) -> None:
    """Pulling, ingesting files and publishing all end with exit code 0."""
    codes = {name: ran.returncode for name, ran in day.ran.items()}
    expect(not any(codes.values()), expected="exit code 0 from each command", came=codes)


def test_500_orders_land_from_5_pages(day: Day) -> None:
    """The 500 orders land from 5 pages, through throttling, failures and resets."""
    landed = day.landed().get("shop.orders", 0)
    expect(landed == ORDERS, expected=f"{ORDERS} rows of shop.orders", came=landed, look_at="module 01, lesson 18")
    said, wanted = day.ran["orders"].stdout, f"{ORDERS} records ingested across 5 paginated pages"
    expect(wanted in said, expected=f"the command to say {wanted!r}", came=said)


def test_1500_deliveries_are_1425_events(day: Day) -> None:
    """1,500 deliveries are all acknowledged; 1,425 events are kept and 75 called duplicates."""
    wanted = {"accepted": EVENTS, "duplicate": DUPLICATES}
    expect(
        dict(day.answers) == wanted, expected=f"answers {wanted}", came=dict(day.answers), look_at="module 02, lesson 6"
    )
    landed = {source: day.landed().get(f"{source}.events", 0) for source in PROVIDERS}
    expect(landed == PROVIDERS, expected=f"events kept by provider: {PROVIDERS}", came=landed)


def test_800_shipments_land_from_files(day: Day) -> None:
    """The 800 shipments of nine files land, whatever their format."""
    landed = day.landed().get("drops.shipments", 0)
    expect(
        landed == SHIPMENTS,
        expected=f"{SHIPMENTS} rows of drops.shipments",
        came=landed,
        look_at="module 02, lesson 18",
    )


def test_nothing_is_parked(day: Day) -> None:
    """No row of a good day is set aside."""
    parked = day.rows("SELECT source, reason FROM ingestion.dead_letters LIMIT 3")
    expect(not parked, expected="no dead letters", came=parked)


def test_each_row_is_in_kafka_exactly_once(day: Day) -> None:
    """Each row that landed is one message in Kafka, under its own key, and the outbox is empty."""
    messages = day.messages()
    keys = Counter(message.key for message in messages)
    wanted = {
        f"{source}.{stream}/{key}"
        for source, stream, key in day.rows("SELECT source, stream, key FROM ingestion.records")
    }
    missing, doubled = wanted - set(keys), [key for key, times in keys.items() if times > 1]
    expect(
        not missing,
        expected="a message for every row",
        came=f"{len(missing)} missing, such as {min(missing, default='')}",
    )
    expect(
        not doubled, expected="one message a row", came=f"{len(doubled)} doubled, such as {min(doubled, default='')}"
    )
    expect(set(keys) == wanted, expected="no message without a row", came=sorted(set(keys) - wanted)[:3])
    ids = {message.headers.get("event_id") for message in messages}
    expect(
        len(ids) == len(messages),
        expected="an event_id of its own on each message",
        came=f"{len(ids)} for {len(messages)}",
    )
    waiting = day.rows("SELECT count(*) FROM ingestion.outbox")[0][0]
    expect(waiting == 0, expected="an empty outbox", came=f"{waiting} rows", look_at="module 02, lesson 12")


def test_the_same_day_again_lands_and_publishes_nothing(day: Day) -> None:
    """When everything arrives a second time, no row and no message is added."""
    landed, messages = day.landed(), len(day.messages())
    day.happen()
    expect(day.landed() == landed, expected="the same rows as before", came=day.landed())
    expect(dict(day.answers) == {"duplicate": DELIVERIES}, expected=f"{DELIVERIES} duplicates", came=dict(day.answers))
    again = len(day.messages())
    expect(again == messages, expected=f"{messages} messages, as before", came=again)
