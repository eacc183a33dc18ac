"""Responses of vCenter's REST API: read up to a limit, and accepted only in the expected form.

Each function here raises ValueError for any other form: the response may be a proxy's, or a log-in page.
"""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from vcenter_source.core.event import ManagedObjectReference

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""The longest response that is read, in bytes: a tag on some 300,000 objects."""

NOT_FOUND = object()
"""The result of an operation on something that does not exist."""

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class RestResponse:
    """An HTTP response with its body. ``request`` is the request: ``GET /api/cis/tagging/category``."""

    request: str
    status: int
    content_type: str
    content: bytes

    @classmethod
    def read(cls, response: httpx.Response) -> Self:
        """Read a response of at most MAX_RESPONSE_BYTES. Raises ValueError for a longer one."""
        content = bytearray()
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > MAX_RESPONSE_BYTES:
                raise ValueError("too long")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        request = f"{response.request.method} {response.request.url.path}"
        return cls(request, response.status_code, media_type, bytes(content))

    @property
    def is_html(self) -> bool:
        """Whether this is a page for people."""
        return self.content_type in HTML_TYPES


def parse_header_value(value: Any) -> str:
    """Check a string that goes into a header or a path."""
    if not isinstance(value, str) or not value.strip() or not value.isascii() or not value.isprintable():
        raise ValueError("no string")
    return value


def parse_ids(value: Any) -> list[str]:
    """Read a list of ids; vcsim sends null for an empty one."""
    if not isinstance(value, list | None):
        raise ValueError("no list")  # noqa: TRY004  one kind of failure for every form
    ids = [parse_header_value(item) for item in value or ()]
    if not {".", ".."}.isdisjoint(ids):  # no segments of a path of their own
        raise ValueError("no ids")
    return ids


def parse_name(value: Any) -> str:
    """Read the name of a category or a tag."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError("no category or tag")  # noqa: TRY004  as above
    return str(value["name"])


def parse_references(value: Any) -> list[ManagedObjectReference]:
    """Read a list of objects; vcsim sends null for an empty one."""
    if not isinstance(value, list | None):
        raise ValueError("no list")  # noqa: TRY004  as above
    return [
        ManagedObjectReference(parse_header_value(item["type"]), parse_header_value(item["id"])) for item in value or ()
    ]
