# Made from solutions/m01_rest/12_cursor.ipynb: edit it there.
"""Listings that say themselves where they go on: an opaque cursor, a `next` URL, a `Link` header."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ingestion.errors import ConfigurationError, CorruptError, PermanentError
from ingestion.http.client import HttpClient
from ingestion.http_library import httpx
from ingestion.record import Batch
from ingestion.rest.page import Page, RowShape, decode_page
from ingestion.rest.place import ListingPosition, Place

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = [
    "EXPIRED_STATUS",
    "BodyCursor",
    "CursorSource",
    "LinkHeader",
    "NextUrl",
    "Trail",
    "next_link",
    "take_step",
    "token_in",
]


EXPIRED_STATUS = frozenset({400, 404, 410, 422})
_MAX_EMPTY_PAGES = 3

# As lenient as RFC 8288, appendix B: a `next` that is not seen would end the listing early. Nothing is tried again
# (`*+`), or a header of a hundred characters could take for ever.
_PARAMETERS = r"""(?:\s*+;[^=;,]*+(?:=\s*+(?:"(?:[^"\\]|\\.)*+)?+[^;,]*+)?+)*+"""
_LINK = re.compile(rf"<([^<>]*+)>({_PARAMETERS})")
_PARAMETER = re.compile(r';\s*+([^\s=;,]++)[^=;,]*+=\s*+(?:"((?:[^"\\]|\\.)*+)|([^;,]*+))')


def token_in(
    envelope: Mapping[str, Any],
    field: str,
    has_more_field: str,
    *,
    empty_is_end: bool = True,
    absent_is_end: bool = False,
) -> str | None:
    """Read the name of the next page from *envelope*; None when this page is the last.

    A token is text or a whole number, `0` too, and goes back as it came. `has_more: false` ends the listing whatever
    the token says.

    Args:
        envelope: What stands around the rows.
        field: Where the token is.
        has_more_field: Where the server may say whether there is another page.
        empty_is_end: Take `""` for no token.
        absent_is_end: Take a page that has neither field for the last. By default it is refused: a misspelt field
            name looks the same, and one page would pass for the whole listing.

    Raises:
        CorruptError: the token is neither text nor a whole number nor null; or another page is promised and not
            named; or nothing says whether this is the last.
    """
    token, has_more = envelope.get(field), envelope.get(has_more_field)
    if token is not None and type(token) not in (str, int):
        raise CorruptError(f"{field!r} is a {type(token).__name__}; expected text, a whole number or null")
    if has_more is False:
        return None
    if token == "" and empty_is_end:
        token = None
    if token is None and has_more is True:
        raise CorruptError(f"{has_more_field!r} promises another page, but {field!r} does not name it")
    if field not in envelope and not absent_is_end:
        raise CorruptError(
            f"the page has neither {field!r} nor {has_more_field!r}, so nothing says whether it is the last"
        )
    return None if token is None else str(token)


def next_link(header: str) -> str | None:
    """Find the target of the link with `rel="next"` in a `Link` header; None when there is none.

    Commas and semicolons may stand inside `<...>` and inside quotes. A `rel` may name several relations, in upper or
    lower case, quoted or not; of two `rel` parameters the first counts. A link with an `anchor` is about another page.

    Source:
        RFC 8288 section 3.
    """
    for target, parameters in _LINK.findall(header):
        found: dict[str, str] = {}
        for name, quoted, bare in _PARAMETER.findall(parameters):
            found.setdefault(name.lower(), quoted or bare)
        if "next" in found.get("rel", "").lower().split() and "anchor" not in found:
            return str(target)
    return None


def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    """Note in *steps* that the page in *body* leads to the page named *token*; refuse to walk in a circle.

    Whatever its length, a circle is noticed before a page of it is asked for a second time. A step costs 16 bytes in
    *steps*, however long its token.

    Args:
        steps: The steps taken so far; changed in place.
        token: The name of the page that this step leads to.
        body: The page that the step starts from.
        constant_token: The server names all pages alike. Then only a token that comes with the same page as before
            is a circle.

    Raises:
        CorruptError: this step leads back to a page that a step led to before. The message keeps the token to itself.
    """
    step = hashlib.sha256(token.encode("utf-8", "surrogatepass"))
    if constant_token:
        step.update(hashlib.sha256(body).digest())
    digest = step.digest()[:16]
    if digest in steps:
        raise CorruptError(
            f"the listing goes in a circle: page {len(steps) + 1} leads back to an earlier one;"
            " nothing behind it can be reached"
        )
    steps.add(digest)


class Trail(Protocol):
    """How a listing names its next page. The name, its token, is opaque: it goes back as it came."""

    def request(self, url: str, token: str) -> tuple[str, dict[str, str]]:
        """Give the URL and the parameters that ask the listing at *url* for the page named *token*."""

    def next_token(self, response: httpx.Response, page: Page) -> str | None:
        """Read the name of the page after this one; None when this is the last.

        Raises:
            CorruptError: the response does not say, or contradicts itself.
        """


class BodyCursor(msgspec.Struct, frozen=True, kw_only=True):
    """A token in the envelope that goes back as a parameter: `{"data": [...], "next_cursor": "b2s="}`."""

    param: str = "cursor"
    field: str = "next_cursor"
    has_more_field: str = "has_more"
    empty_is_end: bool = True
    absent_is_end: bool = False

    def request(self, url: str, token: str) -> tuple[str, dict[str, str]]:
        """Ask the listing itself, with the token as a parameter."""
        return url, {self.param: token}

    def next_token(self, response: httpx.Response, page: Page) -> str | None:
        """Read the token from the envelope."""
        token = token_in(
            page.envelope,
            self.field,
            self.has_more_field,
            empty_is_end=self.empty_is_end,
            absent_is_end=self.absent_is_end,
        )
        if token is not None and any("\ud800" <= character <= "\udfff" for character in token):
            raise CorruptError(f"{self.field!r} holds half a character, which cannot be sent back")
        return token


class NextUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A whole URL in the envelope, absolute or relative: `{"data": [...], "next": "https://..."}`."""

    field: str = "next"
    has_more_field: str = "has_more"
    absent_is_end: bool = False

    def request(self, url: str, token: str) -> tuple[str, dict[str, str]]:
        """Ask the URL that the server made."""
        return token, {}

    def next_token(self, response: httpx.Response, page: Page) -> str | None:
        """Read the URL from the envelope."""
        token = token_in(page.envelope, self.field, self.has_more_field, absent_is_end=self.absent_is_end)
        return None if token is None else _joined(response.url, token)


class LinkHeader(msgspec.Struct, frozen=True):
    """A `Link` header with `rel="next"`; a page without one is the last."""

    def request(self, url: str, token: str) -> tuple[str, dict[str, str]]:
        """Ask the URL that the server made."""
        return token, {}

    def next_token(self, response: httpx.Response, page: Page) -> str | None:
        """Read the URL from the header."""
        target = next_link(response.headers.get("link", ""))
        return None if target is None else _joined(response.url, target)


def _joined(url: httpx.URL, link: str) -> str:
    """Give *link*, as it stands on the page at *url*, as an absolute URL."""
    try:
        return str(url.join(link))
    except (httpx.InvalidURL, UnicodeError):
        raise CorruptError("the link to the next page is not a URL") from None


class CursorSource:
    """Reads a listing by following its trail, one page after the other.

    A listing that leads in a circle is refused. A token that has expired (400, 404, 410, 422) starts the walk over
    from the beginning, once: rows come twice then, and none is skipped. URLs on other origins never get a request,
    the client refuses them.

    Args:
        url: The listing, as an absolute URL or relative to the client's base.
        constant_token: The server names all pages alike and remembers the place itself.
        max_pages: Responses after which a listing is taken for endless.
        params: Sent with every request that is not for a URL of the server's own making.
        positions: The type of position to yield; one that keeps itself makes the walk resumable.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        shape: RowShape,
        trail: Trail,
        *,
        constant_token: bool = False,
        max_pages: int = 100_000,
        params: Mapping[str, str] | None = None,
        positions: type[ListingPosition] = Place,
    ) -> None:
        self.source, self.stream = shape.source, shape.stream
        self._name = f"{shape.source}.{shape.stream}"
        self._client, self._url, self._shape, self._trail = client, url, shape, trail
        self._constant_token, self._max_pages, self._params = constant_token, max_pages, dict(params or {})
        self._positions = positions

    async def last_position(self, connection: "AsyncConnection[Any]") -> ListingPosition | None:
        """Load the token at which an interrupted walk stood."""
        return await self._positions.load(connection, self.source, self.stream)

    async def batches(self, position: ListingPosition | None) -> AsyncIterator[Batch]:
        """Yield every page after *position*, one batch a page, empty pages included.

        Raises:
            CorruptError: an answer that is no page, or a trail that leads in a circle.
            ConfigurationError: more than `max_pages` pages.
        """
        token = position.place if position else None
        steps: set[bytes] = set()
        may_restart, empty_pages = True, 0
        for _ in range(self._max_pages):
            try:
                response = await self._fetch(token)
            except PermanentError as error:
                if token is None or error.status_code not in EXPIRED_STATUS or not may_restart:
                    raise
                token, steps, may_restart = None, set(), False
                continue
            page = decode_page(response.content, self._shape)
            asked, token = token, self._trail.next_token(response, page)
            empty_pages = 0 if page.row_count else empty_pages + 1
            # A server that had nothing ready may name the same page again: nothing of it came, so it is no circle.
            if token is not None and not (token == asked and 0 < empty_pages <= _MAX_EMPTY_PAGES):
                take_step(steps, token, response.content, constant_token=self._constant_token)
            yield Batch(page.records, self._positions(self.source, self.stream, token), page.rejects)
            if token is None:
                return
        raise ConfigurationError(
            f"{self._name}: not finished after max_pages = {self._max_pages}; raise it if that is right"
        )

    async def _fetch(self, token: str | None) -> httpx.Response:
        if token is None:
            return await self._client.request("GET", self._url, params=self._params)
        url, params = self._trail.request(self._url, token)
        return await self._client.request("GET", url, params={**self._params, **params} if params else None)
