"""Read vSphere's tags over REST: which ones exist, and which objects carry one. Calls block.

Paths are those of the vSphere Automation API: ``/api`` from 7.0 U2 on, ``/rest`` before.
"""

import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import orjson

from vcenter_functions.login import Credentials
from vcenter_functions.net.proxies import Proxy
from vcenter_source.core.errors import AuthenticationError, VcenterRefusedError, VcenterUnavailableError
from vcenter_source.core.event import ManagedObjectReference
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.vcenter.failures import describe_refusal
from vcenter_source.vcenter.rest_response import (
    NOT_FOUND,
    RestResponse,
    parse_header_value,
    parse_ids,
    parse_name,
    parse_references,
)

SESSION_HEADER = "vmware-api-session-id"
PRIVILEGES = "the account needs the role Read-Only as a global permission, where tags live"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a generation of vCenter writes its REST API. ``item`` precedes an id; ``wrapped`` is ``{"value": …}``."""

    session: str
    tagging: str
    item: str
    action: str
    wrapped: bool


API = Dialect("/api/session", "/api/cis/tagging", "", "action", wrapped=False)
REST = Dialect("/rest/com/vmware/cis/session", "/rest/com/vmware/cis/tagging", "id:", "~action", wrapped=True)


MAX_PARALLEL_REQUESTS = 8
"""How many categories or tags are read at the same time."""

OTHER_DIALECT = frozenset({400, 403, 404, 405, 415})
"""How a vCenter, or a proxy in between, answers a log-in in a dialect that it does not speak."""


class Tags:
    """The tags of one vCenter, in a session of their own. Raises the failures of ``vcenter_source.core.errors``."""

    def __init__(self, http: httpx.Client, credentials: Credentials, proxy: Proxy | None = None) -> None:
        self._http = http
        self._proxy = proxy
        self.host = http.base_url.netloc.decode()
        with rest_errors(self.host, self._proxy):
            self._dialect = self._log_in(credentials)

    def categories(self) -> Mapping[str, str]:
        """Return the id of each category by its name."""
        with rest_errors(self.host, self._proxy):
            result = self._call("GET", "/category")
            if result is NOT_FOUND:
                raise VcenterUnavailableError(
                    f"vCenter {self.host} has no categories to ask for; is it still starting?"
                )
            return self._by_name("category", parse_ids(result))

    def tags_of(self, category_id: str) -> Mapping[str, str]:
        """Return the id of each tag of a category by its name."""
        item = self._item(category_id) if self._dialect.wrapped else ""
        with rest_errors(self.host, self._proxy):
            result = self._call("POST", f"/tag{item}", "list-tags-for-category", {"category_id": category_id})
            return self._by_name("tag", [] if result is NOT_FOUND else parse_ids(result))

    def objects_with(self, tag_id: str) -> list[ManagedObjectReference] | None:
        """Return the objects that carry a tag, as far as the account may see them; None if there is no such tag."""
        parameters: dict[str, str] | None = {} if self._dialect.wrapped else None  # vcsim fails without any body
        with rest_errors(self.host, self._proxy):
            path = f"/tag-association{self._item(tag_id)}"
            result = self._call("POST", path, "list-attached-objects", parameters)
            return None if result is NOT_FOUND else parse_references(result)

    def log_out(self) -> None:
        """End the session. Never fails."""
        with suppress(Exception):
            self._http.delete(self._dialect.session)

    def _item(self, id_: str) -> str:
        """Quote an id so that it stays one segment of a path."""
        return f"/{self._dialect.item}{quote(id_, safe=':')}"

    def _by_name(self, kind: str, ids: list[str]) -> dict[str, str]:
        """Read the name of each, since the API does not search by name. One deleted meanwhile is left out."""
        with ThreadPoolExecutor(MAX_PARALLEL_REQUESTS) as asking:
            results = list(asking.map(lambda id_: self._call("GET", f"/{kind}{self._item(id_)}"), ids))
        return {parse_name(result): id_ for result, id_ in zip(results, ids, strict=True) if result is not NOT_FOUND}

    def _log_in(self, credentials: Credentials) -> Dialect:
        auth = httpx.BasicAuth(credentials.username, credentials.password.get_secret_value())
        for dialect in (API, REST):
            answer = self._ask("POST", dialect.session, auth=auth, headers={"vmware-use-header-authn": "true"})
            if answer.status not in OTHER_DIALECT and not (answer.is_html and dialect is API):
                self._http.headers[SESSION_HEADER] = parse_header_value(self._value(answer, wrapped=dialect.wrapped))
                return dialect
        reason = f"it answers {answer.status} to a log-in there; is it still starting?"
        raise VcenterUnavailableError(f"vCenter {self.host} has no REST API, where tags are: {reason}")

    def _call(self, method: str, path: str, action: str = "", body: Any = None) -> Any:
        """Return an operation's result; NOT_FOUND if its object does not exist."""
        query = {self._dialect.action: action} if action else {}
        answer = self._ask(method, self._dialect.tagging + path, params=query, json=body)
        if answer.status == httpx.codes.NOT_FOUND and not answer.is_html:
            return NOT_FOUND
        return self._value(answer, wrapped=self._dialect.wrapped)

    def _ask(self, method: str, path: str, **more: Any) -> RestResponse:
        """Send one request and read its response, of bounded length."""
        with self._http.stream(method, path, **more) as response:
            return RestResponse.read(response)

    def _value(self, answer: RestResponse, *, wrapped: bool) -> Any:
        if answer.status == httpx.codes.UNAUTHORIZED:
            raise AuthenticationError(describe_refusal(self.host))
        if answer.is_html:
            raise ValueError("a page for people")
        if answer.status == httpx.codes.FORBIDDEN:
            raise VcenterRefusedError(f"vCenter {self.host} refuses to show its tags: {PRIVILEGES}")
        if not httpx.codes.is_success(answer.status):
            raise VcenterUnavailableError(f"vCenter {self.host} answers {answer.status} to {answer.request}")
        result = orjson.loads(answer.content)
        return result["value"] if wrapped else result


@contextmanager
def open_tags(url: str, credentials: Credentials, tls: ssl.SSLContext) -> Iterator[Tags]:
    """Log in to read the tags of the vCenter at ``url``, through a proxy if there is one, and log out at the end."""
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    proxy = find_vcenter_proxy(url)
    with httpx.Client(
        base_url=base,
        verify=tls,
        trust_env=False,
        timeout=30,
        proxy=proxy.url if proxy else None,
        headers={"accept-encoding": "identity"},  # a compressed body could unpack to any size
    ) as http:
        tags = Tags(http, credentials, proxy)
        try:
            yield tags
        finally:
            tags.log_out()


@contextmanager
def rest_errors(host: str, proxy: Proxy | None) -> Iterator[None]:
    """Map what httpx and broken answers raise to ``vcenter_source.core.errors``."""
    try:
        yield
    except httpx.HTTPError as exc:
        raise VcenterUnavailableError(f"vCenter {host} cannot be reached: {describe_http_error(exc, proxy)}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise VcenterUnavailableError(f"{host} does not answer like a vCenter; check VCENTER_URL") from exc


def describe_http_error(exc: httpx.HTTPError, proxy: Proxy | None) -> str:
    """Describe why there is no answer, and what to check."""
    reason = str(exc) or type(exc).__name__
    if isinstance(exc, httpx.ProxyError):  # the proxy's answer to CONNECT
        return f"the proxy {proxy} answers {reason}; see what it asks for and lets through, or add the host to NO_PROXY"
    if proxy is not None and isinstance(exc, httpx.ConnectError | httpx.TimeoutException):
        return f"through the proxy {proxy}: {reason}; check {proxy.variable} and VCENTER_URL"
    return f"{reason}; check VCENTER_URL"
