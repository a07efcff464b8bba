"""`docker-compose.yml`: the same services as the embedded stack, at the addresses its header promises."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from workbook.providers.webhook_sender import SECRETS
from workbook.stack.environment import NAMES
from workbook.stack.kafka_broker import KAFKA_VERSION
from workbook.stack.layout import CODE_ROOT

SERVICE_OF = {
    "DB_URL": "postgres",
    "REDIS_URL": "redis",
    "MOCK_API_URL": "mock-api",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka",
    "SCHEMA_REGISTRY_URL": "schema-registry",
    "AWS_ENDPOINT_URL": "s3",
}
TEXT = (CODE_ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]


def documented() -> dict[str, str]:
    lines = re.findall(r"^#\s+export (.+)$", TEXT, re.MULTILINE)
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


def test_the_header_names_every_variable_of_the_stack() -> None:
    assert set(NAMES) | {"SCHEMA_REGISTRY_URL"} == set(documented())


def test_the_secrets_in_the_header_are_those_that_the_webhooks_are_signed_with() -> None:
    assert json.loads(documented()["WEBHOOK_SECRETS"]) == SECRETS


@pytest.mark.parametrize(("variable", "service"), SERVICE_OF.items())
def test_each_address_is_the_one_its_service_publishes_on_loopback(variable: str, service: str) -> None:
    url = documented()[variable]
    address = urlsplit(url if "://" in url else f"kafka://{url}")
    published = [port.rsplit(":", 1)[0] for port in SERVICES[service]["ports"]]
    assert f"{address.hostname}:{address.port}" in published


def test_every_service_is_covered_has_a_health_check_and_a_pinned_version() -> None:
    assert set(SERVICES) == set(SERVICE_OF.values())
    for name, service in SERVICES.items():
        assert "healthcheck" in service, name
        image = service.get("image", "built:here")
        assert ":" in image, name
        assert not image.endswith(":latest"), name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name


def test_no_two_services_publish_one_port() -> None:
    ports = [port.split(":")[1] for service in SERVICES.values() for port in service["ports"]]
    assert len(ports) == len(set(ports))


def test_depended_on_services_exist_in_the_same_profile() -> None:
    for service in SERVICES.values():
        for other in service.get("depends_on", {}):
            assert set(SERVICES[other].get("profiles", [])) <= set(service.get("profiles", []))


def test_versions_and_credentials_agree_with_the_embedded_stack() -> None:
    values = documented()
    s3 = SERVICES["s3"]["environment"]
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert SERVICES["kafka"]["image"].endswith(KAFKA_VERSION)
    assert {name: s3[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")} == {
        name: values[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }


def test_the_image_of_the_mock_api_copies_what_there_is_and_serves_the_published_port() -> None:
    dockerfile = (CODE_ROOT / SERVICES["mock-api"]["build"]["dockerfile"]).read_text(encoding="utf-8")
    sources = [line.split()[1] for line in dockerfile.splitlines() if line.startswith("COPY ")]
    assert all((CODE_ROOT / source).exists() for source in sources), sources
    assert f"EXPOSE {urlsplit(documented()['MOCK_API_URL']).port}" in dockerfile
