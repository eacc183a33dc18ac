"""Who may see the viewer: the checks of each request, before anything else.

Without a token, only requests for a loopback name are served: an attacker's own name that resolves to 127.0.0.1 (DNS
rebinding) is refused. With a token, a request for data must carry it, in a cookie or as a Bearer token. In either case
pages of another origin are refused, so that they cannot read what the viewer shows, or send an event again.
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
    "require-trusted-types-for": "'script'",  # turning text into markup throws an error
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
    """The checks. ``token`` is None where none is required."""

    token: str | None
    _cookie: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # The cookie is not the token: it is of no use for anything else.
        key = (self.token or "").encode()
        object.__setattr__(self, "_cookie", hmac.new(key, b"vcenter-source viewer", hashlib.sha256).hexdigest())

    def check(self, headers: Mapping[str, str], cookies: Mapping[str, str], *, data: bool) -> tuple[int, str] | None:
        """Return status and reason to refuse a request; None if it may pass. The page itself is not ``data``."""
        if self.token is None and not is_loopback(parse_host(headers.get("Host", ""))):
            return 421, "not requested by a loopback name; to allow other names, set VIEWER_TOKEN"
        if data and not is_same_origin(headers):
            return 403, "requested by a page of another origin"
        if data and not self.is_authorized(headers, cookies):
            return 401, "the token in VIEWER_TOKEN is required"
        return None

    def is_authorized(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
        """Whether the request carries the token, in its cookie or as a Bearer token."""
        scheme, _, bearer = headers.get("Authorization", "").partition(" ")
        if self.token is None or (scheme.lower() == "bearer" and self.is_token(bearer.strip())):
            return True
        return is_equal(cookies.get(COOKIE, ""), self._cookie)

    def is_token(self, text: str) -> bool:
        """Whether this is the token."""
        return self.token is not None and is_equal(text, self.token)

    def sign_in(self, response: web.Response) -> None:
        """Set the cookie, for as long as the browser is open."""
        response.set_cookie(COOKIE, self._cookie, httponly=True, samesite="Strict", path="/")


def is_equal(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())


def parse_host(header: str) -> str:
    """Return the host of a Host header, without its port; empty for an invalid header."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether the request comes from our own page, or from no page at all (curl, say).

    Browsers send Sec-Fetch-Site, or Origin, or both.
    """
    if headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return False
    origin = headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("Host", "").lower()


def create_middleware(guard: Guard) -> Middleware:
    """Return the middleware that checks each request and adds the headers to its response."""

    @web.middleware
    async def check_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        data = request.path.startswith("/api/") and request.path != "/api/session"
        refusal = guard.check(request.headers, request.cookies, data=data)
        if refusal:
            status, reason = refusal
            return web.json_response({"error": reason}, status=status, headers=HEADERS)
        try:
            return await handler(request)
        except web.HTTPException as exc:
            exc.headers.update(HEADERS)
            raise

    return check_request
