# Made from solutions/m02_push/02_providers.ipynb: edit it there.
"""The secrets shared with each provider, as an operator sets them."""

import json
import re
from datetime import datetime
from typing import Any

from ingestion.errors import ConfigurationError
from ingestion.webhooks.providers import SCHEMES, scheme_of
from ingestion.webhooks.signatures import Secret

__all__ = ["load_secrets"]


_address = re.compile(r"[a-z]+(-[A-Za-z0-9._-]{1,60})?").fullmatch
_HOW = 'write for example WEBHOOK_SECRETS=\'{"stripe": ["whsec_..."]}\''


def load_secrets(text: str) -> dict[str, tuple[Secret, ...]]:
    """Read the setting WEBHOOK_SECRETS: an object that gives each provider its secrets.

    A secret is a string, or `{"secret": "...", "not_after": "2026-12-01T00:00:00Z"}`; a provider has one or a list of
    them, so that an old and a new one are good together while its sender changes over.

    Raises:
        ConfigurationError: the setting is wrong; one line that says where, and quotes nothing of it.
    """
    try:
        setting = json.loads(text, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError):
        raise ConfigurationError(f"WEBHOOK_SECRETS is not JSON, or names something twice: {_HOW}") from None
    if not isinstance(setting, dict):
        raise ConfigurationError(f"WEBHOOK_SECRETS is not an object: {_HOW}")
    return {provider: _secrets(provider, given) for provider, given in setting.items()}


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)


def _secrets(provider: str, given: Any) -> tuple[Secret, ...]:
    try:
        key_of = scheme_of(provider).key_of
    except ConfigurationError:  # what stands there in place of a name may well be a secret
        raise ConfigurationError(
            f"WEBHOOK_SECRETS names a provider without a scheme: want {', '.join(SCHEMES)}, or one of these and -name"
        ) from None
    if not _address(provider):  # it stands in an address, in a column of each row, and in the metrics
        raise ConfigurationError(
            "WEBHOOK_SECRETS names a provider as no address can: after its scheme and - want 1 to 60 of A-Za-z0-9._-"
        )
    listed = given if isinstance(given, list) else [given]
    secrets = []
    for place, each in enumerate(listed, 1):
        try:
            secrets.append(_secret(each, key_of))
        except ConfigurationError as error:
            raise ConfigurationError(f"WEBHOOK_SECRETS: secret {place} of {provider} {error}") from None
    if not secrets:
        raise ConfigurationError(f"WEBHOOK_SECRETS gives {provider} no secret: {_HOW}")
    return tuple(secrets)


def _secret(given: Any, key_of: Any) -> Secret:
    if isinstance(given, str):
        given = {"secret": given}
    if not isinstance(given, dict) or not {"secret"} <= set(given) <= {"secret", "not_after"}:
        raise ConfigurationError('is neither a string nor {"secret": ..., "not_after": ...}')
    text, until = given["secret"], given.get("not_after")
    if not isinstance(text, str):
        raise ConfigurationError("is not a string")
    if until is None:
        return Secret(key_of(text))
    try:
        not_after = datetime.fromisoformat(until)
    except (TypeError, ValueError):
        raise ConfigurationError("has a not_after that is no time: write 2026-12-01T00:00:00Z") from None
    if not_after.utcoffset() is None:
        raise ConfigurationError("has a not_after without a time zone: write 2026-12-01T00:00:00Z")
    return Secret(key_of(text), not_after)
