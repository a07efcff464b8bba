# Made from solutions/m01_rest/02_settings.ipynb: edit it there.
"""Everything an operator can set, read once, at the entry points: from the environment, else from `.env`.

No value is ever printed: a URL shows with its secrets masked, an error names the variable and says what to write.
"""

import os
import re
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

__all__ = [
    "SECRET_PARAMETERS",
    "DatabaseUrl",
    "HttpUrl",
    "RedisUrl",
    "SecretUrl",
    "Settings",
    "aliases",
    "check_url",
    "explain",
    "mask_url",
]


SECRET_PARAMETERS = frozenset(
    {"password", "sslpassword", "passfile", "token", "access_token", "secret", "api_key", "apikey"}
)


def mask_url(url: str) -> str:
    """Give *url* with its secrets replaced by `***`: the password before the host, and secret query parameters.

    What cannot be understood as a URL is masked as a whole. Never raises.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed only now, and refused if an unescaped password has shifted the host
    except ValueError:
        return "***"
    user, at, host = parts.netloc.rpartition("@")
    if not parts.scheme or not host or "@" in user or "@" in parts.path + parts.query + parts.fragment:
        return "***"
    name, colon, _ = user.partition(":")
    shown = f"{parts.scheme}://{name}{colon and ':***'}{at}{host}{parts.path}"
    pairs = [pair.partition("=") for pair in parts.query.split("&")] if parts.query else []
    query = "&".join(f"{key}{eq}{'***' if key.lower() in SECRET_PARAMETERS else value}" for key, eq, value in pairs)
    return f"{shown}?{query}" if query else shown


class SecretUrl:
    """A URL that shows itself masked wherever it is printed, logged or formatted; `reveal()` gives the real one."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """Give the URL as it was set, secrets included: for the library that connects, and for nothing else."""
        return self._url

    def __repr__(self) -> str:
        return f"SecretUrl({mask_url(self._url)!r})"

    def __str__(self) -> str:
        return mask_url(self._url)


def check_url(text: str, *schemes: str) -> str:
    """Give *text* back if it is a URL with one of *schemes* and a host.

    Raises:
        ValueError: it is not; the message says what is wrong and quotes nothing of it.
    """
    if not text or re.search(r"\s", text):
        raise ValueError("is empty or has white space in it")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("has a port or a bracket that cannot be read") from None
    if parts.scheme not in schemes:
        raise ValueError(f"does not start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not parts.hostname:
        raise ValueError("names no host")
    return text


def _secret(*schemes: str) -> BeforeValidator:
    return BeforeValidator(
        lambda value: value if isinstance(value, SecretUrl) else SecretUrl(check_url(value, *schemes))
    )


def _plain(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(check_url(value, *schemes))
        # What has no room for a secret can be printed.
        if not re.fullmatch(r"[\w.:%\[\]-]+", parts.netloc) or "?" in value or "#" in value:
            raise ValueError("is more than a scheme, a host, a port and a path")
        return value.rstrip("/")

    return AfterValidator(check)


DatabaseUrl = Annotated[SecretUrl, _secret("postgresql", "postgres")]
RedisUrl = Annotated[SecretUrl, _secret("redis", "rediss")]
HttpUrl = Annotated[str, _plain("http", "https")]


class Settings(BaseSettings):
    """The service's settings. A variable set in the environment wins over a line in `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        populate_by_name=True,
        env_prefix="INGESTION_",  # else a variable named like a field would count, such as PROCESSES
    )

    db_url: DatabaseUrl = Field(
        validation_alias=AliasChoices("DB_URL"), examples=["postgresql://user:password@localhost:5432/ingestion"]
    )
    redis_url: RedisUrl = Field(validation_alias=AliasChoices("REDIS_URL"), examples=["redis://localhost:6379/0"])
    rest_api_url: HttpUrl = Field(
        default="http://localhost:8090",
        validation_alias=AliasChoices("REST_API_URL", "MOCK_API_URL"),
        examples=["https://api.example.com/v1"],
    )
    rate_per_s: float = Field(
        default=50.0, gt=0, le=10_000, validation_alias=AliasChoices("INGESTION_RATE_PER_S"), examples=[50]
    )
    burst: int = Field(default=10, ge=1, le=100_000, validation_alias=AliasChoices("INGESTION_BURST"), examples=[10])
    page_size: int = Field(
        default=100, ge=1, le=10_000, validation_alias=AliasChoices("INGESTION_PAGE_SIZE"), examples=[100]
    )
    deadline_s: float = Field(
        default=60.0, gt=0, le=86_400, validation_alias=AliasChoices("INGESTION_DEADLINE_S"), examples=[60]
    )
    lookback_s: float = Field(
        default=300.0, ge=0, le=2_592_000, validation_alias=AliasChoices("INGESTION_LOOKBACK_S"), examples=[300]
    )
    processes: int = Field(
        default=4, ge=1, le=1_000, validation_alias=AliasChoices("INGESTION_PROCESSES"), examples=[4]
    )
    kafka_servers: str = Field(
        default="localhost:9092",
        pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$",
        validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS"),
        examples=["localhost:9092"],
    )
    kafka_topic: str = Field(
        default="ingested.events",
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        validation_alias=AliasChoices("INGESTION_TOPIC"),
        examples=["ingested.events"],
    )
    drops_bucket: str = Field(
        default="drops",
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        validation_alias=AliasChoices("DROPS_BUCKET"),
        examples=["drops"],
    )
    s3_endpoint_url: HttpUrl | None = Field(
        default=None, validation_alias=AliasChoices("AWS_ENDPOINT_URL"), examples=["https://s3.example.com"]
    )
    s3_region: str | None = Field(
        default=None, validation_alias=AliasChoices("AWS_DEFAULT_REGION"), examples=["eu-central-1"]
    )
    s3_access_key_id: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("AWS_ACCESS_KEY_ID"), examples=["AKIA..."]
    )
    s3_secret_access_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("AWS_SECRET_ACCESS_KEY"), examples=["..."]
    )
    webhook_secrets: SecretStr = Field(
        default=SecretStr("{}"),
        validation_alias=AliasChoices("WEBHOOK_SECRETS"),
        examples=['{"stripe": ["whsec_..."]}'],
    )
    webhook_body_bytes: int = Field(
        default=1 << 20,
        ge=1 << 10,
        le=25 << 20,
        validation_alias=AliasChoices("WEBHOOK_BODY_BYTES"),
        examples=[1048576],
    )

    @classmethod
    def load(cls) -> Self:
        """Read and check every setting.

        Raises:
            ConfigurationError: a line for each variable that is missing or wrong, see `explain`; or `.env` is no text.
        """
        try:
            return cls()
        except UnicodeDecodeError:
            raise ConfigurationError(".env is not UTF-8: save it in that encoding") from None
        except ValidationError as error:
            lines = [explain(cls, problem) for problem in error.errors(include_input=False, include_url=False)]
        raise ConfigurationError("\n".join(lines))


def aliases(field: "FieldInfo") -> list[str]:
    """Give every name that the variable of *field* may have."""
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else []


def explain(settings: type[Settings], problem: "ErrorDetails") -> str:
    """Say in one line which variable is wrong, what is wrong with it and what to write. Never the value.

    Args:
        settings: The class whose fields were being filled.
        problem: One of pydantic's errors, made without its input.
    """
    named = str(problem["loc"][0])
    field = next(field for name, field in settings.model_fields.items() if named in (name, *aliases(field)))
    variable = next((name for name in aliases(field) if name in os.environ), named)
    message = problem["msg"].removeprefix("Value error, ")
    what = "is not set" if problem["type"] == "missing" else message[:1].lower() + message[1:]
    example = (field.examples or [""])[0]
    return f"{variable} {what}: write for example {variable}={example}"
