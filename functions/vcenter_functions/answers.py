"""What vCenter's REST API answers: read up to a limit, of the expected shape, and every failure named.

Whatever stands between us and vCenter may answer in its place: a proxy, a log-in page, a service mesh. So a success
counts where its body is what the operation answers with, and a refusal where it is vAPI's own. All else is 503: it says
nothing about the event. (vcsim's 404 alone has no vAPI error; it is taken by its status.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import orjson

from vcenter_functions.errors import ForbiddenError, UnknownError, VcenterRefusedError, VcenterUnavailableError

T = TypeVar("T")
Shape = Callable[[Any], T]
"""Takes what an answer holds (``MISSING`` where it is empty) and returns it. Raises ValueError for another shape."""

MISSING = object()
MAX_BYTES = 8 * 1024 * 1024
"""The longest answer that is read: the ids of some 80,000 tags."""
LONGEST_DELAY = 3600.0
"""Seconds of vCenter's Retry-After that are passed on at most."""

BUSY = frozenset(
    {
        "concurrent_change",
        "internal_server_error",
        "operation_not_found",
        "resource_busy",
        "resource_inaccessible",
        "service_unavailable",
        "timed_out",
        "unable_to_allocate_resource",
        "unauthenticated",
    }
)
"""Errors of vAPI that pass by themselves, whatever the status that they come with."""

PAGES = frozenset({"text/html", "application/xhtml+xml"})
"""What no REST API of vCenter's answers with, but a log-in page or a proxy's error does."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, read. ``request`` is what it answers: ``GET /api/session``."""

    request: str
    status: int
    headers: httpx.Headers
    content: bytes


async def read(response: httpx.Response) -> Answer:
    """Read a response of at most MAX_BYTES. Raises VcenterUnavailableError, and httpx.HTTPError where it breaks off."""
    request = f"{response.request.method} {response.request.url.path}"
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _no_vcenter(request, "a compressed answer that was not asked for")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_BYTES:
            raise _no_vcenter(request, f"more than {MAX_BYTES} bytes")
    return Answer(request, response.status_code, response.headers, bytes(content))


def value_of(answer: Answer, shape: Shape[T], *, wrapped: bool) -> T:
    """What a successful answer holds. Raises what another one means."""
    if is_page(answer):
        raise _no_vcenter(answer.request, f"{answer.status} with a web page")
    if not httpx.codes.is_success(answer.status):
        raise failure(answer)
    try:
        return shape(_unwrapped(answer.content) if wrapped else _parsed(answer.content))
    except ValueError as exc:
        raise _no_vcenter(answer.request, f"{answer.status} with {_about(answer.content)}") from exc


def is_page(answer: Answer) -> bool:
    """Whether this is a page for people."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() in PAGES


def may_pass(status: int) -> bool:
    """Whether a status says "not now", whoever gave it."""
    return status >= 500 or status in {408, 425, 429}  # noqa: PLR2004  HTTP


def failure(answer: Answer) -> VcenterRefusedError | VcenterUnavailableError:
    """An answer that is no success, by what to do about it."""
    kind, code, text = _error(answer.content)
    status = answer.status
    message = f"{answer.request}: {status} {text or kind or httpx.codes.get_reason_phrase(status)}".rstrip()
    # Not ready is also a path that vCenter's front end does not know yet: the services behind it are still starting.
    starting = code == "com.vmware.vapi.rest.httpNotFound"
    if status == 404 and not starting and kind not in BUSY:  # noqa: PLR2004  HTTP
        return UnknownError(f"vCenter refuses {message}", kind=kind)
    if status in {400, 403} and kind and kind not in BUSY:
        refused = ForbiddenError if status == 403 else VcenterRefusedError  # noqa: PLR2004  HTTP
        return refused(f"vCenter refuses {message}", kind=kind)
    return VcenterUnavailableError(f"vCenter is not ready: {message}", retry_after=_retry_after(answer.headers))


def nothing(found: Any) -> None:
    """The answer of an operation that returns nothing. A 200 with a body is somebody else's."""
    if found is not MISSING and found not in (None, {}):
        raise ValueError("not empty")


def text(found: Any) -> str:
    """A string that can stand in a header: an id, a session's token."""
    if not isinstance(found, str) or not found.strip() or not found.isascii() or not found.isprintable():
        raise ValueError("no string")
    return found


def ids(found: Any) -> list[str]:
    """A list of ids; vcsim has null for an empty one."""
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError("no list")  # noqa: TRY004  one kind of failure for every shape
    return [identifier(each) for each in found]


def identifier(found: Any) -> str:
    """An id that can stand in a path, where ``.`` and ``..`` would be no segment of their own."""
    if text(found) in {".", ".."}:
        raise ValueError("no id")
    return str(found)


def record(*names: str) -> Shape[dict[str, Any]]:
    """An object with these members, all of them strings."""

    def shape(found: Any) -> dict[str, Any]:
        if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in names):
            raise ValueError("no such object")
        return found

    return shape


def _parsed(content: bytes) -> Any:
    return orjson.loads(content) if content.strip() else MISSING


def _unwrapped(content: bytes) -> Any:
    body = _parsed(content)
    if body is MISSING:
        return MISSING
    if not isinstance(body, dict):
        raise ValueError("no envelope")  # noqa: TRY004  one kind of failure for every shape
    return body.get("value", MISSING)


def _error(content: bytes) -> tuple[str, str, str]:
    """The kind of a vAPI error (``not_found``), and its first message's id and text; empty where it is none."""
    try:
        body = _parsed(content)
    except ValueError:
        return "", "", ""
    if not isinstance(body, dict):
        return "", "", ""
    kind = str(body.get("error_type") or body.get("type") or "").rpartition(".")[2].lower()
    value = body.get("value")
    messages = body.get("messages") or (value.get("messages") if isinstance(value, dict) else None) or [{}]
    first = messages[0] if isinstance(messages, list) and isinstance(messages[0], dict) else {}
    return _short(kind), str(first.get("id", "")), _short(str(first.get("default_message", "")))


def _short(told: str) -> str:
    """One line of a remote's words, for a log and for an answer's body."""
    line = " ".join("".join(each if each.isprintable() else " " for each in told[:1000]).split())
    return line if len(line) <= 300 else f"{line[:300]}…"  # noqa: PLR2004  a few lines on a terminal


def _about(content: bytes) -> str:
    return "another body than this operation has" if content.strip() else "no body"


def _no_vcenter(request: str, got: str) -> VcenterUnavailableError:
    return VcenterUnavailableError(f"not a vCenter's answer to {request}: {got}; is VCENTER_URL right?")


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds, where vCenter names them; a date is ignored."""
    value = headers.get("retry-after", "")
    return min(float(value), LONGEST_DELAY) if value.isascii() and value.isdecimal() else None
