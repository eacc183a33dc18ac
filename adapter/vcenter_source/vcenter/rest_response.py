"""What vCenter's REST API answers: read up to a limit, and taken only where it has the expected form.

Each function here raises ValueError for any other form: what answers may be a proxy, or a log-in page.
"""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from vcenter_source.core.event import ManagedObjectReference

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""The longest answer that is read: a tag on some 300,000 objects."""

NOT_FOUND = object()
"""What an operation answers for something that is not there."""

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class RestResponse:
    """An HTTP response, read. ``request`` is what it answers: ``GET /api/cis/tagging/category``."""

    request: str
    status: int
    content_type: str
    content: bytes

    @classmethod
    def read(cls, response: httpx.Response) -> Self:
        """Read a response of at most MAX_RESPONSE_BYTES."""
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


def parse_header_value(found: Any) -> str:
    """A string that can stand in a header or a path."""
    if not isinstance(found, str) or not found.strip() or not found.isascii() or not found.isprintable():
        raise ValueError("no string")
    return found


def parse_ids(found: Any) -> list[str]:
    """A list of ids; vcsim has null for an empty one."""
    if not isinstance(found, list | None):
        raise ValueError("no list")  # noqa: TRY004  one kind of failure for every form
    ids = [parse_header_value(each) for each in found or ()]
    if not {".", ".."}.isdisjoint(ids):  # no segments of a path of their own
        raise ValueError("no ids")
    return ids


def parse_name(found: Any) -> str:
    """The name of a category or of a tag."""
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise ValueError("no category or tag")  # noqa: TRY004  as above
    return str(found["name"])


def parse_references(found: Any) -> list[ManagedObjectReference]:
    """A list of objects; vcsim has null for an empty one."""
    if not isinstance(found, list | None):
        raise ValueError("no list")  # noqa: TRY004  as above
    return [
        ManagedObjectReference(parse_header_value(each["type"]), parse_header_value(each["id"])) for each in found or ()
    ]
