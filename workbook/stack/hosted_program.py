"""One hosted server: `python -m workbook.stack.hosted_program NAME --report FD [--listener FD]`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
from collections.abc import Callable

Report = Callable[[dict[str, str]], None]


def serve_mock_api(listener: socket.socket, report: Report) -> None:
    """Serve the mock providers on *listener*."""
    import uvicorn

    from workbook.providers.webhook_sender import SECRETS

    class ReportingServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            report({"WEBHOOK_SECRETS": json.dumps(SECRETS, separators=(",", ":"))})

    config = uvicorn.Config(
        "workbook.providers.app:create_app",
        factory=True,
        log_level="warning",
        access_log=False,
        date_header=False,  # the provider dates its answers itself
        server_header=False,
        lifespan="off",
        timeout_keep_alive=60,
    )
    ReportingServer(config).run(sockets=[listener])


def serve_s3(listener: socket.socket, report: Report) -> None:
    """Serve moto's S3 on *listener*, a thread per connection."""
    import logging

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    host, port = listener.getsockname()
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server(host, port, application, threaded=True, fd=listener.fileno())
    report({})
    server.serve_forever(poll_interval=3600)


def serve_kafka_mock(report: Report) -> None:
    """Keep a client with a mock cluster alive: the cluster lives in it."""
    from confluent_kafka import Producer

    holder = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "replaced-by-the-mock", "log_level": 4})
    brokers = holder.list_topics(timeout=30).brokers.values()
    report({"KAFKA_BOOTSTRAP_SERVERS": ",".join(f"{broker.host}:{broker.port}" for broker in brokers)})
    while True:
        signal.pause()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=("mock_api", "s3", "kafka_mock"))
    parser.add_argument("--report", type=int, required=True)
    parser.add_argument("--listener", type=int)
    arguments = parser.parse_args()

    def report(variables: dict[str, str]) -> None:
        os.write(arguments.report, json.dumps(variables).encode() + b"\n")
        os.close(arguments.report)

    if arguments.name == "kafka_mock":
        serve_kafka_mock(report)
    listener = socket.socket(fileno=arguments.listener)
    (serve_mock_api if arguments.name == "mock_api" else serve_s3)(listener, report)


if __name__ == "__main__":
    main()
