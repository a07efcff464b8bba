"""Servers of a test's own: to be killed, or with settings that the shared ones lack."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from workbook.stack.kafka_broker import KAFKA_VERSION, KafkaBroker, fetch
from workbook.stack.layout import Layout
from workbook.stack.ports import PortMemory
from workbook.stack.postgres import Postgres
from workbook.stack.server import Server


def start(server: Server, within_s: float = 90) -> None:
    """Start a server, and wait until it can be used."""
    process, deadline_s = server.spawn(), time.monotonic() + within_s
    while not server.is_ready():
        assert process.poll() is None, f"{server.name} ended: {server.failure()}"
        assert time.monotonic() < deadline_s, f"{server.name} was not ready in {within_s:g} s"
        time.sleep(0.02)


def end(server: Server) -> None:
    """End a server at once, together with what it has started."""
    assert server.process
    server.process.send_signal(server.kill_signal)
    server.process.wait(30)


@contextmanager
def in_a_folder_of_its_own(kind: type[Server]) -> Iterator[Server]:
    """Give a server that is not started yet; end it on leaving, and forget its data."""
    folder = TemporaryDirectory(prefix="server-", ignore_cleanup_errors=True)
    Path(folder.name).chmod(0o755)
    layout = Layout.of(folder.name)
    layout.prepare()
    server = kind(layout, PortMemory(layout))
    try:
        yield server
    finally:
        if server.process and server.process.poll() is None:
            end(server)
        folder.cleanup()


class Broker(KafkaBroker):
    """Apache Kafka, to be killed and started again."""

    def restart(self) -> None:
        """Kill it, and start it again on the same port with what it had."""
        end(self)
        start(self)


@contextmanager
def kafka() -> Iterator[Broker]:
    """Give a running broker."""
    fetch(Layout.of())
    with in_a_folder_of_its_own(Broker) as broker:
        assert isinstance(broker, Broker)
        broker.folder.mkdir()
        jars = f"jars-{KAFKA_VERSION}"
        (broker.folder / jars).symlink_to(Layout.of().home / "kafka" / jars)
        start(broker)
        yield broker


class TellingPostgres(Postgres):
    """A Postgres whose changes can be followed, and whose transactions can be prepared."""

    def command(self) -> list[str]:
        """As the shared one, and these settings."""
        more = ("wal_level=logical", "max_prepared_transactions=4", "fsync=off", "max_connections=40")
        return [*super().command(), *(word for setting in more for word in ("-c", setting))]


@contextmanager
def telling_postgres() -> Iterator[str]:
    """Give the URL of a database on a Postgres of its own, with logical decoding and two-phase commit."""
    with in_a_folder_of_its_own(TellingPostgres) as server:
        start(server)
        yield server.variables()["DB_URL"]


__all__ = ["Broker", "kafka", "telling_postgres"]
