# Made from solutions/m02_push/03_replay_window.ipynb: edit it there.
"""One verifier for every provider: bytes in, verified or refused out, and never an exception."""

from collections.abc import Iterable
from typing import Self

from ingestion.errors import ConfigurationError
from ingestion.resilience.retry_after import Now, utc_now
from ingestion.webhooks.providers import Headers, Refused, Verified, read_claim, scheme_of
from ingestion.webhooks.replay_window import TOLERANCE_S, refusal_at
from ingestion.webhooks.signatures import Secret

__all__ = ["Verifier"]


class Verifier:
    """Says whether a request comes from one provider, by its secrets. A few microseconds a request."""

    def __init__(self, provider: str, secrets: Iterable[Secret], *, tolerance_s: float, clock: Now) -> None:
        self._provider = provider
        self._scheme = scheme_of(provider)
        self._secrets = tuple(secrets)
        self._tolerance_s = tolerance_s
        self._clock = clock

    @classmethod
    def of(
        cls, provider: str, secrets: Iterable[Secret], *, tolerance_s: float = TOLERANCE_S, clock: Now = utc_now
    ) -> Self:
        """Make the verifier of *provider*.

        Raises:
            ConfigurationError: no such scheme, or no secrets.
        """
        verifier = cls(provider, secrets, tolerance_s=tolerance_s, clock=clock)
        if not verifier._secrets:
            raise ConfigurationError(f"no secret for {provider}: every request would be refused")
        return verifier

    def verify(self, headers: Headers, body: bytes) -> Verified | Refused:
        """Say who sent *body*, or why nobody can tell. Never raises, whatever bytes come.

        Args:
            headers: As ASGI gives them, names in lower case.
            body: The bytes as they came, before anything has parsed them.
        """
        claim = read_claim(self._scheme, headers)
        if isinstance(claim, Refused):
            return claim
        now = self._clock()
        refused = refusal_at(now, self._scheme, self._secrets, claim, body, tolerance_s=self._tolerance_s)
        return refused or Verified(self._provider, now, claim.id.decode() or None, claim.type.decode() or None)
