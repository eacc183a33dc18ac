"""Parts of URLs: hosts, ports, and what must not be printed. Pure."""

from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}


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
