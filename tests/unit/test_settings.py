"""Settings as operators get them wrong: each is one line that names the variable, and no value is ever shown."""

from pathlib import Path

import pytest

from ingestion.errors import ConfigurationError
from ingestion.pipeline import rest_client
from ingestion.settings import Settings

GOOD = {"DB_URL": "postgresql://u:s3cret@db/x", "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MOCK_API_URL", "REST_API_URL", "INGESTION_RATE_PER_S", "INGESTION_BURST", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", ["REST_API_URL", "MOCK_API_URL", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@api.example.com",
        "https://s3cret@api.example.com",
        "http://api.example.com/v1?api_key=s3cret",
        "http://api.example.com/#s3cret",
        "http://api.{s3cret}.com",
    ],
)
def test_a_plain_url_has_no_room_for_a_secret(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """These URLs are shown in every error."""
    monkeypatch.setenv(name, url)
    with pytest.raises(
        ConfigurationError, match=f"^{name} is more than a scheme, a host, a port and a path: "
    ) as caught:
        Settings.load()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost:8090/s/1a", "https://[::1]:8443/v1", "http://bücher.example/"])
def test_a_plain_url_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_API_URL", url)
    assert Settings.load().rest_api_url == url.rstrip("/")


@pytest.mark.parametrize("name", ["PROCESSES", "BURST", "page_size", "KAFKA_TOPIC", "DB_URL_", "WEBHOOK_BODY"])
def test_a_variable_that_is_not_ours_does_not_count(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "7 of somebody else's")
    assert Settings.load().processes == 4


def test_an_env_file_in_another_encoding_is_a_wrong_setting() -> None:
    Path(".env").write_text("INGESTION_BURST=3\n", encoding="utf-16")
    with pytest.raises(ConfigurationError, match=r"^\.env is not UTF-8"):
        Settings.load()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"INGESTION_RATE_PER_S": "10001"}, "INGESTION_RATE_PER_S"),
        ({"INGESTION_RATE_PER_S": "1e-9"}, "INGESTION_RATE_PER_S"),
        ({"INGESTION_RATE_PER_S": "0.001", "INGESTION_BURST": "100000"}, "INGESTION_RATE_PER_S"),
        ({"REDIS_URL": "redis://:s3cret@127.0.0.1:1/0?socket_timeout=soon"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://:s3cret@127.0.0.1:1/0?colour=blue"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://:s3cret@127.0.0.1:1?db=first"}, "REDIS_URL"),
        ({"REST_API_URL": "http://xn--"}, "base URL"),
    ],
)
async def test_what_the_client_cannot_be_built_from_is_a_wrong_setting(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=said) as caught:
        async with rest_client(Settings.load()):
            pass
    assert "s3cret" not in str(caught.value)
