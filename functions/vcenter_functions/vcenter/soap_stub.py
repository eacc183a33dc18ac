"""pyVmomi's SOAP stub, with a span for each call, authorities that are read again, and one kind of failure."""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from pyVmomi import SoapAdapter, vmodl

from vcenter_functions.errors import VcenterUnavailableError
from vcenter_functions.net.proxies import Proxy
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.transport import Route, explain_no_answer

_soap: Any = SoapAdapter  # it has no types of its own

IDLE_SECONDS = 4
"""How long a connection is kept for the next call: less than servers keep it, which would break that call off."""

_headers: ContextVar[Mapping[str, str] | None] = ContextVar("headers", default=None)
"""The headers of the call that is being made: calls of several threads share a stub."""


class Stub(_soap.SoapStubAdapter):  # type: ignore[misc]  # as above
    """The connections of one session. Calls block, for the route's time-out at most until something is answered.

    A call raises vCenter's faults as pyVmomi does, and VcenterUnavailableError for whatever is no SOAP answer.
    """

    def __init__(self, route: Route, version: str, tracing: Tracing) -> None:
        super().__init__(
            url=f"{route.url}/sdk",
            version=version,
            sslContext=route.authorities.context(),
            connectionPoolTimeout=IDLE_SECONDS,
            httpConnectionTimeout=route.timeout,
        )
        self._route = route
        self._tracing = tracing
        if route.proxy is not None:
            self.scheme = partial(_connect_through, route.proxy)

    @property
    def _customHeaders(self) -> Mapping[str, str] | None:  # noqa: N802  pyVmomi's name
        return _headers.get()

    @_customHeaders.setter
    def _customHeaders(self, _: Any) -> None:  # noqa: N802
        """Ignore what pyVmomi sets once for all calls."""

    def GetConnection(self) -> HTTPConnection:  # noqa: N802
        """Take a connection that trusts the authorities as they are now."""
        context = self._route.authorities.context()
        if "context" in self.schemeArgs and self.schemeArgs["context"] is not context:
            self.schemeArgs["context"] = context
            self.DropConnections()
        connection: HTTPConnection = super().GetConnection()
        return connection

    def close(self) -> None:
        """Close the connections; those in use are closed after their call."""
        self.poolSize = 0
        self.DropConnections()

    def InvokeMethod(self, mo: Any, info: Any, args: Any, outerStub: Any = None) -> Any:  # noqa: N802, N803
        """Make a call for pyVmomi: its methods and properties end here."""
        headers: dict[str, str] = {}
        names = self._route.setting_names
        with self._tracing.request_span("POST", f"{self._route.url}/sdk", headers, name=info.wsdlName):
            token = _headers.set(headers)
            try:
                return super().InvokeMethod(mo, info, args, outerStub)
            except vmodl.MethodFault:
                raise
            except (OSError, HTTPException) as exc:
                proxy = f" (through the proxy {self._route.proxy})" if self._route.proxy else ""
                raise VcenterUnavailableError(f"{explain_no_answer(self._route.url, exc, names)}{proxy}") from exc
            except Exception as exc:  # pyVmomi raises ExpatError, KeyError and bare ones if another server answers
                raise VcenterUnavailableError(
                    f"not a vCenter's answer to POST /sdk ({info.wsdlName}); is {names.url} right?"
                ) from exc
            finally:
                _headers.reset(token)


def _connect_through(proxy: Proxy, host: str, port: int, **options: Any) -> HTTPSConnection:
    """Create a connection through a proxy, which cannot read it, and whose password vCenter does not get."""
    connection = HTTPSConnection(proxy.host, proxy.port, **options)
    connection.set_tunnel(host, port, dict(proxy.headers))
    return connection
