"""WEBHOOK_SECRETS: what it may say, and that a wrong one is one line that quotes nothing."""

import base64
import json
from datetime import UTC, datetime

import pytest

from ingestion.errors import ConfigurationError
from ingestion.webhooks.keyring import load_secrets
from workbook.providers.webhook_sender import SECRETS

LONG = "correct-horse-battery-staple"


def whsec(size: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(size))).decode()


def test_a_string_a_list_and_dated_secrets() -> None:
    told = {
        "github": LONG,
        "stripe": [LONG, {"secret": LONG + "2", "not_after": "2026-12-01T00:00:00Z"}],
        "standard": {"secret": whsec(24)},
        "slack-eu": [{"secret": LONG, "not_after": None}],
    }
    read = load_secrets(json.dumps(told))
    assert [(secret.key, secret.not_after) for secret in read["github"]] == [(LONG.encode(), None)]
    assert [secret.not_after for secret in read["stripe"]] == [None, datetime(2026, 12, 1, tzinfo=UTC)]
    assert read["standard"][0].key == bytes(range(24))
    assert read["slack-eu"][0].key == LONG.encode()
    assert load_secrets("{}") == {}


def test_the_courses_own_secrets_are_good() -> None:
    assert set(load_secrets(json.dumps(SECRETS))) == set(SECRETS)


def test_padding_may_be_missing() -> None:
    """Some senders show a secret without the equals signs at its end."""
    for size in (24, 25, 26, 64):
        for text in (whsec(size), whsec(size).rstrip("="), whsec(size).removeprefix("whsec_")):
            assert load_secrets(json.dumps({"standard": text}))["standard"][0].key == bytes(range(size))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (f'{{"github": "{LONG}", "github": "{LONG}2"}}', "twice"),
        (f'["{LONG}"]', "not an object"),
        (f'"{LONG}"', "not an object"),
        (f'{{"{LONG}": "github"}}', "without a scheme"),
        (json.dumps({"stripe-": LONG}), "no address"),
        (json.dumps({"stripe-a/b": LONG}), "no address"),
        (json.dumps({'stripe-a"} 1\n': LONG}), "no address"),
        (json.dumps({"stripe-\0": LONG}), "no address"),
        (json.dumps({"stripe-\ud800": LONG}), "no address"),
        (json.dumps({"stripe-" + "a" * 61: LONG}), "no address"),
        (json.dumps({"stripe-" + LONG + "\n": 7}), "no address"),
        (f'{{"github": ["{LONG}", 7]}}', "secret 2 of github"),
        ('{"github": []}', "gives github no secret"),
        ('{"github": null}', "secret 1 of github"),
        ('{"github": "short-secret"}', "has 12 bytes: want 24"),
        (f'{{"github": {{"secrets": "{LONG}"}}}}', "neither a string"),
        (f'{{"github": {{"secret": ["{LONG}"]}}}}', "not a string"),
        (f'{{"github": {{"secret": "{LONG}", "not_after": "soon"}}}}', "no time"),
        (f'{{"github": {{"secret": "{LONG}", "not_after": 1}}}}', "no time"),
        (f'{{"github": {{"secret": "{LONG}", "not_after": "2026-12-01T00:00:00"}}}}', "time zone"),
        (f'{{"github": {{"secret": "{LONG}", "until": "2026-12-01T00:00:00Z"}}}}', "neither a string"),
        (json.dumps({"standard": whsec(23)}), "decodes to 23 bytes"),
        (json.dumps({"standard": whsec(65)}), "decodes to 65 bytes"),
        (json.dumps({"standard": whsec(32)[:-1] + "!"}), "not base64"),
        (json.dumps({"standard": "whsec_ " + whsec(32)[6:]}), "not base64"),
        (json.dumps({"standard": "whsec_Zoë" + whsec(32)[6:]}), "not base64"),
        (json.dumps({"standard": "whsec_\ud800" + whsec(32)[6:]}), "not base64"),
        (json.dumps({"standard": whsec(32).replace("+", "-") + "A"}), "not base64"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_a_wrong_setting_is_one_line_that_quotes_nothing(told: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_secrets(told)
    message = str(raised.value)
    assert message.startswith("WEBHOOK_SECRETS")
    assert said in message
    assert "\n" not in message
    for hidden in (LONG, "short-secret", whsec(32)[6:20], whsec(23)[6:20]):
        assert hidden not in message
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_a_secret_never_shows() -> None:
    [secret] = load_secrets(json.dumps({"github": LONG}))["github"]
    assert LONG not in f"{secret!r} {secret} {[secret]}"
