"""Lesson m01.02: wrong settings are named early, and no secret is ever shown."""

import random
import string

import pytest
from pydantic import ValidationError

from ingestion.settings import SECRET_PARAMETERS, SecretUrl, Settings, check_url, explain, mask_url
from workbook.grading import expect


def _secret(rng: random.Random, length: int = 12) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits, k=length))


def test_ex1_password_goes_the_rest_stays(rng: random.Random) -> None:
    """The password before the host becomes ***; scheme, user, host, port and path stay."""
    secret = _secret(rng)
    for url, wanted in (
        (
            f"postgresql://ingest:{secret}@db.internal:5432/shop",
            "postgresql://ingest:***@db.internal:5432/shop",
        ),
        (f"redis://:{secret}@cache:6379/0", "redis://:***@cache:6379/0"),
        (f"postgresql://ingest:{secret}@[::1]:5432/shop", "postgresql://ingest:***@[::1]:5432/shop"),
        (f"postgresql://Ingest:{secret}@DB.Internal/Shop", "postgresql://Ingest:***@DB.Internal/Shop"),
        ("postgresql://ingest@db/shop", "postgresql://ingest@db/shop"),
        ("https://api.example.com/v1", "https://api.example.com/v1"),
    ):
        came = mask_url(url)
        expect(
            came == wanted,
            expected=wanted,
            came=came,
            look_at="which part of the URL identifies, and which authenticates",
            hint=3,
        )


def test_ex1_secrets_in_the_query(rng: random.Random) -> None:
    """Secret query parameters are masked whatever their case; the others stay in order."""
    for name in rng.sample(sorted(SECRET_PARAMETERS), 4):
        secret, spelled = _secret(rng), rng.choice([name, name.upper(), name.title()])
        came = mask_url(f"postgresql://db/shop?sslmode=require&{spelled}={secret}&application_name=ingest")
        wanted = f"postgresql://db/shop?sslmode=require&{spelled}=***&application_name=ingest"
        expect(
            came == wanted,
            expected=wanted,
            came=came,
            look_at="the query: libpq takes a password there too",
            hint=3,
        )
    one, two = _secret(rng), _secret(rng) + "=="
    for query, wanted in (
        (f"password={one}&sslmode=require&sslpassword={two}", "password=***&sslmode=require&sslpassword=***"),
        (f"token={one}&token={two}", "token=***&token=***"),
        (f"options=-c%20geqo%3Doff&x=&token_type=a&token={one}", "options=-c%20geqo%3Doff&x=&token_type=a&token=***"),
    ):
        came = mask_url(f"postgresql://db/shop?{query}")
        expect(
            came == f"postgresql://db/shop?{wanted}",
            expected=f"postgresql://db/shop?{wanted}",
            came=came,
            look_at="which parameters change, and what else does on the way",
            hint=3,
        )


def test_ex1_what_is_not_understood_is_masked_whole(rng: random.Random) -> None:
    """A URL with an unescaped @, / or : in its password shows no part of it."""
    secret = _secret(rng)
    head, tail = secret[:6], secret[6:]
    digits = str(rng.randrange(10_000, 60_000))  # looks like a port
    for url in (
        f"postgresql://ingest:{digits}/{tail}@db:5432/shop",
        f"postgresql://ingest:{digits}?{tail}@db:5432/shop",
        f"postgresql://ingest:{digits}#{tail}@db:5432/shop",
        f"postgresql://ingest:{head}/{tail}@db:5432/shop",
        f"postgresql://ingest:{head}@{tail}@db:5432/shop",
        f"postgresql://ingest:{head}:{tail}@db:5432/shop",
        f"postgresql://ingest:{head}?{tail}@db:5432/shop",
        f"postgresql://ingest:{head}#{tail}@db:5432/shop",
        f"postgresql://ingest:{secret}@[::1/shop",
        f"postgresql://ingest@db:{secret}/shop",
        secret,
        f"host=db password={secret}",
    ):
        came = mask_url(url)
        hidden = head not in came and tail not in came and digits not in came
        expect(
            hidden,
            expected="nothing of the password in any broken URL",
            came=came.replace(head, "<first half>").replace(tail, "<second half>"),
            look_at="where the parser believes the host to be",
            hint=2,
        )


def test_ex1_never_raises() -> None:
    """Text that is no URL at all is masked, not refused."""
    for text in ("", "://", "http://[", "http://h:99999", "\x00", "postgresql://u:p@:port/x"):
        came = mask_url(text)
        expect(
            came == "***",
            expected=f"*** for {text!r}",
            came=came,
            look_at="what a log line does when masking raises",
            hint=2,
        )


def test_ex2_good_urls_pass(rng: random.Random) -> None:
    """A URL with a wanted scheme and a host is given back as it is."""
    for url in (
        f"postgresql://u:{_secret(rng)}@db:5432/shop",
        "postgres://db",
        "POSTGRESQL://db/shop",
        "postgresql://[::1]:5432/x?sslmode=require",
        "postgresql://db:5432/",
    ):
        came = check_url(url, "postgresql", "postgres")
        expect(came == url, expected="the same URL", came=mask_url(came), look_at="what check_url returns")


def test_ex2_wrong_urls_are_refused_without_a_quote(rng: random.Random) -> None:
    """White space, another scheme, a bad port and a missing host are refused, and nothing of the text is quoted."""
    secret = _secret(rng)
    for text, what in (
        (f"postgresql://u:{secret}@db/shop\n", "a newline at the end"),
        (f" postgresql://u:{secret}@db/shop", "a space in front"),
        (f"postgresql://u:{secret} @db/shop", "a space inside"),
        (f"postgresql://u:{secret[:5]}\n{secret[5:]}@db/shop", "a newline inside"),
        (f"postgresql://u:{secret}@db/shop\r", "a carriage return at the end"),
        (f"postgresql://u:{secret}@db/shop\t", "a tab at the end"),
        ("", "an empty text"),
        (f"x{secret.lower()}://db/shop", "another scheme"),
        (f"postgresqlx://u:{secret}@db/shop", "a scheme that only begins like a wanted one"),
        (f"{secret}", "no scheme"),
        (f"postgresql://u:{secret}/x@db:5432/shop", "an unescaped slash in the password"),
        (f"postgresql://db:{secret}/shop", "a port that is no number"),
        ("postgresql://db:70000/shop", "a port above 65535"),
        (f"postgresql:///{secret}", "no host"),
        ("postgresql://:5432/shop", "no host but a port"),
    ):
        try:
            came = check_url(text, "postgresql", "postgres")
        except ValueError as error:
            shown = [str(error), repr(error.__cause__ or "")]
            if not error.__suppress_context__:
                shown.append(repr(error.__context__ or ""))  # a traceback shows it: "During handling of ..."
            leaks = any(part.lower() in each.lower() for each in shown for part in (secret, secret[:5], secret[5:]))
            expect(
                not leaks and error.__cause__ is None,
                expected=f"a message about {what} that quotes nothing, with no other error behind it",
                came=" <- ".join(each.replace(secret, "<the secret>") for each in shown),
                look_at="the words of your message, and `from None`",
                hint=1,
            )
        else:
            expect(
                False,
                expected=f"a ValueError for {what}",
                came=mask_url(came),
                look_at="when urlsplit raises: it is lazy",
                hint=2,
            )


def _problems(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name in (
        "DB_URL",
        "REDIS_URL",
        "REST_API_URL",
        "MOCK_API_URL",
        "INGESTION_BURST",
        "INGESTION_RATE_PER_S",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None)  # type: ignore[call-arg]
    return [explain(Settings, problem) for problem in caught.value.errors(include_input=False, include_url=False)]


def test_ex3_a_missing_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is named, with an example to copy."""
    lines = _problems(monkeypatch, REDIS_URL="redis://cache:6379/0")
    wanted = "DB_URL is not set: write for example DB_URL=postgresql://user:password@localhost:5432/ingestion"
    expect(
        lines == [wanted],
        expected=wanted,
        came=" | ".join(lines),
        look_at='problem["type"] and field.examples',
        hint=3,
    )


def test_ex3_a_wrong_variable(monkeypatch: pytest.MonkeyPatch, rng: random.Random) -> None:
    """A wrong value is explained without its value, in our words and not in pydantic's."""
    secret = _secret(rng)
    lines = _problems(monkeypatch, DB_URL=f"mysql://u:{secret}@db/shop", REDIS_URL="redis://cache")
    line = lines[0]
    for ok, wanted in (
        (
            line.startswith("DB_URL does not start with") or (line.startswith("DB_URL ") and "alue error" not in line),
            "a line that starts with DB_URL and our own words",
        ),
        (secret not in line, "a line without the value"),
        (
            line.endswith("write for example DB_URL=postgresql://user:password@localhost:5432/ingestion"),
            "an example at the end",
        ),
        ("\n" not in line, "one line"),
    ):
        expect(ok, expected=wanted, came=line.replace(secret, "<the secret>"), look_at='problem["msg"]', hint=3)


def test_ex3_names_the_variable_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several names, the one that stands in the environment is named."""
    good = {"DB_URL": "postgresql://db/shop", "REDIS_URL": "redis://cache"}
    for variable in ("MOCK_API_URL", "REST_API_URL"):
        (line,) = _problems(monkeypatch, **good, **{variable: "ftp://files"})
        expect(
            line.startswith(f"{variable} "),
            expected=f"a line about {variable}, which is the one that is set",
            came=line,
            look_at="os.environ",
            hint=3,
        )
    (line,) = _problems(monkeypatch, **good, MOCK_API_URL="")
    expect(
        line.startswith("MOCK_API_URL "),
        expected="a line about MOCK_API_URL, which is set, to nothing",
        came=line,
        look_at="whether a variable that is empty is set",
        hint=3,
    )


def test_ex3_numbers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number out of range is explained in the same form."""
    good = {"DB_URL": "postgresql://db/shop", "REDIS_URL": "redis://cache"}
    (line,) = _problems(monkeypatch, **good, INGESTION_BURST="0")
    expect(
        line.startswith("INGESTION_BURST input should be") and line.endswith(": write for example INGESTION_BURST=10"),
        expected="INGESTION_BURST input should be ...: write for example INGESTION_BURST=10",
        came=line,
        look_at="the capital in pydantic's message",
        hint=3,
    )
    (line,) = _problems(monkeypatch, **good, INGESTION_TOPIC="no topic")
    expect(
        line.startswith("INGESTION_TOPIC string should") and "[A-Za-z0-9._-]" in line,
        expected="INGESTION_TOPIC string should match pattern '^[A-Za-z0-9._-]{1,249}$': ...",
        came=line,
        look_at="which capitals of the message are yours to change: the first",
        hint=3,
    )
    assert str(SecretUrl("redis://:x@h")) == "redis://:***@h"
