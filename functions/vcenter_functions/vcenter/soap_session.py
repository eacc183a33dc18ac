"""A session over SOAP. Calls block, and may come from several threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pyVmomi import vim, vmodl

from vcenter_functions.errors import (
    ForbiddenError,
    FunctionError,
    NotFoundError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_functions.net.vsphere_versions import OLDEST_VERSION, choose_version
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.soap_stub import Stub
from vcenter_functions.vcenter.transport import Route

T = TypeVar("T")

_REFUSALS: tuple[Any, ...] = (vmodl.fault.InvalidArgument, vmodl.fault.NotSupported, vmodl.fault.InvalidRequest)
"""Runtime faults that stay what they are; the others pass by themselves."""
_TRANSIENT: tuple[Any, ...] = (
    vim.fault.NotAuthenticated,
    vim.fault.TaskInProgress,
    vim.fault.Timedout,
    vim.fault.ConcurrentAccess,
)
"""Faults of single methods that pass by themselves; the others stay."""


class SoapSession:
    """A session that is opened when it is first needed, and again when vCenter has ended it."""

    def __init__(self, route: Route, account: Account, tracing: Tracing) -> None:
        self._names = route.setting_names
        self._account = account
        self._create_stub: Callable[[str], Stub] = lambda version: Stub(route, version, tracing)
        self._stub = self._create_stub(OLDEST_VERSION)
        self._lock = threading.Lock()
        self._content: Any = None

    def call(self, work: Callable[[Any], T]) -> T:
        """Return what the work returns for the session's content. Raises TemporaryError, PermanentError."""
        with _function_errors():
            content = self._open()
            try:
                return work(content)
            except vim.fault.NotAuthenticated:
                return work(self._open(stale=content))

    def close(self) -> None:
        """Log out, and close the connections. Raises VcenterUnavailableError."""
        with self._lock, _function_errors():
            content, self._content = self._content, None
            try:
                if content is not None:
                    content.sessionManager.Logout()
            finally:
                self._stub.close()

    def _open(self, stale: Any = None) -> Any:
        """Return the content of a session, logged in once for all that ask; ``stale`` is one that vCenter has ended."""
        with self._lock:
            if self._content is None or self._content is stale:
                self._content = None
                self._content = self._log_in()
            return self._content

    def _log_in(self) -> Any:
        with self._account.try_credentials() as credentials:
            content = self._connect(choose_version(self._connect(OLDEST_VERSION).about.apiVersion))
            try:
                content.sessionManager.Login(credentials.username, credentials.password.get_secret_value())
            except vim.fault.InvalidLogin as exc:
                raise self._account.refuse(credentials) from exc
            except vmodl.MethodFault as exc:
                # This says nothing of the event that we log in for.
                raise VcenterUnavailableError(f"vCenter refuses the log-in: {_describe(exc)}") from exc
            self._account.accept()
            return content

    def _connect(self, version: str) -> Any:
        """Return vCenter's content in a version of the API, over new connections."""
        self._stub.close()
        self._stub = self._create_stub(version)
        content = vim.ServiceInstance("ServiceInstance", self._stub).RetrieveContent()
        if not isinstance(content, vim.ServiceInstanceContent):
            raise VcenterUnavailableError(f"not a vCenter's answer to POST /sdk; is {self._names.url} right?")
        return content


@contextmanager
def _function_errors() -> Iterator[None]:
    """Turn vCenter's faults into the errors that say what to do about an event."""
    try:
        yield
    except FunctionError:
        raise
    except vim.fault.NoPermission as exc:
        what = f"the account lacks {exc.privilegeId or 'a privilege'} on {exc.object}"
        raise ForbiddenError(f"vCenter refuses: {what}", kind="NoPermission") from exc
    except vmodl.fault.ManagedObjectNotFound as exc:
        raise NotFoundError(f"vCenter has no object {exc.obj}", kind="ManagedObjectNotFound") from exc
    except _TRANSIENT as exc:
        raise VcenterUnavailableError(f"vCenter is not ready: {_describe(exc)}") from exc
    except vmodl.MethodFault as exc:
        if isinstance(exc, vmodl.RuntimeFault) and not isinstance(exc, _REFUSALS):
            raise VcenterUnavailableError(f"vCenter is not ready: {_describe(exc)}") from exc
        raise VcenterRefusedError(f"vCenter refuses: {_describe(exc)}", kind=type(exc).__name__) from exc


def _describe(fault: Any) -> str:
    """Describe a fault in one line."""
    return " ".join(f"{type(fault).__name__.rpartition('.')[2]}: {fault.msg or 'no reason given'}".split())
