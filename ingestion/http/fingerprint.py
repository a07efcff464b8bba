# Made from solutions/m01_rest/14_fingerprint.ipynb: edit it there.
"""When two requests are the same request: one canonical form, one hash.

    v1:sha256( method, origin, path, query, headers, body, who asks )

The rule in doubt: two requests called different that are the same cost one fetch more; two called the same that are
different lose data. So only differences that no server can see, or may attach a meaning to, are smoothed out.
"""

import hashlib
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Never
from urllib.parse import SplitResult, quote, urlsplit

from ingestion.errors import ContractViolationError
from ingestion.record import canonical_json

__all__ = [
    "RELEVANT_HEADERS",
    "SECRET_PARAMS",
    "VOLATILE_PARAMS",
    "canonical_url",
    "escaped",
    "fingerprint",
    "pack",
    "param_name",
    "storable_url",
    "strict_json",
    "who_asks",
]


# Headers that change what is answered. Add a provider's own, such as its API version.
RELEVANT_HEADERS = frozenset({"accept", "accept-language", "content-type", "prefer"})
# Query parameters that differ in each sending of one request. `ts` and the like may be a filter: add them yourself.
VOLATILE_PARAMS = frozenset({"nonce", "signature", "sig", "oauth_nonce", "oauth_signature", "oauth_timestamp"})
# Query parameters, in lower case, that say who asks and not what for.
SECRET_PARAMS = frozenset(
    {"access_token", "api_key", "apikey", "api-key", "auth_token", "client_secret", "password", "secret"}
)

_NEVER_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "date", "traceparent", "tracestate", "idempotency-key"}
)
_LOOKS_SECRET = re.compile("auth|code|credential|key|nonce|passw|secret|session|sig|token", re.IGNORECASE)
_DEFAULT_PORT = {"http": 80, "https": 443}
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KEEP = "%:/?#[]@!$&'()*+,;="


def escaped(text: str) -> str:
    """Spell percent-encoding in one way: none for what needs none (`%7e` is `~`), upper case for the rest (`%2F`)."""
    return _ESCAPE.sub(_one_spelling, quote(text, safe=_KEEP))


def _one_spelling(escape: re.Match[str]) -> str:
    byte = int(escape[1], 16)
    return chr(byte) if byte in _UNRESERVED else escape[0].upper()


def param_name(param: str) -> str:
    """Give the name of a query parameter: what stands before the first `=`."""
    return param.partition("=")[0]


def _origin(split: SplitResult) -> str:
    """Give scheme, host and port in one spelling: lower case, an international host in ASCII, no default port."""
    if not split.scheme or not split.hostname:
        raise ValueError("want an absolute URL, with scheme and host")
    host = split.hostname if split.hostname.isascii() else split.hostname.encode("idna").decode()
    host = f"[{host}]" if ":" in host else host
    port = "" if split.port in (None, _DEFAULT_PORT.get(split.scheme)) else f":{split.port}"
    return f"{split.scheme}://{host}{port}"


def canonical_url(url: str) -> tuple[str, str, list[str]]:
    """Split *url* into its origin, its path and its query parameters, each in its one spelling.

    No user info and no fragment. The path as it is, `/` for none: its case, its escaped slashes and a slash at its end
    count. The parameters sorted by name, those of one name in their order, each as it was written (`a=`, `a` and `a=1`
    are three things), empty ones left out.

    Raises:
        ValueError: *url* is not absolute.
    """
    split = urlsplit(url)
    params = [param for param in escaped(split.query).split("&") if param]
    return _origin(split), escaped(split.path) or "/", sorted(params, key=param_name)


def pack(parts: Iterable[bytes]) -> bytes:
    """Join *parts* so that no two different lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def strict_json(text: bytes) -> Any:
    """Decode JSON that every reader reads alike.

    Integers of any size stay exact. Fractions become doubles, as nearly every reader has them.

    Raises:
        ContractViolationError: one key twice in one object (readers differ in which wins), NaN, infinity or a number
            beyond the range of a double, not UTF-8, too deeply nested, or no JSON.
    """
    try:
        return _decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise ContractViolationError(f"no JSON: {type(error).__name__}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ContractViolationError("ambiguous JSON: an object has one key twice")
    return unique


def _no_constant(name: str) -> Never:
    raise ContractViolationError(f"ambiguous JSON: {name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ContractViolationError("ambiguous JSON: a number beyond the range of a double")
    return number


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant).decode


def _canonical_body(body: bytes, content_type: str | None) -> tuple[bytes, bytes]:
    if body and (_is_json(content_type) if content_type else body.lstrip()[:1] in (b"{", b"[")):
        try:
            return b"json", canonical_json(strict_json(body))
        except ContractViolationError as error:
            if content_type or not isinstance(error.__cause__, ValueError):
                raise  # declared as JSON, or JSON that readers read differently
    return b"bytes", body


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    """Give the parts that tell the callers of one request apart: the tenant, or else the credentials in the URL.

    A tenant's credentials don't count, so that a rotated key changes nothing. Without a tenant they are all there is
    to tell two accounts apart. The two kinds never give the same parts.

    Args:
        url: Its user info is a credential.
        params: The canonical query parameters.
        tenant: Whose data is asked for; empty if nobody says.
        secret_params: Names, in lower case, of parameters that are credentials; in *params* any case counts.
    """
    if tenant:
        return ["tenant", tenant]
    secrets = [param for param in params if param_name(param).lower() in secret_params]
    return ["credentials", urlsplit(url).netloc.rpartition("@")[0], *secrets]


def _relevant(lowered: Mapping[str, str], names: Collection[str]) -> list[bytes]:
    wanted = {name.lower() for name in names}
    if refused := wanted & _NEVER_HEADERS:
        raise ValueError(f"{', '.join(sorted(refused))}: says who asks, or changes in each sending; use `tenant`")
    return [part.encode() for name in sorted(wanted & lowered.keys()) for part in (name, lowered[name])]


def fingerprint(
    method: str,
    url: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    tenant: str = "",
    relevant_headers: Collection[str] = RELEVANT_HEADERS,
    volatile_params: Collection[str] = VOLATILE_PARAMS,
    secret_params: Collection[str] = SECRET_PARAMS,
) -> str:
    """Give the identity of a request: `v1:` and 64 hex digits, equal for requests that ask the same.

    Of the URL, the case of scheme and host, the default port, the fragment, the spelling of escapes and the order of
    different query parameters do not count, nor do *volatile_params*. The path's case does, and so do the order of
    parameters of one name and those without a value. Of the headers only *relevant_headers* count. A JSON body
    counts by value, any other by its bytes: it is JSON when the content type says so or, where there is none, when
    it is an object or an array.

    Who asks is *tenant*. Secrets in the URL then do not count, so a rotated key changes nothing; without a tenant
    they stand in for it, so that two accounts are never taken for one. The result gives none of them away.

    The form never changes under one prefix: what is stored today is found again tomorrow.

    Raises:
        ContractViolationError: a JSON body with a doubled key, NaN or anything else that two readers may read
            differently; or one declared as JSON that is none.
        ValueError: *url* is not absolute, or a header was asked for that says who asks, or changes in each sending.

    Source:
        RFC 3986 section 6.2.2; RFC 8785 for the idea.
    """
    origin, path, params = canonical_url(url)
    lowered = {name.lower(): value.strip() for name, value in (headers or {}).items()}
    asked = [p for p in params if param_name(p) not in volatile_params and param_name(p).lower() not in secret_params]
    what = pack(
        [
            method.upper().encode(),
            origin.encode(),
            path.encode(),
            pack(param.encode() for param in asked),
            pack(_relevant(lowered, relevant_headers)),
            *_canonical_body(body, lowered.get("content-type")),
            pack(part.encode() for part in who_asks(url, params, tenant, secret_params)),
        ]
    )
    return f"v1:{hashlib.sha256(what).hexdigest()}"


def storable_url(url: str) -> str:
    """Give *url* for a log or a table: without user info and fragment, and `***` for values that may be secret.

    The names decide, and rather too often: a `page_token` is hidden as well.

    Raises:
        ValueError: *url* is not absolute.
    """
    origin, path, params = canonical_url(url)
    shown = [f"{param_name(p)}=***" if _LOOKS_SECRET.search(param_name(p)) else p for p in params]
    return f"{origin}{path}{'?' * bool(shown)}{'&'.join(shown)}"
