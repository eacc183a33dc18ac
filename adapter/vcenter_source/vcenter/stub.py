"""pyVmomi's SOAP stub, with raw answers, a way to abort a call, and a deadline and a size limit for each."""

import io
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any

from pyVmomi import SoapAdapter

from vcenter_functions.net.proxies import Proxy
from vcenter_functions.net.tls import Authorities
from vcenter_source.core.proxies import open_tunnel
from vcenter_source.vcenter.decode import fault_message, fault_name
from vcenter_source.vcenter.wire import (
    CALL_TIMEOUT,
    CONNECT_TIMEOUT,
    MAX_ANSWER_BYTES,
    AnswerLateError,
    AnswerTooLongError,
    StatusError,
    UnknownFaultError,
)

_soap: Any = SoapAdapter  # it has no types of its own

_CHUNK = 1 << 18
_HTTP_OK = 200
_SOAP_STATUSES = frozenset({_HTTP_OK, 500})  # SOAP 1.1, 6.2


class _HTTPSConnection(HTTPSConnection):
    """Closes its socket when the TLS handshake fails; http.client leaves that to the garbage collector."""

    def connect(self) -> None:
        try:
            super().connect()
        except OSError:
            self.close()
            raise


class _TunnelledConnection(HTTPSConnection):
    """Reaches vCenter through a proxy, which cannot read the connection or the password."""

    def __init__(self, host: str, port: int, *, proxy: Proxy, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(host, port, context=context, **options)
        self._proxy = proxy
        self._trust = context

    def connect(self) -> None:
        plain = open_tunnel(self._proxy, self.host, self.port, CONNECT_TIMEOUT)
        try:
            self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise


class _TimedSocket(io.RawIOBase):
    """Reads a socket for at most ``timeout`` seconds. The socket's own time-out would begin again with each byte."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise AnswerLateError(self._timeout)
        self._sock.settimeout(remaining)
        try:
            return self._file.readinto(buffer)
        except TimeoutError as exc:
            raise AnswerLateError(self._timeout) from exc

    def close(self) -> None:
        self._file.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """An HTTP answer, head and body, that has to be complete within ``timeout`` seconds."""

    def __init__(self, sock: socket.socket, *args: Any, timeout: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedSocket(sock, timeout), _CHUNK)


class Stub(_soap.SoapStubAdapter):  # type: ignore[misc]  # as above
    """One connection pool to one vCenter, and one session there. Calls block: they belong in the worker thread.

    ``authorities`` is asked for every new connection; None is plain HTTP. ``proxy`` leads to vCenter. ``timeout`` is
    how many seconds a call may take, ``limit`` how many bytes its answer may have.
    """

    _active: HTTPConnection | None = None

    def __init__(
        self,
        authorities: Authorities | None,
        user_agent: str = "vcenter-source",
        proxy: Proxy | None = None,
        **options: Any,
    ) -> None:
        super().__init__(httpConnectionTimeout=CONNECT_TIMEOUT, **options)
        self._authorities = authorities
        if authorities is not None:
            self.scheme = partial(_TunnelledConnection, proxy=proxy) if proxy else _HTTPSConnection
        self._user_agent = user_agent
        self.call_timeout = CALL_TIMEOUT
        self.max_answer_bytes = MAX_ANSWER_BYTES

    @contextmanager
    def limits(self, timeout: float, max_bytes: int = MAX_ANSWER_BYTES) -> Iterator[None]:
        """Let calls in this block take at most ``timeout`` seconds, and their answers at most ``max_bytes``."""
        before = self.call_timeout, self.max_answer_bytes
        self.call_timeout, self.max_answer_bytes = timeout, max_bytes
        try:
            yield
        finally:
            self.call_timeout, self.max_answer_bytes = before

    def GetConnection(self) -> HTTPConnection:  # noqa: N802  pyVmomi's name
        """Take a connection from the pool, and note it as the one in use."""
        self._trust_as_now()
        connection: HTTPConnection = super().GetConnection()
        if connection.sock is None:  # the server has closed it after the last answer
            connection.connect()
        self._active = connection
        return connection

    def _trust_as_now(self) -> None:
        """Give new connections the present authorities, and end the connections made with earlier ones."""
        if self._authorities is None:
            return
        context = self._authorities.context()
        if self.schemeArgs.get("context") is not context:
            self.schemeArgs["context"] = context
            self.DropConnections()

    def abort(self) -> None:
        """End the present call, from another thread: the call fails with an OSError or HTTPException."""
        connection = self._active
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def InvokeMethod(self, mo: Any, info: Any, args: Any) -> Any:  # noqa: N802  pyVmomi's name
        """Make a call for pyVmomi: its methods and properties end here."""
        status, body = self._post(self.SerializeRequest(mo, info, args))
        if status != _HTTP_OK:
            raise self._fault(body, info)
        return _soap.SoapResponseDeserializer(self).Deserialize(io.BytesIO(body), info.result)

    def call_raw(self, managed_object: Any, method: str, *args: Any) -> bytes:
        """Call ``method`` (pyVmomi's name for it) and return the SOAP answer unchanged.

        Raises a SOAP fault as the exception that pyVmomi would raise, and OSError and HTTPException unchanged.
        """
        info = type(managed_object)._GetMethodInfo(method)  # noqa: SLF001  the one way to a method's metadata
        status, body = self._post(self.SerializeRequest(managed_object, info, args))
        if status == _HTTP_OK:
            return body
        raise self._fault(body, info)

    def _fault(self, body: bytes, info: Any) -> Exception:
        """Return a SOAP fault as pyVmomi's exception; as UnknownFaultError if pyVmomi does not know it."""
        try:
            fault = _soap.SoapResponseDeserializer(self).Deserialize(io.BytesIO(body), info.result)
        except Exception:  # pyVmomi raises anything for an unknown class, property or value
            name = fault_name(body)
            if name is None:
                raise
            return UnknownFaultError(name, fault_message(body) or "no reason given")
        return fault if isinstance(fault, Exception) else StatusError(500, "without a SOAP fault")

    def _post(self, request: bytes) -> tuple[int, bytes]:
        """Make one HTTP exchange; only 200 and 500 carry SOAP."""
        connection = self.GetConnection()
        headers = {
            "Cookie": self.cookie,
            "SOAPAction": self.versionId,
            "Content-Type": "text/xml; charset=UTF-8",
            "User-Agent": self._user_agent,
        }
        try:
            connection.sock.settimeout(self.call_timeout)
            connection.response_class = partial(  # type: ignore[assignment]  # it is only called
                _TimedResponse, timeout=self.call_timeout
            )
            connection.request("POST", self.path, request, headers)
            response = connection.getresponse()
            body = _read(response, self.max_answer_bytes)
        except (OSError, HTTPException):
            connection.close()
            self.DropConnections()
            raise
        return self._check_status(connection, response), body

    def _check_status(self, connection: HTTPConnection, response: HTTPResponse) -> int:
        if response.status not in _SOAP_STATUSES:
            connection.close()
            raise StatusError(response.status, response.reason)
        cookie = response.getheader("Set-Cookie") or ""
        if _soap.COOKIE_NAME in cookie:  # a proxy in between may set other cookies
            self.cookie = cookie
        self.ReturnConnection(connection)
        return response.status


def _read(response: HTTPResponse, max_bytes: int) -> bytes:
    """Read the body. Raises AnswerTooLongError beyond the limit, IncompleteRead if the end is missing."""
    chunks, size = [], 0
    while chunk := response.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise AnswerTooLongError(b"".join(chunks))
    if response.length:
        raise IncompleteRead(b"", response.length)
    return b"".join(chunks)
