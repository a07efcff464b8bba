"""Lesson m01.14: one fingerprint for all spellings of a request, and never one for two requests."""

import itertools
import json
import random
import re
import string

import pytest

from ingestion.http.fingerprint import canonical_url, fingerprint, pack, who_asks
from workbook.grading import expect

API = "https://api.example.com"
ORDERS = f"{API}/orders"


def _word(rng: random.Random, length: int = 8) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=length))


def _expect_alike(one: object, other: object, what: str, look_at: str, hint: int) -> None:
    expect(one == other, expected=f"one answer for {what}", came=f"{one} and {other}", look_at=look_at, hint=hint)


def _expect_different(one: object, other: object, what: str, look_at: str, hint: int) -> None:
    expect(one != other, expected=f"two answers for {what}", came=f"{one} for both", look_at=look_at, hint=hint)


# ex1


def test_ex1_the_order_of_different_parameters_does_not_count(rng: random.Random) -> None:
    """However the parameters of different names are mixed, the answer is the same."""
    lists = [[f"p{n}={_word(rng)}" for _ in range(rng.randrange(1, 4))] for n in range(5)]
    in_order = [param for params in lists for param in params]
    places = [n for n, params in enumerate(lists) for _ in params]
    rng.shuffle(places)
    queues = [iter(params) for params in lists]
    mixed = [next(queues[place]) for place in places]
    one, other = canonical_url(f"{ORDERS}?{'&'.join(in_order)}"), canonical_url(f"{ORDERS}?{'&'.join(mixed)}")
    _expect_alike(one, other, "parameters in another order", "what the parameters are sorted by", 2)


def test_ex1_the_order_within_one_name_counts(rng: random.Random) -> None:
    """Parameters of one name keep their order."""
    values = [f"{_word(rng)}{n}" for n in range(4)]
    rng.shuffle(values)
    for given in (values, values[::-1]):
        query = "&".join(f"sort={value}" for value in given)
        _, _, came = canonical_url(f"{ORDERS}?z=1&{query}&a=1")
        wanted = ["a=1", *(f"sort={value}" for value in given), "z=1"]
        expect(
            came == wanted,
            expected=f"{wanted} for ?z=1&{query}&a=1",
            came=came,
            look_at="a server that sorts by the first column named, then by the second",
            hint=2,
        )


@pytest.mark.parametrize(
    "given",
    [
        ["a=", "b=1"],
        ["a", "b=1"],
        ["a=1", "a=1"],
        ["A=1", "a=1"],
        ["a=b%26c=d"],
        ["a=b%3Dc"],
        ["a=x+y"],
        ["a=x%2By"],
        ["a=x%20y"],
        ["a=1=2"],
        ["b=1;a=2"],
    ],
    ids="&".join,
)
def test_ex1_every_parameter_stays_as_it_was_written(given: list[str]) -> None:
    """Nothing is decoded, dropped or made up: an empty value, a bare name and a doubled parameter all count."""
    _, _, came = canonical_url(f"{ORDERS}?{'&'.join(given)}")
    expect(
        came == given,
        expected=f"the parameters {given} for ?{'&'.join(given)}",
        came=came,
        look_at="what is lost when a query is decoded and put together again",
        hint=1,
    )


def test_ex1_what_no_server_can_see_does_not_count(rng: random.Random) -> None:
    """Empty parameters, the fragment, user info and the spelling of escapes leave no trace."""
    word = _word(rng)
    plain = canonical_url(f"{API}/x/{word}?a=~{word}&b=%2F")
    for spelled, what in (
        (f"{API}/x/{word}?&a=~{word}&&b=%2F&", "empty parameters"),
        (f"{API}/x/{word}?a=~{word}&b=%2F#{word}", "a fragment"),
        (f"https://ann:{word}@api.example.com/x/{word}?a=~{word}&b=%2F", "user info"),
        (f"{API}/x/{word}?a=%7e{word}&b=%2f", "escapes spelled in another way"),
        (f"{API}/%78/{word}?a=~{word}&b=%2F", "an escaped x in the path"),
        (f"HTTPS://API.Example.COM:443/x/{word}?a=~{word}&b=%2F", "the host in capitals, and the default port"),
    ):
        _expect_alike(canonical_url(spelled), plain, what, "what is given above the exercise", 2)


def test_ex1_the_path_is_left_alone(rng: random.Random) -> None:
    """Its case, an escaped slash and a slash at the end count; no path is `/`."""
    word = _word(rng)
    for path in (f"/{word.upper()}/x", f"/{word}%2Fx", f"/{word}/", f"/{word}//x", f"/{word}/../x"):
        _, came, _ = canonical_url(f"{API}{path}?a=1")
        expect(came == path, expected=f"the path {path}", came=came, look_at="what a server may tell apart", hint=1)
    _, came, _ = canonical_url(f"{API}?a={word}")
    expect(came == "/", expected="the path / for a URL without one", came=came, look_at="an empty path", hint=1)


@pytest.mark.parametrize("url", ["", "/orders", "api.example.com/orders?a=1", "//api.example.com/orders", "https://"])
def test_ex1_a_relative_url_is_refused(url: str) -> None:
    """What is not absolute raises ValueError."""
    try:
        came: object = canonical_url(url)
    except ValueError:
        return
    expect(False, expected=f"a ValueError for {url!r}", came=came, look_at="_origin", hint=3)


# ex2


def _expect_no_collision(lists: list[list[bytes]], look_at: str) -> None:
    seen: dict[bytes, list[bytes]] = {}
    for parts in lists:
        packed = pack(parts)
        other = seen.setdefault(packed, parts)
        expect(
            other == parts,
            expected=f"two results for the parts {_shown(other)} and {_shown(parts)}",
            came=f"{packed[:40]!r} for both",
            look_at=look_at,
            hint=2,
        )


def _shown(parts: list[bytes]) -> str:
    long = len(parts) > 5 or any(len(part) > 20 for part in parts)
    return f"[{len(parts)} parts of {len(b''.join(parts))} bytes in all]" if long else repr(parts)


def test_ex2_wherever_the_cut_is(rng: random.Random) -> None:
    """The same bytes, cut in another place, are other parts."""
    text = _word(rng, 12).encode()
    cuts = [sorted(rng.sample(range(13), 2)) for _ in range(30)]
    lists = [[text[:a], text[a:b], text[b:]] for a, b in cuts] + [[text[:a], text[a:]] for a in range(13)]
    _expect_no_collision(lists, "where the first part ends")


def test_ex2_whatever_bytes_are_in_the_parts(rng: random.Random) -> None:
    """No two lists of up to three short parts collide, separators, escapes and digits included."""
    for alphabet in (b"\x00\x01\x02", b"\\,;", b'":[', rng.sample(range(256), 3)):
        parts = [bytes(part) for size in range(3) for part in itertools.product(alphabet, repeat=size)]
        lists = [list(some) for count in range(4) for some in itertools.product(parts, repeat=count)]
        _expect_no_collision(lists, "a part that holds what you put between the parts")


def test_ex2_empty_parts_count() -> None:
    """No part, one empty part and several are all different."""
    _expect_no_collision([[b""] * count for count in range(5)], "an empty part")


def test_ex2_long_parts(rng: random.Random) -> None:
    """Long parts do not collide with many short ones, whatever their length is written in."""
    lists = [[b"0" * 10], [b"0", *[b""] * 10]]
    for length in (256, 65_536):
        lists += [[bytes(length)], *([b""] * count for count in (length // 2 + 1, length // 4 + 1, length + 1))]
    lists += [[rng.randbytes(300)], [rng.randbytes(100_000)]]
    _expect_no_collision(lists, "how wide the length is, and where it ends")


def test_ex2_any_iterable() -> None:
    """A generator will do as well as a list."""
    came = pack(part for part in (b"a", b"bc"))
    wanted = pack([b"a", b"bc"])
    _expect_alike(came, wanted, "a list and a generator of the same parts", "how often the parts are gone through", 3)


# ex3


def _who(url: str, tenant: str = "", **options: set[str]) -> list[str]:
    query = url.partition("?")[2]
    return who_asks(url, sorted(query.split("&")) if query else [], tenant, **options)


def test_ex3_two_tenants_differ(rng: random.Random) -> None:
    """Two tenants, and a tenant and nobody, are told apart."""
    name = _word(rng)
    answers = [tuple(_who(ORDERS, tenant)) for tenant in (name, name.upper(), f"{name}2", "")]
    expect(
        len(set(answers)) == 4,
        expected=f"four answers for the tenants {name}, {name.upper()}, {name}2 and nobody",
        came=answers,
        look_at="whether the tenant's name is in the answer as it is",
        hint=2,
    )


def test_ex3_a_tenants_renewed_key_changes_nothing(rng: random.Random) -> None:
    """With a tenant, no credential in the URL counts."""
    old, new = _word(rng), _word(rng)
    for one, other in (
        (f"{ORDERS}?api_key={old}", f"{ORDERS}?api_key={new}"),
        (f"{ORDERS}?API_Key={old}", ORDERS),
        (f"https://ann:{old}@api.example.com/orders", f"https://ann:{new}@api.example.com/orders"),
    ):
        _expect_alike(
            _who(one, "north"), _who(other, "north"), f"{one} and {other}, both of north", "a tenant is named", 2
        )


def test_ex3_without_a_tenant_credentials_tell_accounts_apart(rng: random.Random) -> None:
    """Without a tenant two keys, whatever the case of their name, and two users are two accounts."""
    name = rng.choice(["api_key", "access_token", "secret"])
    one, other = _word(rng), _word(rng)
    for first, second in (
        (f"{ORDERS}?{name.upper()}={one}", f"{ORDERS}?{name.upper()}={other}"),
        (f"{ORDERS}?{name}={one}", f"{ORDERS}?{name}={other}"),
        (f"https://{one}:pw@api.example.com/orders", f"https://{other}:pw@api.example.com/orders"),
        (f"https://ann:{one}@api.example.com/orders", f"https://ann:{other}@api.example.com/orders"),
        (f"{ORDERS}?{name}={one}", ORDERS),
    ):
        _expect_different(_who(first), _who(second), f"{first} and {second}", "who else could tell the two apart", 1)


def test_ex3_only_credentials_say_who_asks(rng: random.Random) -> None:
    """What is asked for, and where, does not change who asks; the list of secret names is the caller's."""
    page = _word(rng)
    _expect_alike(
        _who(f"{ORDERS}?cursor={page}"), _who(f"{API}/items"), "two questions of one account", "secret_params", 2
    )
    one, other = (f"{ORDERS}?shop_pass={word}" for word in (page, f"{page}2"))
    _expect_different(
        _who(one, secret_params={"shop_pass"}),
        _who(other, secret_params={"shop_pass"}),
        "two values of a parameter that the caller calls secret",
        "secret_params",
        2,
    )


def test_ex3_a_tenant_is_never_taken_for_a_credential(rng: random.Random) -> None:
    """A tenant whose name is somebody's credential, or looks like our own words, is not that somebody."""
    word = _word(rng)
    anonymous = [
        _who(f"https://{word}@api.example.com/orders"),
        _who(f"{ORDERS}?api_key={word}"),
        _who(f"https://{word}@api.example.com/orders?api_key={word}"),
        _who(ORDERS),
    ]
    parts = sorted({part for answer in anonymous for part in answer if part})
    for tenant in (word, f"api_key={word}", *parts, *("".join(answer) for answer in anonymous if "".join(answer))):
        came = _who(ORDERS, tenant)
        expect(
            came not in anonymous,
            expected=f"the tenant {tenant!r} not to look like an account known by its credentials",
            came=came,
            look_at="how a reader of the answer knows which of the two kinds it is",
            hint=2,
        )


def test_ex3_every_letter_of_a_credential_counts(rng: random.Random) -> None:
    """Two sets of credentials never give the same parts: neither their names, nor an @ in them, nor their seams are lost."""
    word = _word(rng)
    for one, other, what in (
        ((ORDERS, [f"api_key={word}"]), (ORDERS, [f"secret={word}"]), "one value under two names"),
        (
            (ORDERS, ["api_key=a", "secret=b"]),
            (ORDERS, ["api_key=asecret=b"]),
            "two credentials, and one that holds both",
        ),
        (
            (f"https://ann:{word}@x@a.com/", []),
            (f"https://ann:{word}@y@a.com/", []),
            "passwords that differ behind an @",
        ),
    ):
        _expect_different(who_asks(*one, ""), who_asks(*other, ""), what, "what is left out of the parts", 3)
    _expect_alike(
        who_asks(f"https://ann:{word}@a.com/x", [], ""),
        who_asks(f"HTTPS://ann:{word}@A.com:443/y", [], ""),
        "one account that spells the host in two ways",
        "which part of the URL is the credential",
        3,
    )


# ex4


def test_ex4_looks_like_one() -> None:
    """The answer is `v1:` and 64 hex digits."""
    came = fingerprint("GET", ORDERS)
    expect(
        re.fullmatch(r"v1:[0-9a-f]{64}", came) is not None,
        expected="v1: and the 64 hex digits of a SHA-256",
        came=came,
        look_at="what is returned",
        hint=3,
    )


def test_ex4_every_part_counts(rng: random.Random) -> None:
    """Another method, host, path, parameter, header, body or tenant gives another fingerprint."""
    word = _word(rng)
    asked = {
        "a GET": fingerprint("GET", ORDERS),
        "a POST": fingerprint("POST", ORDERS),
        "another host": fingerprint("GET", "https://api2.example.com/orders"),
        "another path": fingerprint("GET", f"{ORDERS}/{word}"),
        "a parameter": fingerprint("GET", f"{ORDERS}?{word}"),
        "a header": fingerprint("GET", ORDERS, headers={"Accept": word}),
        "another header": fingerprint("GET", ORDERS, headers={"Accept-Language": word}),
        "a body": fingerprint("GET", ORDERS, word.encode()),
        "a JSON body": fingerprint("GET", ORDERS, json.dumps({word: 1}).encode()),
        "a tenant": fingerprint("GET", ORDERS, tenant=word),
        "a user": fingerprint("GET", f"https://{word}@api.example.com/orders"),
    }
    for (what, one), (other_what, other) in itertools.combinations(asked.items(), 2):
        _expect_different(one, other, f"{what} and {other_what}", "the picture: what goes into the hash", 3)


def test_ex4_noise_does_not_count(rng: random.Random) -> None:
    """The method's case, headers that nobody named, blanks, volatile parameters and JSON's spelling do not count."""
    word = _word(rng)
    noise = {
        "traceparent": word,
        "Date": word,
        "User-Agent": word,
        "Authorization": word,
        "Cookie": word,
        "X-Request-Id": word,
    }
    values = [word, rng.randrange(10**6), None, {"b": [1, 2], "a": "é"}]
    body = json.dumps({"n": values, "é": word})
    respelled = json.dumps({"é": word, "n": values}, ensure_ascii=False, indent=2)
    nonce = rng.choice(["nonce", "signature", "oauth_nonce"])
    for one, other, what in (
        (fingerprint("get", ORDERS), fingerprint("GET", ORDERS), "get and GET"),
        (
            fingerprint("GET", ORDERS, headers=noise),
            fingerprint("GET", ORDERS),
            f"the headers {', '.join(noise)}, or none",
        ),
        (
            fingerprint("GET", ORDERS, headers={"ACCEPT": f" {word} "}),
            fingerprint("GET", ORDERS, headers={"accept": word}),
            "a header in capitals with blanks around its value",
        ),
        (
            fingerprint("GET", f"{ORDERS}?{nonce}=1&a={word}"),
            fingerprint("GET", f"{ORDERS}?a={word}&{nonce}=2"),
            f"two values of {nonce}",
        ),
        (
            fingerprint("POST", ORDERS, body.encode()),
            fingerprint("POST", ORDERS, respelled.encode()),
            "one JSON value in two spellings",
        ),
        (
            fingerprint("POST", ORDERS, b"[1, 2]", headers={"content-type": "application/json"}),
            fingerprint("POST", ORDERS, b"[1,2]", headers={"Content-Type": "application/json"}),
            "one JSON value in two spellings",
        ),
    ):
        _expect_alike(one, other, what, "what no server can see, or may attach a meaning to", 1)


def test_ex4_the_caller_names_what_counts(rng: random.Random) -> None:
    """A provider's own headers, volatile and secret parameters are arguments."""
    one, other = _word(rng), f"{_word(rng)}2"
    named = ["Shop-Version", "Accept"]
    _expect_different(
        *(fingerprint("GET", ORDERS, headers={"shop-version": word}, relevant_headers=named) for word in (one, other)),
        "two values of a header that the caller named",
        "relevant_headers",
        3,
    )
    _expect_alike(
        *(fingerprint("GET", f"{ORDERS}?ts={word}", volatile_params={"ts"}) for word in (one, other)),
        "two values of a parameter that the caller calls volatile",
        "volatile_params",
        3,
    )
    _expect_alike(
        *(
            fingerprint("GET", f"{ORDERS}?Shop_Pass={word}", tenant="north", secret_params={"shop_pass"})
            for word in (one, other)
        ),
        "a tenant's old and new value of a parameter that the caller calls secret",
        "secret_params",
        3,
    )


def test_ex4_the_body_by_its_content_type(rng: random.Random) -> None:
    """What is not JSON counts byte by byte, each single one of them."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    text = f'{{"{_word(rng)}": 1}}'.encode()
    _expect_different(
        fingerprint("POST", ORDERS, text, headers=form),
        fingerprint("POST", ORDERS, text.replace(b" ", b""), headers=form),
        "two texts that are declared to be a form",
        "the content type that _canonical_body is given",
        3,
    )
    raw = bytearray(rng.randbytes(40))
    before = fingerprint("PUT", ORDERS, b"\xff" + bytes(raw))
    raw[rng.randrange(40)] ^= 1 << rng.randrange(8)
    after = fingerprint("PUT", ORDERS, b"\xff" + bytes(raw))
    _expect_different(before, after, "two bodies that differ in one bit", "what is hashed of the body", 3)


def test_ex4_a_renewed_key_and_another_account(rng: random.Random) -> None:
    """A tenant's new key changes nothing; without a tenant, another key is another account."""
    name = rng.choice(["api_key", "Access_Token", "SECRET"])
    old, new = (f"{ORDERS}?page=2&{name}={_word(rng)}{n}" for n in range(2))
    _expect_alike(
        fingerprint("GET", old, tenant="north"),
        fingerprint("GET", new, tenant="north"),
        f"north's old and new {name}",
        "where the parameters in secret_params are left out, in which case of letters",
        3,
    )
    _expect_different(
        fingerprint("GET", old), fingerprint("GET", new), f"two values of {name}, no tenant named", "who_asks", 3
    )


def test_ex4_the_lists_do_not_run_into_each_other(rng: random.Random) -> None:
    """What is a parameter in one request and a header, a body or a tenant in the other makes two requests."""
    word = f"z{_word(rng)}"
    asked = [
        ("the header accept", fingerprint("GET", ORDERS, headers={"accept": word})),
        ("its name and value as parameters", fingerprint("GET", f"{ORDERS}?accept&{word}")),
        ("the header prefer, accept empty", fingerprint("GET", ORDERS, headers={"accept": "", "prefer": word})),
        ("the header accept, prefer empty", fingerprint("GET", ORDERS, headers={"accept": word, "prefer": ""})),
        ("the body's first byte in the path", fingerprint("GET", f"{ORDERS}{word[0]}", word[1:].encode())),
        ("all of it in the body", fingerprint("GET", ORDERS, word.encode())),
    ]
    for (what, one), (other_what, other) in itertools.combinations(asked, 2):
        _expect_different(one, other, f"{what}, and {other_what}", "what tells a list's end from the next part", 3)


def test_ex4_credentials_of_other_names_tell_two_apart(rng: random.Random) -> None:
    """What the caller names as secret counts as who asks, and does not count where a tenant is given."""
    one, other = (f"{ORDERS}?shop_token={_word(rng)}{n}&page=1" for n in range(2))
    _expect_different(
        fingerprint("GET", one, secret_params={"shop_token"}),
        fingerprint("GET", other, secret_params={"shop_token"}),
        "two accounts that are told apart by a parameter of the caller's own choice",
        "what who_asks is told",
        3,
    )
    _expect_alike(
        fingerprint("GET", one, secret_params={"shop_token"}, tenant="north"),
        fingerprint("GET", other, secret_params={"shop_token"}, tenant="north"),
        "one tenant with two keys",
        "what counts only through who_asks",
        3,
    )


def test_ex4_header_values_count_to_the_letter(rng: random.Random) -> None:
    """Only the blanks around a header's value do not count, and names and values do not run into each other."""
    word, names = _word(rng), ["x-a", "x-b"]
    for one, other, what in (
        ({"x-a": word}, {"x-a": word.upper()}, "a value in small letters and in capitals"),
        ({"x-a": f"{word} 1"}, {"x-a": f"{word}  1"}, "one blank inside a value, and two"),
        ({"x-a": "x-b1"}, {"x-a": "", "x-b": "1"}, "a value that looks like another header"),
    ):
        _expect_different(
            fingerprint("GET", ORDERS, headers=one, relevant_headers=names),
            fingerprint("GET", ORDERS, headers=other, relevant_headers=names),
            what,
            "what becomes of the headers' values, and how they are packed",
            3,
        )
