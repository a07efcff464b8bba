"""Which requests are the same request."""

import hashlib
import json
from typing import Any

import pytest

from ingestion.errors import ContractViolationError
from ingestion.http.fingerprint import SECRET_PARAMS, fingerprint, storable_url, strict_json

URL = "https://api.example.com/v1/orders"


def get(query: str = "", **options: Any) -> str:
    return fingerprint("GET", URL + query, **options)


def post(body: str | bytes, **options: Any) -> str:
    return fingerprint("POST", URL, body.encode() if isinstance(body, str) else body, **options)


def field(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def test_the_form_is_what_it_is_documented_to_be() -> None:
    """F6: an oracle spelled out byte by byte, so that no refactoring changes what was stored."""
    expected = field(
        b"POST",
        b"https://api.example.com:8443",
        b"/v1/Orders~/%2F",
        field(b"a=2", b"a=1", b"b", b"c="),
        field(b"accept", b"application/json", b"content-type", b"application/json"),
        b"json",
        '{"é":[1,2.5,null],"ö":18446744073709551616}'.encode(),
        field(b"tenant", b"acme"),
    )
    given = fingerprint(
        "post",
        "HTTPS://user:pass@API.example.com:8443/v1/Orders%7e/%2f?c=&a=2&b&a=1&api_key=hush&nonce=7#part",
        '{ "ö": 18446744073709551616, "\\u00e9": [1, 2.5, null] }'.encode(),
        headers={
            "Content-Type": "application/json",
            "ACCEPT": " application/json ",
            "Authorization": "Bearer hush",
        },
        tenant="acme",
    )
    assert given == "v1:" + hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (get(), "v1:12cd63ea819e1c540e9e155d18ab206cb2a10171ed5c3487dc9dc5488125038e"),
        (get("?b=2&a=1"), "v1:9c284a8252e259ccf7118a4b27a8f8e4e2d4b3d0dba03ecbda486886e7ceb50f"),
        (get(tenant="acme"), "v1:4c65a45c7f7314028d1c4b5fd7011d3b4b9eec1dcd7ca1a26d01e2e0260350c9"),
        (get("?api_key=k"), "v1:2a8e4141998f50ea1706fed248daa06fca6d0e61bc048392f4e85153ffb3e3b6"),
        (
            post('{"b":[1,"1"],"a":null}'),
            "v1:4c3333fc0e2f157ca961aedc524d2d689eb40828491279ffb99e5c0f26098015",
        ),
        (post("a=1&b=2"), "v1:0dae8ccb99dd9f07ef7ad45adfa1f7b6e44dac6fe62f297566a0d45407bada81"),
        (
            post("{}", headers={"content-type": "application/json"}),
            "v1:45d250f5b5caa8a431202cb8b590be70ac331f4ff2aa937fda75496776c3ab6e",
        ),
    ],
)
def test_golden(given: str, expected: str) -> None:
    """F6: what is stored depends on these. A new form needs a new prefix, never a new value here."""
    assert given == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("?a=1&b=2", "?b=2&a=1"),
        ("?a=1&b=2&a=3", "?b=2&a=1&a=3"),
        ("?q=%7euser", "?q=~user"),
        ("?q=%2f", "?q=%2F"),
        ("?q=é", "?q=%C3%A9"),
        ("?a=1#top", "?a=1"),
        ("?a=1&&b=2&", "?a=1&b=2"),
        ("?", ""),
        ("?a=1&nonce=1", "?nonce=2&a=1"),
        ("?a=1&signature=x", "?a=1"),
    ],
)
def test_one_query_in_two_spellings(one: str, other: str) -> None:
    """F1, F2, F7."""
    assert get(one) == get(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("?a=1&a=2", "?a=2&a=1"),
        ("?a=", ""),
        ("?a=", "?a=1"),
        ("?a=&b=1", "?b=1"),
        ("?a=1", "?a=1&a=1"),
        ("?a=1", "?A=1"),
        ("?a=b&c=d", "?a=b%26c=d"),
        ("?q=a%2Bb", "?q=a+b"),
        ("?ab=c", "?a=bc"),
        ("?ts=1", "?ts=2"),
        ("?cursor=a", "?cursor=A"),
        ("?page_token=1", "?page_token=2"),
    ],
)
def test_two_queries(one: str, other: str) -> None:
    """F1, F5."""
    assert get(one) != get(other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://API.Example.com/a", "https://api.example.com/a", True),
        ("HTTPS://api.example.com/a", "https://api.example.com/a", True),
        ("https://api.example.com:443/a", "https://api.example.com/a", True),
        ("http://api.example.com:80/a", "http://api.example.com/a", True),
        ("https://api.example.com", "https://api.example.com/", True),
        ("https://api.example.com/%7ea", "https://api.example.com/~a", True),
        ("https://bücher.example/", "https://xn--bcher-kva.example/", True),
        ("http://[::1]:80/a", "http://[::1]/a", True),
        ("https://api.example.com:80/a", "https://api.example.com/a", False),
        ("http://api.example.com/a", "https://api.example.com/a", False),
        ("https://api.example.com/A", "https://api.example.com/a", False),
        ("https://api.example.com/a/", "https://api.example.com/a", False),
        ("https://api.example.com/a%2Fb", "https://api.example.com/a/b", False),
        ("https://a.com/b?c", "https://a.com/b/c", False),
        ("https://a.com/b?c", "https://a.com/b%3Fc", False),
    ],
)
def test_urls(one: str, other: str, same: bool) -> None:
    """F2, F5."""
    assert (fingerprint("GET", one) == fingerprint("GET", other)) is same


def test_method_and_body_and_address_do_not_run_into_each_other() -> None:
    """F5: ("ab", "c") is not ("a", "bc")."""
    seen = {
        fingerprint("GET", "https://a.com/x", b"y"),
        fingerprint("GET", "https://a.com/xy", b""),
        fingerprint("GETX", "https://a.com/x", b"y"),
        fingerprint("GET", "https://a.com/x?y"),
        fingerprint("GET", "https://a.com/x", headers={"accept": "y"}),
        fingerprint("GET", "https://a.com/x", tenant="y"),
        fingerprint("GET", "https://a.com/x", headers={"accept": "y", "prefer": ""}),
        fingerprint("GET", "https://a.com/x", headers={"accept": "", "prefer": "y"}),
        fingerprint("GET", "https://tenant@a.com/x?api_key=y"),
    }
    assert len(seen) == 9
    assert fingerprint("get", URL) == fingerprint("GET", URL)


class TestHeaders:
    """F3."""

    def test_noise_does_not_count(self) -> None:
        noise = {
            "Authorization": "Bearer x",
            "Date": "now",
            "traceparent": "00-1",
            "User-Agent": "y",
            "Cookie": "z",
        }
        assert get(headers=noise) == get(headers={}) == get()

    def test_what_changes_the_answer_does(self) -> None:
        assert get(headers={"Accept": "text/csv"}) != get(headers={"accept": "application/json"})
        assert get(headers={"Accept": "text/csv"}) == get(headers={"accept": " text/csv "})

    def test_a_providers_own_can_be_added(self) -> None:
        names = ["Accept", "Stripe-Account"]
        one, other = ({"stripe-account": name} for name in ("one", "other"))
        assert get(headers=one) == get(headers=other)
        assert get(headers=one, relevant_headers=names) != get(headers=other, relevant_headers=names)

    @pytest.mark.parametrize("name", ["Authorization", "cookie", "TraceParent", "Date", "Idempotency-Key"])
    def test_some_can_never_be(self, name: str) -> None:
        with pytest.raises(ValueError, match=name.lower()):
            get(relevant_headers=[name])


class TestWhoAsks:
    """F3, F8."""

    def test_two_tenants_differ(self) -> None:
        assert get(tenant="a") != get(tenant="b") != get()

    @pytest.mark.parametrize("name", [*sorted(SECRET_PARAMS), "API_Key", "api%5Fkey"])
    def test_a_tenants_key_may_be_rotated(self, name: str) -> None:
        assert get(f"?{name}=old", tenant="a") == get(f"?a&{name}=new".replace("a&", ""), tenant="a") == get(tenant="a")

    def test_without_a_tenant_two_keys_are_two_accounts(self) -> None:
        assert get("?api_key=one") != get("?api_key=two")
        assert fingerprint("GET", "https://one:x@a.com/") != fingerprint("GET", "https://two:x@a.com/")

    def test_a_stored_url_holds_no_secret(self) -> None:
        secrets = (
            "api_key",
            "access_token",
            "X-Amz-Signature",
            "sig",
            "client_secret",
            "Password",
            "code",
            "auth%5Ftoken",
        )
        query = "&".join(f"{name}=hush" for name in secrets)
        assert "hush" not in storable_url(f"https://hush:hush@a.com/x?{query}&since=2026#hush")
        assert storable_url("https://u:p@A.com:443/x?b=1&api_key=k&a=2#f") == "https://a.com/x?a=2&api_key=***&b=1"
        assert storable_url("https://a.com") == "https://a.com/"


class TestJsonBodies:
    """F4."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ('{"a":1,"b":2}', '{ "b" : 2,\n"a" : 1 }'),
            ('{"a":"\\u00e9"}', '{"a":"é"}'),
            ('{"a":"\\/"}', '{"a":"/"}'),
            ('{"a":1.50}', '{"a":1.5}'),
            ('[{"x":{"b":1,"a":2}}]', '[{"x":{"a":2,"b":1}}]'),
        ],
    )
    def test_one_value_in_two_spellings(self, one: str, other: str) -> None:
        assert post(one) == post(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("[1,2]", "[2,1]"),
            ('{"a":1}', '{"a":"1"}'),
            ('{"a":1}', '{"a":1.0}'),
            ('{"a":true}', '{"a":1}'),
            ('{"a":null}', "{}"),
            ('{"a":9007199254740993}', '{"a":9007199254740992}'),
            ('{"a":123456789012345678901234567890}', '{"a":123456789012345678901234567891}'),
            ('{"a":"é"}', '{"a":"e\u0301"}'),
            ('{"a":"x"}', '{"A":"x"}'),
            ("{}", "[]"),
            ("{}", ""),
        ],
    )
    def test_two_values(self, one: str, other: str) -> None:
        assert post(one) != post(other)

    @pytest.mark.parametrize(
        "body",
        [
            '{"a":1,"a":2}',
            '{"x":[{"a":1,"a":1}]}',
            '{"a":NaN}',
            "[Infinity]",
            "[-Infinity]",
            "[1e400]",
            '["\\ud800"]',
            '{"a":1,"\\u0061":2}',
            "[" * 100000 + "]" * 100000,
            '{"a":' + "9" * 5000 + "}",
        ],
    )
    def test_what_readers_read_differently_is_refused(self, body: str) -> None:
        with pytest.raises(ContractViolationError):
            post(body, headers={"content-type": "application/json"})

    @pytest.mark.parametrize("body", ['{"a":1,"a":2}', '{"a":NaN}', "[1e400]"])
    def test_also_where_no_type_is_declared(self, body: str) -> None:
        with pytest.raises(ContractViolationError):
            post(body)

    @pytest.mark.parametrize("body", [b"{", b"[section]\nkey=1", b"{}{}", b'{"a":"\xff"}', b"{'a':1}"])
    def test_declared_json_has_to_be_json_and_undeclared_is_bytes(self, body: bytes) -> None:
        with pytest.raises(ContractViolationError, match="no JSON"):
            post(body, headers={"content-type": "application/json; charset=utf-8"})
        assert post(body) != post(body + b" ")

    def test_other_types_count_by_their_bytes(self) -> None:
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert post('{"a":1}', headers=form) != post('{ "a":1}', headers=form)
        assert post('{"a":1}', headers={"content-type": "application/vnd.api+json"}) == post(
            '{ "a":1}', headers={"content-type": "application/vnd.api+json"}
        )

    def test_canonical_text_sent_as_bytes_is_not_the_same_as_json(self) -> None:
        assert post('{"a":1}', headers={"content-type": "text/plain"}, relevant_headers=()) != post('{"a":1}')


@pytest.mark.parametrize("url", ["", "/orders", "api.example.com/x", "//a.com/x", "https://", "https://a.com:x/"])
def test_a_relative_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"absolute|[Pp]ort"):
        fingerprint("GET", url)


def test_a_byte_of_the_body_changes_it() -> None:
    assert len({post(bytes([byte])) for byte in range(256)}) == 256


def test_strict_json_gives_what_json_loads_gives() -> None:
    text = '{"a": [1, 2.5, -0, 1e-7, "x", null, true], "b": {"c": 123456789012345678901234567890}}'
    assert strict_json(text.encode()) == json.loads(text)
