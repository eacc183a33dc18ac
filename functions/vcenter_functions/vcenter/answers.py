"""What vCenter's REST API answers: read up to a limit, checked for its shape, and every failure named.

Whatever stands between us and vCenter may answer in its place: a proxy, a log-in page, a service mesh. So a success
counts only if its body has the shape that the operation answers with, and a refusal only if it is a vAPI error. All
else is 503: it says nothing about the event. (vcsim's 404 has no vAPI error; its status is enough.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import orjson

from vcenter_functions.errors import ForbiddenError, NotFoundError, VcenterRefusedError, VcenterUnavailableError
from vcenter_functions.http_answers import parse_retry_after
from vcenter_functions.vcenters_file import VARIABLES

T = TypeVar("T")
Expectation = Callable[[Any], T]
"""Returns an answer's value (``MISSING`` for an empty answer) if it has the expected shape, or raises ValueError."""

MISSING = object()
MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""The longest answer that is read: the ids of some 80,000 tags."""

TRANSIENT_KINDS = frozenset(
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
"""vAPI errors that pass by themselves, whatever their HTTP status."""

WEB_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
"""Content types that vCenter's REST API never answers with, but a log-in page or a proxy's error page has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, read. ``request`` is the request that it answers: ``GET /api/session``.

    ``url_setting`` is what messages call the setting that has vCenter's address.
    """

    request: str
    status: int
    headers: httpx.Headers
    content: bytes
    url_setting: str = VARIABLES.url


async def read_answer(response: httpx.Response, url_setting: str = VARIABLES.url) -> Answer:
    """Read a response. Raises VcenterUnavailableError if it is too long, and httpx.HTTPError where it breaks off."""
    request = f"{response.request.method} {response.request.url.path}"
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _not_vcenter_error(request, "a compressed answer that was not asked for", url_setting)
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise _not_vcenter_error(request, f"more than {MAX_ANSWER_BYTES} bytes", url_setting)
    return Answer(request, response.status_code, response.headers, bytes(content), url_setting)


def parse_value(answer: Answer, expect: Expectation[T], *, wrapped: bool) -> T:
    """Return a successful answer's value. Raises VcenterRefusedError or VcenterUnavailableError for any other."""
    if is_web_page(answer):
        raise _not_vcenter_error(answer.request, f"{answer.status} with a web page", answer.url_setting)
    if not httpx.codes.is_success(answer.status):
        raise to_error(answer)
    try:
        return expect(_unwrap(answer.content) if wrapped else _parse(answer.content))
    except ValueError as exc:
        got = f"{answer.status} with {_describe(answer.content)}"
        raise _not_vcenter_error(answer.request, got, answer.url_setting) from exc


def is_web_page(answer: Answer) -> bool:
    """Say whether this is a page for people."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() in WEB_PAGE_TYPES


def is_transient(status: int) -> bool:
    """Return whether a status means "not now", from vCenter or from a proxy."""
    return status >= 500 or status in {408, 425, 429}  # noqa: PLR2004  HTTP


def to_error(answer: Answer) -> VcenterRefusedError | VcenterUnavailableError:
    """Turn any other answer into the error that says what to do about it."""
    kind, code, text = _parse_error(answer.content)
    status = answer.status
    message = f"{answer.request}: {status} {text or kind or httpx.codes.get_reason_phrase(status)}".rstrip()
    # vCenter's front end does not know a path either while the service behind it is still starting: not ready.
    starting = code == "com.vmware.vapi.rest.httpNotFound"
    if status == 404 and not starting and kind not in TRANSIENT_KINDS:  # noqa: PLR2004  HTTP
        return NotFoundError(f"vCenter refuses {message}", kind=kind)
    if status in {400, 403} and kind and kind not in TRANSIENT_KINDS:
        refused = ForbiddenError if status == 403 else VcenterRefusedError  # noqa: PLR2004  HTTP
        return refused(f"vCenter refuses {message}", kind=kind)
    return VcenterUnavailableError(f"vCenter is not ready: {message}", delay=parse_retry_after(answer.headers))


def expect_nothing(value: Any) -> None:
    """Expect the answer of an operation that returns nothing. A 200 with a body is somebody else's."""
    if value is not MISSING and value not in (None, {}):
        raise ValueError("not empty")


def expect_json(value: Any) -> Any:
    """Expect any JSON; None stands for an answer without a body."""
    return None if value is MISSING else value


def expect_text(value: Any) -> str:
    """Expect a string that can stand in a header: an id, a session's token."""
    if not isinstance(value, str) or not value.strip() or not value.isascii() or not value.isprintable():
        raise ValueError("no string")
    return value


def expect_id(value: Any) -> str:
    """Expect an id that can stand in a path, where ``.`` and ``..`` would be no segment of their own."""
    if expect_text(value) in {".", ".."}:
        raise ValueError("no id")
    return str(value)


def expect_ids(value: Any) -> list[str]:
    """Expect a list of ids; vcsim has null for an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("no list")  # noqa: TRY004  one kind of failure for every shape
    return [expect_id(item) for item in value]


def expect_object(*names: str) -> Expectation[dict[str, Any]]:
    """Expect an object with these members, all of them strings."""

    def expect(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in names):
            raise ValueError("no such object")
        return value

    return expect


def _parse(content: bytes) -> Any:
    return orjson.loads(content) if content.strip() else MISSING


def _unwrap(content: bytes) -> Any:
    body = _parse(content)
    if body is MISSING:
        return MISSING
    if not isinstance(body, dict):
        raise ValueError("no envelope")  # noqa: TRY004  one kind of failure for every shape
    return body.get("value", MISSING)


def _parse_error(content: bytes) -> tuple[str, str, str]:
    """Return the kind of a vAPI error (``not_found``), and its first message's id and text; empty for anything else."""
    try:
        body = _parse(content)
    except ValueError:
        return "", "", ""
    if not isinstance(body, dict):
        return "", "", ""
    kind = str(body.get("error_type") or body.get("type") or "").rpartition(".")[2].lower()
    value = body.get("value")
    messages = body.get("messages") or (value.get("messages") if isinstance(value, dict) else None) or [{}]
    first = messages[0] if isinstance(messages, list) and isinstance(messages[0], dict) else {}
    return _shorten(kind), str(first.get("id", "")), _shorten(str(first.get("default_message", "")))


def _shorten(text: str) -> str:
    """Make what vCenter says one line, for the log and for an answer's body."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[:1000]).split())
    return line if len(line) <= 300 else f"{line[:300]}…"  # noqa: PLR2004  a few lines on a terminal


def _describe(content: bytes) -> str:
    return "another body than this operation has" if content.strip() else "no body"


def _not_vcenter_error(request: str, got: str, url_setting: str) -> VcenterUnavailableError:
    return VcenterUnavailableError(f"not a vCenter's answer to {request}: {got}; is {url_setting} right?")
