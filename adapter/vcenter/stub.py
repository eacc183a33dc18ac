"""pyVmomi's SOAP stub with two doors added: an answer undecoded, and a way out of a call that hangs."""

import socket
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

from pyVmomi import SoapAdapter

from adapter.tls import Authorities

_soap: Any = SoapAdapter  # it has no types of its own

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a TCP and TLS connection."""

ANSWER_TIMEOUT = 60.0
"""Seconds to wait for an answer; longer than the longest wait that we ask vCenter for."""


class _HTTPSConnection(HTTPSConnection):
    """Closes its socket when the TLS handshake fails, which http.client leaves to the garbage collector."""

    def connect(self) -> None:
        try:
            super().connect()
        except OSError:
            self.close()
            raise


class Stub(_soap.SoapStubAdapter):  # type: ignore[misc]  # as above
    """One connection pool to one vCenter. Calls block: they belong in the worker thread.

    ``authorities`` is asked for every new connection; None is plain HTTP.
    """

    _active: HTTPConnection | None = None

    def __init__(self, authorities: Authorities | None, **options: Any) -> None:
        super().__init__(httpConnectionTimeout=CONNECT_TIMEOUT, **options)
        self._authorities = authorities
        if authorities is not None:
            self.scheme = _HTTPSConnection

    def GetConnection(self) -> HTTPConnection:  # noqa: N802  pyVmomi's name
        """A connection from the pool, noted as the one in use."""
        self._trust_as_now()
        connection: HTTPConnection = super().GetConnection()
        connection.sock.settimeout(ANSWER_TIMEOUT)
        self._active = connection
        return connection

    def _trust_as_now(self) -> None:
        """Give new connections the authorities of now, and end those that were made with others."""
        if self._authorities is None:
            return
        context = self._authorities.context()
        if self.schemeArgs.get("context") is not context:
            self.schemeArgs["context"] = context
            self.DropConnections()

    def abort(self) -> None:
        """End the call under way, from another thread: the call fails with an OSError or HTTPException."""
        connection = self._active
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def raw(self, managed_object: Any, method: str, *args: Any) -> bytes:
        """Call ``method`` (pyVmomi's name for it) and return the SOAP answer as it came.

        A SOAP fault is raised as the exception that pyVmomi would raise; OSError and HTTPException as they come.
        """
        info = type(managed_object)._GetMethodInfo(method)  # noqa: SLF001  the one way to a method's metadata
        status, body = self._post(self.SerializeRequest(managed_object, info, args))
        if status == 200:  # noqa: PLR2004
            return body
        raise _soap.SoapResponseDeserializer(self).Deserialize(body, info.result)

    def _post(self, request: bytes) -> tuple[int, bytes]:
        """One HTTP exchange; only 200 and 500 carry SOAP (SOAP 1.1, 6.2)."""
        connection = self.GetConnection()
        headers = {"Cookie": self.cookie, "SOAPAction": self.versionId, "Content-Type": "text/xml; charset=UTF-8"}
        try:
            connection.request("POST", self.path, request, headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            connection.close()
            self.DropConnections()
            raise
        return self._finished(connection, response), body

    def _finished(self, connection: HTTPConnection, response: HTTPResponse) -> int:
        if response.status not in {200, 500}:
            connection.close()
            raise HTTPException(f"{response.status} {response.reason}")
        self.ReturnConnection(connection)
        return response.status
