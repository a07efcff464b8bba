"""Which servers there are, in the order they are started: the slowest to become ready first."""

from __future__ import annotations

from workbook.stack.hosted import S3, KafkaMock, MockApi
from workbook.stack.kafka_broker import KafkaBroker
from workbook.stack.postgres import Postgres
from workbook.stack.redis import Redis
from workbook.stack.server import Server

SERVERS: dict[str, type[Server]] = {kind.name: kind for kind in (MockApi, KafkaMock, KafkaBroker, Redis, Postgres, S3)}
