"""Every TLS context of the adapter and of the functions: created in one place, so that each Python behaves alike.

Python 3.13 changed two defaults. It asks of a certificate what RFC 5280 asks of those who issue it (an Authority Key
Identifier, critical Basic Constraints), and it accepts any trusted certificate as the end of the chain. Go and curl do
the second and not the first, and certificates are made to please these two: so do we.
"""

import os
import ssl
from pathlib import Path
from typing import ClassVar
from weakref import WeakValueDictionary

import structlog

log = structlog.get_logger()

# OpenSSL's x509_vfy.h: X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH.
NOT_YET_VALID, EXPIRED, WRONG_NAMES = 9, 10, frozenset({62, 64})


def create_client_context(
    ca_file: Path | None = None, *, ca_certs: str | None = None, insecure: bool = False
) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities and those in ``ca_file`` and ``ca_certs``, both PEM.

    With ``insecure`` it accepts any certificate. Raises OSError for what cannot be read; ssl.SSLError is one.
    """
    context = relax_verification(ssl.create_default_context())
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    if ca_certs is not None:
        context.load_verify_locations(cadata=ca_certs)
    return context


def check_ca_file(file: Path | None) -> Path | None:
    """Return a setting's file of authorities as it is. Raises ValueError where it cannot be read."""
    if file is not None:
        try:  # alone: the system's authorities take 20 ms to read
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except OSError as exc:  # ssl.SSLError is one too
            raise ValueError(f"cannot read PEM certificates: {exc.strerror or exc}") from exc
    return file


def relax_verification(context: ssl.SSLContext) -> ssl.SSLContext:
    """Give a context the rules that hold on every Python (see above), and return it."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class Authorities:
    """The certificate authorities that vCenter is trusted by: the system's and those in ``file``.

    The file is read again when it has changed: Kubernetes replaces a mounted ConfigMap under a running process.
    vCenters that are trusted by the same file share a TLS context, which takes 0.8 MB.
    """

    _contexts: ClassVar[WeakValueDictionary[object, ssl.SSLContext]] = WeakValueDictionary()

    def __init__(self, file: Path | None = None, *, insecure: bool = False) -> None:
        self._file = file
        self._insecure = insecure
        self._seen = fingerprint_file(file)
        self._context = self._find_context()

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for the next connection, a new one where the file has changed."""
        seen = fingerprint_file(self._file)
        if seen is not None and seen != self._seen:
            self._seen = seen
            self._reload()
        return self._context

    def _reload(self) -> None:
        """Keep what was trusted before where the file cannot be read: it may be half written just now."""
        try:
            self._context = self._find_context()
        except OSError as exc:
            reason = exc.strerror or str(exc)
            log.warning(
                "VCENTER_CA_FILE: cannot be read, trusting what it held before", file=str(self._file), reason=reason
            )
        else:
            log.info("the authorities trusted for vCenter have changed", file=str(self._file))

    def _find_context(self) -> ssl.SSLContext:
        """Return the context that another already has for the same file, or a new one. Raises OSError."""
        system = ssl.get_default_verify_paths()
        key = (self._file, self._seen, self._insecure, system.cafile, system.capath)
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = create_client_context(self._file, insecure=self._insecure)
        return context


def fingerprint_file(file: Path | None) -> tuple[int, int, int] | None:
    """Return what tells whether a file has changed: inode, time of change in nanoseconds, size; None without a file."""
    if file is None:
        return None
    try:
        status = os.stat(file)  # noqa: PTH116  a Path takes twice the time
    except OSError:  # being swapped just now
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def explain_verify_code(code: int) -> str:
    """Say what is wrong with a certificate, by OpenSSL's error."""
    if code in WRONG_NAMES:
        return "is for another name"
    return {EXPIRED: "has expired", NOT_YET_VALID: "is not valid yet"}.get(code, "is not trusted")


def suggest_remedy(code: int, setting: str, otherwise: str) -> str:
    """Say what mends it. ``setting`` holds the address; ``otherwise`` is how to trust another authority."""
    if code in WRONG_NAMES:
        return f"set {setting} to a name that the certificate is for"
    if code == EXPIRED:
        return "renew the server's certificate, or correct this machine's clock"
    if code == NOT_YET_VALID:
        return "correct the clock of this machine, or of the one that issued the certificate"
    return otherwise
