"""Databases for one test or one check, so that no two of them ever share a table."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString
from urllib.parse import quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    import psycopg

_PREFIX = "fresh_"
# A name is the prefix and 15 hex digits, and these are the key of an advisory lock that its maker's
# connection holds. The server drops the lock with the connection, so an unlocked name is one whose maker is
# dead, on whatever machine it was.
_ABANDONED: LiteralString = """
    SELECT datname FROM pg_database
    WHERE datname ~ '^fresh_[0-9a-f]{15}$' AND NOT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1
          AND (classid::bigint << 32 | objid::bigint) = ('x0' || substr(datname, 7))::bit(64)::bigint)
"""


@contextmanager
def fresh_database(db_url: str) -> Iterator[str]:
    """A URL of a new, empty database on the server of *db_url*, dropped with all its connections at the end.

    Databases left by processes that were killed meanwhile are dropped on the way in; those of living ones
    never are.
    """
    import psycopg
    from psycopg import sql

    digits = f"{secrets.randbits(60):015x}"
    name = sql.Identifier(_PREFIX + digits)
    with psycopg.connect(db_url, autocommit=True) as connection:
        sweep(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", [int(digits, 16)])
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            yield with_database(db_url, _PREFIX + digits)
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def sweep(connection: psycopg.Connection) -> int:
    """Drop the databases whose makers are dead; returns how many. Two sweeps at once do no harm."""
    from psycopg import sql

    abandoned = connection.execute(_ABANDONED).fetchall()
    for (name,) in abandoned:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    return len(abandoned)


def with_database(db_url: str, name: str) -> str:
    """*db_url* with another database name, all else as it was."""
    return urlunsplit(urlsplit(db_url)._replace(path="/" + quote(name)))
