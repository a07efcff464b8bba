"""The servers that are Python programs: the mock API, S3 (moto) and the mock Kafka cluster (librdkafka).

The supervisor opens the port of the first two and passes the open socket on, so that it can't be lost to
another process, connections wait in it while the server starts, and S3, slow to import, starts only when
somebody connects.
"""

from __future__ import annotations

import json
import os
import signal

from workbook.stack.layout import CODE_ROOT
from workbook.stack.ports import HOST
from workbook.stack.server import Server, python_program

_PROGRAM = "workbook.stack.hosted_program"


class Hosted(Server):
    """Runs `hosted_program.py`, which reports into a pipe, as a line of JSON, once it can be used."""

    stop_signal = signal.SIGKILL  # nothing of theirs outlives them, so nothing is gained by asking kindly
    _report: tuple[int, int] | None = None
    _told: dict[str, str] | None = None

    def prepare(self) -> None:
        """Open the pipe for its report."""
        self._close_report()
        self._told = None
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        self._report = (reading, writing)

    def command(self) -> list[str]:
        """The program, told which descriptors are its pipe and its port."""
        assert self._report is not None
        listener = () if self.listener is None else ("--listener", self.listener.fileno())
        return python_program(_PROGRAM, self.name, "--report", self._report[1], *listener)

    def inherited_descriptors(self) -> tuple[int, ...]:
        """The pipe, and the open port if it has one."""
        assert self._report is not None
        return (self._report[1],) if self.listener is None else (self._report[1], self.listener.fileno())

    def is_ready(self) -> bool:
        """Whether its report has come."""
        if self._told is None and self._report is not None:
            try:
                self._told = json.loads(os.read(self._report[0], 4096))
            except BlockingIOError:
                return False
            self._close_report()
        return self._told is not None

    def variables(self) -> dict[str, str]:
        """What it reported."""
        return self._told or {}

    def _close_report(self) -> None:
        for descriptor in self._report or ():
            os.close(descriptor)
        self._report = None

    def url(self) -> str:
        """The address of the port opened for it."""
        assert self.listener is not None
        return f"http://{HOST}:{self.listener.getsockname()[1]}"


class MockApi(Hosted):
    """The mock providers, `workbook.providers.app:create_app`, under uvicorn."""

    name = "mock_api"

    def absence(self) -> str:
        """Absent where `workbook/providers` is."""
        missing = not (CODE_ROOT / "workbook" / "providers" / "app.py").exists()
        return "workbook/providers is not in this checkout" if missing else ""

    def prepare(self) -> None:
        """Open the pipe for its report."""
        super().prepare()
        self.listener = self.listener or self.ports.listen(self.name)

    def variables(self) -> dict[str, str]:
        """Where it is, and the secrets that its webhooks are signed with."""
        return {"MOCK_API_URL": self.url(), **super().variables()}


class S3(Hosted):
    """moto's S3, in memory. Any key opens it; a well-known one is published so that no real key is used."""

    name = "s3"
    required = False
    sleeps = True

    def variables(self) -> dict[str, str]:
        """What it reported."""
        return {
            "AWS_ENDPOINT_URL": self.url(),
            "AWS_ACCESS_KEY_ID": "workbook",
            "AWS_SECRET_ACCESS_KEY": "workbook-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


class KafkaMock(Hosted):
    """librdkafka's mock cluster: one broker that speaks the real protocol, on a port it chooses itself."""

    name = "kafka_mock"
    required = False
