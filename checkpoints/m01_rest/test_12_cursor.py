"""Lesson m01.12: tokens read without guessing, links read by the RFC, and no walking in circles."""

import random
import string
from typing import Any

import pytest

from ingestion.errors import CorruptError
from ingestion.rest.cursor import next_link, take_step, token_in
from workbook.grading import expect


def word(rng: random.Random, length: int = 12) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits, k=length))


def outcome(envelope: dict[str, Any], **options: bool) -> object:
    try:
        return token_in(envelope, "next_cursor", "has_more", **options)
    except CorruptError:
        return CorruptError


def test_ex1_a_token_comes_back_as_it_came(rng: random.Random) -> None:
    """Text is given back unchanged, blanks and signs included; a whole number as its digits."""
    for token in (word(rng), f" {word(rng)}+/= ", "%20%2B", " ", rng.randint(1, 10**20), -1, "null", "false"):
        for envelope in ({"has_more": True}, {"has_more": None}, {}):
            came = outcome({"next_cursor": token, **envelope})
            expect(
                came == str(token) and isinstance(came, str),
                expected=f"the text {str(token)!r} for { ({'next_cursor': token, **envelope}) }",
                came=came,
                look_at="an opaque token has no spaces to trim and nothing to decode; and only false is false",
                hint=2,
            )


def test_ex1_zero_is_a_token() -> None:
    """0 and "0" name a page."""
    for token in (0, "0"):
        came = outcome({"next_cursor": token})
        expect(came == "0", expected=f"'0' for {token!r}", came=came, look_at="truth", hint=2)


def test_ex1_null_is_the_end(rng: random.Random) -> None:
    """Null ends the listing, with has_more false, or without that field."""
    for envelope in ({"next_cursor": None}, {"next_cursor": None, "has_more": False}, {"has_more": False}):
        came = outcome({**envelope, word(rng): 1})
        expect(came is None, expected=f"None for {envelope}", came=came, hint=1)


def test_ex1_empty_text_by_configuration() -> None:
    """An empty token is the end, or a token, as configured."""
    came = outcome({"next_cursor": ""})
    expect(came is None, expected='None for ""', came=came, hint=2)
    came = outcome({"next_cursor": ""}, empty_is_end=False)
    expect(came == "", expected='"" when empty_is_end is False', came=came, look_at="truth", hint=2)


def test_ex1_has_more_false_ends_it(rng: random.Random) -> None:
    """has_more false ends the listing whatever the token says."""
    came = outcome({"next_cursor": word(rng), "has_more": False})
    expect(came is None, expected="None where has_more is false", came=came, hint=3)


def test_ex1_a_promise_needs_a_name() -> None:
    """has_more true without a token contradicts itself."""
    for envelope, options in (
        ({"next_cursor": None, "has_more": True}, {}),
        ({"next_cursor": "", "has_more": True}, {}),
        ({"has_more": True}, {}),
        ({"has_more": True}, {"absent_is_end": True}),
    ):
        came = outcome(envelope, **options)
        expect(
            came is CorruptError,
            expected=f"a CorruptError for {envelope}, with {options or 'no options'}",
            came=came,
            look_at="what is lost if this counts as the end",
            hint=3,
        )


def test_ex1_neither_field_is_refused(rng: random.Random) -> None:
    """A page with neither field is refused, unless configured as the end."""
    envelope = {"nextCursor": word(rng), "total": 3}
    came = outcome(envelope)
    expect(
        came is CorruptError,
        expected=f"a CorruptError for {envelope}: the field was looked for as 'next_cursor'",
        came=came,
        look_at="a misspelt field name on page 1",
        hint=1,
    )
    came = outcome(envelope, absent_is_end=True)
    expect(came is None, expected="None when absent_is_end is True", came=came, hint=3)


@pytest.mark.parametrize("token", [True, False, 1.5, ["a"], {"a": 1}])
def test_ex1_other_types_are_refused(token: object) -> None:
    """A token is text, a whole number or null, and nothing else."""
    came = outcome({"next_cursor": token, "has_more": True})
    expect(
        came is CorruptError,
        expected=f"a CorruptError for the token {token!r}",
        came=came,
        look_at="isinstance(True, int)",
        hint=2,
    )


def url(rng: random.Random) -> str:
    return f"https://api.example.com/{word(rng)}?cursor={word(rng)}"


def check_link(header: str, wanted: str | None, look_at: str, hint: int = 2) -> None:
    came = next_link(header)
    expect(came == wanted, expected=f"{wanted} out of  {header}", came=str(came), look_at=look_at, hint=hint)


def test_ex2_finds_next_among_others(rng: random.Random) -> None:
    """The link with rel="next" is found wherever it stands."""
    target = url(rng)
    links = [f'<{url(rng)}>; rel="{name}"' for name in ("first", "prev", "last")]
    for place in range(4):
        header = ", ".join([*links[:place], f'<{target}>; rel="next"', *links[place:]])
        check_link(header, target, "the other links")


def test_ex2_none_without_next(rng: random.Random) -> None:
    """Without such a link, and without any header, there is no next page."""
    check_link("", None, "an empty header")
    check_link(f'<{url(rng)}>; rel="prev", <{url(rng)}>; rel="last"', None, "prev and last")
    check_link(f'<{url(rng)}>; rel="nextish"', None, "a relation that only begins with next")
    check_link(f'<{url(rng)}?rel="next">; rel="prev"', None, "rel= inside the URL")


def test_ex2_commas_and_semicolons_inside(rng: random.Random) -> None:
    """Commas and semicolons inside a URL or a quoted string separate nothing."""
    target = f"{url(rng)}&ids=1,2;3"
    check_link(f'<{url(rng)}?a=,;>; rel="prev", <{target}>; rel="next"', target, "where you split")
    header = f'<{url(rng)}>; title="one, two; rel=next"; rel="prev", <{target}>; rel="next"'
    check_link(header, target, "a comma inside quotes")
    check_link(
        f'<{url(rng)}>; title="say \\"hi\\", <x>; rel=next"; rel="prev", <{target}>; rel="next"',
        target,
        "escaped quotes",
    )


def test_ex2_rel_in_all_its_forms(rng: random.Random) -> None:
    """rel may be unquoted, in any case, after other parameters, with several words, with white space."""
    target = url(rng)
    for link in (
        f"<{target}>; rel=next",
        f'<{target}>; REL="NEXT"',
        f'<{target}>;rel="next"',
        f'<{target}> ; type="application/json" ; rel = "next"',
        f'<{target}>; rel="last next"',
        f'<{target}>; rel="next\tlast"',
        f'<{target}>; crossorigin; rel="next"',
    ):
        check_link(f'<{url(rng)}>; rel="prev", {link}', target, "the form of rel")


def test_ex2_the_first_rel_counts(rng: random.Random) -> None:
    """Of two rel parameters in one link the first counts."""
    check_link(f'<{url(rng)}>; rel="prev"; rel="next"', None, "a dictionary keeps the last one", 3)


def test_ex2_an_anchor_is_another_page(rng: random.Random) -> None:
    """A link with an anchor is about another page."""
    target = url(rng)
    check_link(f'<{url(rng)}>; rel="next"; anchor="#x", <{target}>; rel="next"', target, "anchor", 3)


def walk(tokens: list[str], *, constant_token: bool = False, bodies: list[bytes] | None = None) -> int:
    """Give the number of the step that was refused, counted from 1; 0 if none was."""
    steps: set[bytes] = set()
    for number, token in enumerate(tokens, start=1):
        try:
            take_step(
                steps, token, bodies[number - 1] if bodies else b"page %d" % number, constant_token=constant_token
            )
        except CorruptError:
            return number
    return 0


def test_ex3_new_tokens_are_fine(rng: random.Random) -> None:
    """A walk that never comes back is never refused."""
    tokens = [f"{word(rng)}{number}" for number in range(2_000)]
    came = walk(tokens)
    expect(came == 0, expected="2,000 different tokens without an error", came=f"refused at step {came}", hint=1)


def test_ex3_tokens_that_look_alike_are_different(rng: random.Random) -> None:
    """Tokens that differ only at their end, in case or in a blank name different pages."""
    long = word(rng, 5_000)
    for one, other in ((f"{long}a", f"{long}b"), (f"a{long}", f"A{long}"), ("abc", "abc "), ("é", "e\u0301")):
        came = walk([one, other])
        expect(
            came == 0,
            expected=f"{one[-8:]!r} and {other[-8:]!r} as the ends of two tokens of {len(one)} letters accepted",
            came="refused as a circle",
            look_at="how much of a token goes into the hash, and how",
            hint=2,
        )


def test_ex3_circles_of_any_length(rng: random.Random) -> None:
    """A circle is refused at the step that leads back, whatever its length."""
    for length in (1, 2, 3, rng.randint(4, 300), rng.randint(2_500, 3_000)):
        lead_in = [f"in{number}" for number in range(rng.randint(0, 20))]
        circle = [f"{word(rng)}{number}" for number in range(length)]
        came, wanted = walk([*lead_in, *circle, *circle, *circle]), len(lead_in) + length + 1
        expect(
            came == wanted,
            expected=f"a circle of {length} to be refused at step {wanted}, before the page is fetched again",
            came=f"refused at step {came}" if came else "never refused",
            look_at="which steps you remember",
            hint=1,
        )


def test_ex3_a_step_costs_sixteen_bytes(rng: random.Random) -> None:
    """However long the token, what is remembered of a step is 16 bytes."""
    steps: set[bytes] = set()
    for number in range(50):
        take_step(steps, word(rng, 4_000) + str(number), b"", constant_token=bool(number % 2))
    sizes = {len(step) for step in steps}
    expect(
        sizes == {16} and len(steps) == 50,
        expected="50 steps of 16 bytes",
        came=f"{len(steps)} steps of {sorted(sizes)} bytes",
        hint=2,
    )


def test_ex3_the_same_page_under_new_tokens_is_fine(rng: random.Random) -> None:
    """Two equal pages are no circle while their tokens differ: empty pages look alike."""
    came = walk([word(rng) + str(number) for number in range(20)], bodies=[b"[]"] * 20)
    expect(came == 0, expected="20 tokens with equal pages accepted", came=f"refused at step {came}", hint=2)


def test_ex3_a_constant_handle(rng: random.Random) -> None:
    """Where all tokens are alike, a repeated token is fine and a repeated pair of token and page is a circle."""
    handle, pages = word(rng), [b"page %d" % number for number in range(10)]
    came = walk([handle] * 10, constant_token=True, bodies=pages)
    expect(came == 0, expected="one handle with 10 different pages accepted", came=f"refused at step {came}", hint=2)
    alike = [b'{"data": [' + b" " * 3_000 + page for page in pages]
    came = walk([handle] * 10, constant_token=True, bodies=alike)
    expect(came == 0, expected="pages that begin alike to be accepted", came=f"refused at step {came}", hint=2)
    came = walk([handle] * 13, constant_token=True, bodies=[*pages, *pages[7:]])
    expect(
        came == 11,
        expected="step 11 refused, where handle and page both repeat",
        came=f"refused at step {came}" if came else "never refused",
        look_at="what goes into the hash",
        hint=2,
    )


def test_ex3_token_and_page_are_not_run_together() -> None:
    """The pairs ("ab", "c") and ("a", "bc") are different steps."""
    came = walk(["ab", "a"], constant_token=True, bodies=[b"c", b"bc"])
    expect(
        came == 0, expected="two different steps", came=f"refused at step {came}", look_at="where one part ends", hint=2
    )


def test_ex3_a_refused_step_says_so(rng: random.Random) -> None:
    """The error says what is wrong, and does not quote the token."""
    token = word(rng, 30)
    steps: set[bytes] = set()
    take_step(steps, token, b"")
    try:
        take_step(steps, token, b"")
    except CorruptError as error:
        expect(
            token not in str(error) and len(str(error)) > 10,
            expected="a sentence about the circle, without the token",
            came=str(error),
            look_at="a token is as good as a credential",
            hint=1,
        )
        return
    expect(False, expected="a CorruptError", came="nothing", hint=1)
