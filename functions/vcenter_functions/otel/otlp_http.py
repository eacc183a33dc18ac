"""OTLP over HTTP, by the standard variables: one request with encoded spans, tried again where that may help."""

import gzip
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from importlib.metadata import entry_points

import requests
from opentelemetry.util.re import parse_env_headers

from vcenter_functions.net.addresses import strip_secrets
from vcenter_functions.otel.export import Ended
from vcenter_functions.otel.receiver import OtlpSession
from vcenter_functions.otel.tries import Request, RetryingSender, find_pause, read_variable

RETRYABLE = frozenset({429, 502, 503, 504})
"""OTLP 1.x, "Failures": statuses after which the same request may succeed."""

CREDENTIAL_PROVIDERS = "opentelemetry_otlp_credential_provider"
"""The entry points of plug-ins that create a session."""

CREDENTIAL_VARIABLES = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)
COMPRESSIONS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


def read_address(environ: Mapping[str, str]) -> str:
    """Return where spans go: what is for all signals is a base, what is for traces is the whole address."""
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").removesuffix("/")
    return environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{base}/v1/traces"


def create_session(environ: Mapping[str, str]) -> requests.Session:
    """Return the session of the plug-in that the environment names, or ours. Raises ValueError without such a one."""
    variable = next((name for name in CREDENTIAL_VARIABLES if environ.get(name)), None)
    if variable is None:
        return OtlpSession()
    plugins = entry_points(group=CREDENTIAL_PROVIDERS, name=environ[variable])
    session = next((plugin.load()() for plugin in plugins), None)
    if not isinstance(session, requests.Session):
        raise ValueError(f"{variable} {environ[variable]!r} is no installed plug-in that returns a session")  # noqa: TRY004  a wrong setting
    return session


class HttpSender(RetryingSender[Ended]):
    """Posts requests to a receiver, one after another. ``maker`` is the header ``User-Agent``."""

    def __init__(self, request: Request[Ended], environ: Mapping[str, str], maker: str) -> None:
        super().__init__(request, environ)
        self._address = read_address(environ)
        self._shown = strip_secrets(self._address)
        self._session = create_session(environ)
        self._session.verify = read_variable(environ, "CERTIFICATE") or True
        certificate, key = read_variable(environ, "CLIENT_CERTIFICATE"), read_variable(environ, "CLIENT_KEY")
        self._session.cert = (certificate, key) if certificate and key else certificate or None
        coding = read_variable(environ, "COMPRESSION").strip().lower()
        self._compression = COMPRESSIONS.get(coding)
        self._headers = {"content-type": "application/x-protobuf", "user-agent": maker}
        self._headers |= {"content-encoding": coding} if self._compression else {}
        self._headers |= parse_env_headers(read_variable(environ, "HEADERS"), liberal=True)

    def _compress(self, body: bytes) -> bytes:
        return self._compression(body) if self._compression else body

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _try(self, body: bytes, seconds: float, attempt: int) -> tuple[str, float | None]:
        try:
            response = self._session.post(
                self._address, body, headers=self._headers, timeout=seconds, allow_redirects=False
            )
        except (requests.ConnectionError, requests.Timeout) as exc:
            pause = find_pause(attempt) if attempt else 0.0  # a kept connection may have ended
            return f"{self._shown} does not answer{explain_tls(exc)}", pause
        except requests.RequestException as exc:
            why = str(exc) if isinstance(exc, requests.HTTPError) else type(exc).__name__
            return f"{why} ({self._shown})", None
        if response.status_code < 300:  # noqa: PLR2004
            return "", None
        why = f"{self._shown} answers {response.status_code} {response.reason}".rstrip()
        if response.status_code not in RETRYABLE:
            return why, None
        return why, read_retry_after(response.headers.get("retry-after"), find_pause(attempt))


def explain_tls(failure: requests.RequestException) -> str:
    """Return what is wrong with the receiver's certificate; empty for another failure."""
    is_tls = isinstance(failure, requests.exceptions.SSLError) and failure.args
    return f": {getattr(failure.args[0], 'reason', '')}" if is_tls else ""


def read_retry_after(value: str | None, otherwise: float) -> float:
    """Return the seconds that a header Retry-After names, as a number or as a date (RFC 9110, 10.2.3)."""
    try:
        return max(0.0, float(value or otherwise))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value or "").timestamp() - time.time())
    except (TypeError, ValueError):
        return otherwise
