"""Parts of URLs: hosts, ports, and what must not be printed. Pure."""

from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}

ENCODE = "percent-encode special characters in a user name or password"
VALID_VCENTER_URL = "set a host name or https://host/sdk"


def complete_vcenter_url(value: str) -> str:
    """Make `host`, `host:port` and an IPv6 address a full URL. Raises ValueError for what cannot be one."""
    url = value.strip()
    if "://" not in url:
        url = f"https://{add_brackets(url)}"
    parts = split_url(url, f"not an address; {ENCODE if '@' in url else VALID_VCENTER_URL}")
    if parts.scheme not in {"https", "http"} or not parts.hostname or " " in url:
        raise ValueError(f"not an address; {VALID_VCENTER_URL}")
    check_port(parts)
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(f"not an address; {ENCODE}")
    return url


def split_url(url: str, refusal: str) -> SplitResult:
    """Split a URL. Raises ValueError with ``refusal``: the library's own message may quote a part of a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(refusal) from None


def check_port(parts: SplitResult) -> None:
    """Refuse a wrong port without quoting it: in `user:pa#ss@host` it is `pa`, a part of the password."""
    try:
        parts.port  # noqa: B018  its own check
    except ValueError:
        raise ValueError(f"the port is not a number up to 65535; {ENCODE}") from None


def add_brackets(host: str) -> str:
    """Return the host as a URL has it: an IPv6 address stands in brackets."""
    try:
        return f"[{IPv6Address(host)}]"
    except ValueError:
        return host


def strip_brackets(host: str) -> str:
    """Return an IPv6 address without the brackets that a URL puts around it."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def port_of(parts: SplitResult) -> int:
    """Return the port of an address, also where it names none; 0 for a scheme without a default."""
    return parts.port or PORTS.get(parts.scheme, 0)


def strip_secrets(url: str) -> str:
    """Return an address as it may be printed: no user info, no query, no fragment."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
