"""Who may see the viewer: checks of each request, before anything is answered.

Without a token, only who comes by a loopback name is served: a name of an attacker's own that resolves to 127.0.0.1
(DNS rebinding) is refused. With one, a request for data has to carry it, in a cookie or as a Bearer token. Pages of
another origin are refused in either case, so that none can read what is shown here, or send an event again.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from vcenter_source.settings.serving import is_loopback

COOKIE = "vcenter-source-viewer"

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",  # a text that is made markup throws an error
    "trusted-types": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Guard:
    """The checks. ``token`` is None where none is asked for."""

    token: str | None
    _cookie: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # What the browser keeps is no token for any other use.
        key = (self.token or "").encode()
        object.__setattr__(self, "_cookie", hmac.new(key, b"vcenter-source viewer", hashlib.sha256).hexdigest())

    def refusal(self, headers: Mapping[str, str], cookies: Mapping[str, str], *, data: bool) -> tuple[int, str] | None:
        """The status and the reason to refuse a request with; None lets it pass. The page itself is no ``data``."""
        if self.token is None and not is_loopback(host_of(headers.get("Host", ""))):
            return 421, "not asked for by a loopback name; set VIEWER_TOKEN to be reached by others"
        if data and not same_origin(headers):
            return 403, "asked for by a page of another origin"
        if data and not self.admits(headers, cookies):
            return 401, "the token that VIEWER_TOKEN names is asked for"
        return None

    def admits(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
        """Whether the request carries the token, in its cookie or as a Bearer token."""
        scheme, _, bearer = headers.get("Authorization", "").partition(" ")
        if self.token is None or (scheme.lower() == "bearer" and self.is_token(bearer.strip())):
            return True
        return same(cookies.get(COOKIE, ""), self._cookie)

    def is_token(self, text: str) -> bool:
        """Whether this is the token."""
        return self.token is not None and same(text, self.token)

    def sign_in(self, response: web.Response) -> None:
        """Give the browser the cookie, until it is closed."""
        response.set_cookie(COOKIE, self._cookie, httponly=True, samesite="Strict", path="/")


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())


def host_of(header: str) -> str:
    """The host of a Host header, without its port; empty where it is none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether the request comes from our own page, or from no page at all (curl, say).

    Browsers say so in Sec-Fetch-Site, and in Origin, which some send instead of it.
    """
    if headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return False
    origin = headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("Host", "").lower()


def middleware(guard: Guard) -> Middleware:
    """The checks and the headers, around every handler."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        data = request.path.startswith("/api/") and request.path != "/api/session"
        refused = guard.refusal(request.headers, request.cookies, data=data)
        if refused:
            return web.json_response({"error": refused[1]}, status=refused[0], headers=HEADERS)
        try:
            return await handler(request)
        except web.HTTPException as exc:
            exc.headers.update(HEADERS)
            raise

    return guarded
