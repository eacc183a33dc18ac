"""vSphere's tags over REST, to read alone: which there are, and what carries one. It blocks.

Paths are those of the vSphere Automation API: ``/api`` from 7.0 U2 on, ``/rest`` before.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from adapter.errors import AuthenticationError, VcenterRefusedError, VcenterUnavailableError
from adapter.event import ManagedObjectReference
from adapter.proxies import Proxy, vcenter_proxy
from adapter.vcenter.failures import refusal
from adapter.vcentersettings import Credentials

SESSION_HEADER = "vmware-api-session-id"
PRIVILEGES = "the account needs the role Read-Only as a global permission, where tags live"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a generation of vCenter writes its REST API. ``item`` stands before an id; ``wrapped``: ``{"value": …}``."""

    session: str
    tagging: str
    item: str
    action: str
    wrapped: bool


API = Dialect("/api/session", "/api/cis/tagging", "", "action", wrapped=False)
REST = Dialect("/rest/com/vmware/cis/session", "/rest/com/vmware/cis/tagging", "id:", "~action", wrapped=True)


OTHER_DIALECT = frozenset({400, 403, 404, 405, 415})
"""What a vCenter or a proxy in between answers to a log-in in a dialect that it does not speak."""


class Tags:
    """The tags of one vCenter, in a session of their own. Raises the failures of ``adapter.errors``."""

    def __init__(self, http: httpx.Client, credentials: Credentials, proxy: Proxy | None = None) -> None:
        self._http = http
        self._proxy = proxy
        self.host = http.base_url.netloc.decode()
        with rest_errors(self.host, self._proxy):
            self._dialect = self._log_in(credentials)

    def categories(self) -> Mapping[str, str]:
        """The id of each category by its name."""
        with rest_errors(self.host, self._proxy):
            return self._by_name("category", self._call("GET", "/category"))

    def tags_of(self, category_id: str) -> Mapping[str, str]:
        """The id of each tag of a category by its name."""
        item = f"/{self._dialect.item}{category_id}" if self._dialect.wrapped else ""
        with rest_errors(self.host, self._proxy):
            found = self._call("POST", f"/tag{item}", "list-tags-for-category", {"category_id": category_id})
            return self._by_name("tag", found)

    def objects_with(self, tag_id: str) -> list[ManagedObjectReference] | None:
        """What carries a tag, as far as the account may see it; None where there is no such tag."""
        parameters: dict[str, str] | None = {} if self._dialect.wrapped else None  # vcsim stumbles over no body at all
        with rest_errors(self.host, self._proxy):
            path = f"/tag-association/{self._dialect.item}{tag_id}"
            found = self._call("POST", path, "list-attached-objects", parameters)
            return None if found is None else [ManagedObjectReference(each["type"], each["id"]) for each in found]

    def log_out(self) -> None:
        """End the session. Never fails."""
        with suppress(Exception):
            self._http.delete(self._dialect.session)

    def _by_name(self, kind: str, ids: list[str] | None) -> dict[str, str]:
        """The API finds nothing by name: each is asked for its own. One deleted meanwhile is left out."""
        found = (self._call("GET", f"/{kind}/{self._dialect.item}{each}") for each in ids or ())
        return {each["name"]: each["id"] for each in found if each is not None}

    def _log_in(self, credentials: Credentials) -> Dialect:
        auth = httpx.BasicAuth(credentials.username, credentials.password.get_secret_value())
        for dialect in (API, REST):
            answer = self._http.post(dialect.session, auth=auth, headers={"vmware-use-header-authn": "true"})
            if answer.status_code not in OTHER_DIALECT:
                self._http.headers[SESSION_HEADER] = str(self._value(answer, wrapped=dialect.wrapped))
                return dialect
        said = f"it answers {answer.status_code} to a log-in there; is it still starting?"
        raise VcenterUnavailableError(f"vCenter {self.host} has no REST API, where tags are: {said}")

    def _call(self, method: str, path: str, action: str = "", body: Any = None) -> Any:
        """What an operation answers, None where what it is about is not known."""
        query = {self._dialect.action: action} if action else {}
        answer = self._http.request(method, self._dialect.tagging + path, params=query, json=body)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return self._value(answer, wrapped=self._dialect.wrapped)

    def _value(self, answer: httpx.Response, *, wrapped: bool) -> Any:
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise AuthenticationError(refusal(self.host))
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise VcenterRefusedError(f"vCenter {self.host} refuses to show its tags: {PRIVILEGES}")
        if not answer.is_success:
            what = f"{answer.request.method} {answer.request.url.path}"
            raise VcenterUnavailableError(f"vCenter {self.host} answers {answer.status_code} to {what}")
        return answer.json()["value"] if wrapped else answer.json()


@contextmanager
def reading_tags(url: str, credentials: Credentials, tls: ssl.SSLContext) -> Iterator[Tags]:
    """The tags of the vCenter at ``url``, through the proxy that leads there."""
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    proxy = vcenter_proxy(url)
    with httpx.Client(
        base_url=base, verify=tls, trust_env=False, timeout=30, proxy=proxy.url if proxy else None
    ) as http:
        tags = Tags(http, credentials, proxy)
        try:
            yield tags
        finally:
            tags.log_out()


@contextmanager
def rest_errors(host: str, proxy: Proxy | None) -> Iterator[None]:
    """Map what httpx and broken answers raise to ``adapter.errors``."""
    try:
        yield
    except httpx.HTTPError as exc:
        raise VcenterUnavailableError(f"vCenter {host} cannot be reached: {reason(exc, proxy)}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise VcenterUnavailableError(f"{host} does not answer like a vCenter; check VCENTER_URL") from exc


def reason(exc: httpx.HTTPError, proxy: Proxy | None) -> str:
    """Why there is no answer, and what to look at."""
    said = str(exc) or type(exc).__name__
    if isinstance(exc, httpx.ProxyError):  # its answer to CONNECT
        return f"the proxy {proxy} answers {said}; see what it asks for and lets through, or add the host to NO_PROXY"
    if proxy is not None and isinstance(exc, httpx.ConnectError | httpx.TimeoutException):
        return f"through the proxy {proxy}: {said}; check {proxy.variable} and VCENTER_URL"
    return f"{said}; check VCENTER_URL"
