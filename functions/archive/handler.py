"""Keep every event in PostgreSQL: one row an event, however often it is delivered."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Annotated, Any, ClassVar

import asyncpg
from pydantic import SecretStr, field_validator

from vcenter_functions import Event, PermanentError, TemporaryError, on
from vcenter_functions.batches import Batches
from vcenter_functions.event_types import read_event_types
from vcenter_functions.server_settings import ServerSettings, either
from vcenter_functions.text_template import find_object_name

SCHEMA = """
SELECT pg_advisory_xact_lock(hashtext('vcenter_events'));
CREATE TABLE IF NOT EXISTS vcenter_events (
    source text, id text, time timestamptz, type text NOT NULL, name text NOT NULL, severity text NOT NULL,
    object_type text, object_id text, object_name text, username text NOT NULL, message text NOT NULL,
    data jsonb NOT NULL, stored timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (source, id, time)
);
CREATE INDEX IF NOT EXISTS vcenter_events_object ON vcenter_events (source, object_type, object_id, time);
CREATE INDEX IF NOT EXISTS vcenter_events_time ON vcenter_events (time);
CREATE OR REPLACE VIEW vcenter_objects AS
    SELECT source, object_type, object_id, (array_agg(object_name ORDER BY time DESC))[1] AS object_name,
        count(*) AS events, count(*) FILTER (WHERE severity = 'ERROR') AS errors, min(time) AS first, max(time) AS last,
        (array_agg(message ORDER BY time DESC))[1] AS last_message
    FROM vcenter_events WHERE object_id IS NOT NULL GROUP BY source, object_type, object_id;
"""
INSERT = """
INSERT INTO vcenter_events SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::jsonb[]) ON CONFLICT DO NOTHING
"""
NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # in JSON; neither text nor jsonb can hold it


class Settings(ServerSettings):
    """The database."""

    secret_variables: ClassVar[frozenset[str]] = frozenset({"DATABASE_URL"})

    database_url: Annotated[SecretStr, either("DATABASE_URL")]
    """The database: `postgresql://user:password@host/name`, a secret. `?sslmode=verify-full` asks for TLS. Required."""

    @field_validator("database_url")
    @classmethod
    def _check_url(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"postgres(ql)?://\S+", value.get_secret_value()):
            raise ValueError("set it to postgresql://user:password@host/name")
        return value


@on(*read_event_types())  # all, or those in the variable EVENT_TYPES
async def archive(event: Event, settings: Settings) -> None:
    """Store one event. Those that come at the same time share an INSERT."""
    await find_archive(settings.database_url.get_secret_value()).add(build_row(event))


def build_row(event: Event) -> tuple[Any, ...]:
    """Return the values of an event's columns, with U+FFFD for each NUL."""
    subject = (event.subject.type, event.subject.value, find_object_name(event)) if event.subject else (None,) * 3
    texts = (event.source, event.id, event.type, event.name, event.severity, *subject, event.user, event.message)
    source, id_, *others = (text and text.replace("\0", "\ufffd") for text in texts)
    return (source, id_, event.time, *others, NUL.sub(r"\1\\ufffd", json.dumps(dict(event.data))))


class Archive(Batches[tuple[Any, ...]]):
    """The rows of one database, over one connection, which is opened when rows come."""

    def __init__(self, url: str) -> None:
        super().__init__(self.store, self.close)
        self._url = url
        self._connection: Any = None

    async def store(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows that are not there already: all of them, or none."""
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._url, timeout=10, command_timeout=20)
                if await self._connection.fetchval("SELECT to_regclass('vcenter_objects')") is None:
                    await self._connection.execute(SCHEMA)
            await self._connection.execute(INSERT, *map(list, zip(*rows, strict=True)))
        except (asyncpg.DataError, asyncpg.ProgramLimitExceededError) as exc:
            raise PermanentError(f"PostgreSQL cannot hold this event: {exc}") from exc
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as exc:
            await self.close()
            raise TemporaryError(f"DATABASE_URL: no database: {str(exc) or type(exc).__name__}") from exc

    async def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._connection.close(timeout=2)


find_archive = cache(Archive)
