"""Map what goes wrong on the way to vCenter to ``vcenter_source.core.errors``, in words for an operator."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from pyVmomi import vim, vmodl

from vcenter_functions.net.tls import explain_verify_code, suggest_remedy
from vcenter_functions.vcenters_file import VARIABLES, SettingNames
from vcenter_source.core.errors import (
    AuthenticationError,
    CertificateError,
    SessionLostError,
    VcenterRefusedError,
    VcenterSourceError,
    VcenterUnavailableError,
)
from vcenter_source.core.proxies import ProxyError
from vcenter_source.vcenter.wire import AnswerLateError, AnswerTooLongError, StatusError, UnknownFaultError


@contextmanager
def vcenter_errors(host: str, names: SettingNames) -> Iterator[None]:
    """Map what pyVmomi, TLS and sockets raise to ``vcenter_source.core.errors``, with these names of the settings."""
    try:
        yield
    except VcenterSourceError:
        raise
    except vim.fault.InvalidLogin as exc:
        raise AuthenticationError(describe_refusal(host, names)) from exc
    except (vim.fault.NotAuthenticated, vmodl.fault.ManagedObjectNotFound) as exc:
        raise SessionLostError(f"vCenter {host} has ended the session") from exc
    except vim.fault.NoPermission as exc:
        raise VcenterRefusedError(
            f"vCenter {host} refuses: the account lacks {exc.privilegeId or 'a privilege'} on {exc.object}; "
            "give it the role Read-Only on the root folder, propagated"
        ) from exc
    except (vmodl.fault.InvalidArgument, vmodl.fault.NotSupported, vmodl.fault.InvalidRequest) as exc:
        raise VcenterRefusedError(f"vCenter {host} refuses a request: {get_fault_message(exc)}") from exc
    except (vmodl.MethodFault, UnknownFaultError) as exc:
        raise VcenterUnavailableError(f"vCenter {host} answers {describe_fault(exc)}") from exc
    except ssl.SSLCertVerificationError as exc:
        raise CertificateError(describe_distrust(host, exc, names)) from exc
    except (OSError, HTTPException) as exc:
        raise VcenterUnavailableError(describe_unreachable(host, exc, names)) from exc
    except Exception as exc:  # pyVmomi raises ExpatError, KeyError and bare ones if another server answers
        raise VcenterUnavailableError(f"{host} does not answer like a vCenter; check {names.url}") from exc


def describe_distrust(host: str, exc: ssl.SSLCertVerificationError, names: SettingNames) -> str:
    """Describe why vCenter's certificate is refused."""
    by_hand = f"set {names.ca_file} to the authority's PEM file, or {names.insecure} to accept any certificate"
    reason = f"{explain_verify_code(exc.verify_code)} ({exc.verify_message.rstrip('.')})"
    return f"vCenter {host}: its certificate {reason}; {suggest_remedy(exc.verify_code, names.url, by_hand)}"


def describe_fault(fault: Any) -> str:
    """Describe a fault by its type and message."""
    return str(fault) if isinstance(fault, UnknownFaultError) else f"{type(fault).__name__}: {get_fault_message(fault)}"


def get_fault_message(fault: Any) -> str:
    """Return a fault's message."""
    return fault.msg or "no reason given"


def describe_unreachable(host: str, exc: Exception, names: SettingNames) -> str:
    """Describe why no answer came, or none in vCenter's protocol."""
    if isinstance(exc, ProxyError):
        return f"vCenter {host} cannot be reached: {exc}"
    if isinstance(exc, AnswerLateError):
        return f"vCenter {host} has not answered within {exc.seconds:g} s"
    if isinstance(exc, AnswerTooLongError):
        return f"vCenter {host} gives {exc}"
    if isinstance(exc, StatusError):
        return f"vCenter {host} answers {exc}; check {names.url}, and that vCenter has started"
    return f"vCenter {host} cannot be reached: {describe_exception(exc)}; check {names.url}"


def describe_refusal(host: str, names: SettingNames = VARIABLES) -> str:
    """Describe that vCenter refuses the credentials."""
    return f"vCenter {host} refuses the user name or password; check {names.account}"


def describe_exception(exc: Exception) -> str:
    """Describe an exception, also one without a message."""
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc) or type(exc).__name__
