"""The TLS context for vCenter, the same whatever the Python; the adapter's own is made alike.

Python 3.13 changed two defaults. It asks of a certificate what RFC 5280 asks of those who issue it (an Authority Key
Identifier, critical Basic Constraints), and it takes any certificate that is trusted as the end of the chain. Go and
curl do the second and not the first, and the certificates in use are made to please them: so do we.
"""

import os
import ssl
from pathlib import Path

import structlog

_log = structlog.get_logger()

# OpenSSL's x509_vfy.h: X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH.
NOT_YET_VALID, EXPIRED, WRONG_NAMES = 9, 10, frozenset({62, 64})


def client_context(ca_file: Path | None = None, *, insecure: bool = False) -> ssl.SSLContext:
    """Trust the system's authorities and those in ``ca_file``, PEM; with ``insecure`` anything at all.

    Raises OSError for what cannot be read; ssl.SSLError is one.
    """
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Authorities:
    """Whom vCenter is trusted by: the system's authorities and those in ``file``.

    The file is read again when it has changed: Kubernetes replaces a mounted ConfigMap under a running process.
    """

    def __init__(self, file: Path | None = None, *, insecure: bool = False) -> None:
        self._file = file
        self._insecure = insecure
        self._seen = fingerprint(file)
        self._context = client_context(file, insecure=insecure)

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for the next connection, a new one where the file has changed."""
        seen = fingerprint(self._file)
        if seen is not None and seen != self._seen:
            self._seen = seen
            self._read_again()
        return self._context

    def _read_again(self) -> None:
        """Keep what was trusted before where the file cannot be read: it may be written to just now."""
        try:
            self._context = client_context(self._file, insecure=self._insecure)
        except OSError as exc:
            reason = exc.strerror or str(exc)
            _log.warning(
                "VCENTER_CA_FILE: cannot be read, trusting what it held before", file=str(self._file), reason=reason
            )
        else:
            _log.info("the authorities trusted for vCenter have changed", file=str(self._file))


def fingerprint(file: Path | None) -> tuple[int, int, int] | None:
    """Tell whether a file has changed: inode, time of change in nanoseconds, size. None where it is not there."""
    if file is None:
        return None
    try:
        status = os.stat(file)  # noqa: PTH116  a Path takes twice the time
    except OSError:  # being swapped just now
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def distrust(exc: BaseException | None) -> str | None:
    """Say why a certificate was refused, and what mends it; None for any other failure."""
    while exc is not None and not isinstance(exc, ssl.SSLCertVerificationError):
        exc = exc.__cause__ or exc.__context__
    if exc is None:
        return None
    words, remedy = _judged(exc.verify_code)
    return f"its certificate {words} ({exc.verify_message.rstrip('.')}); {remedy}"


def _judged(code: int) -> tuple[str, str]:
    """What is wrong, by OpenSSL's error, and what to do about it."""
    if code in WRONG_NAMES:
        return "is for another name", "set VCENTER_URL to a name that the certificate is for"
    if code == EXPIRED:
        return "has expired", "renew the server's certificate, or correct this machine's clock"
    if code == NOT_YET_VALID:
        clocks = "correct the clock of this machine, or of the one that issued the certificate"
        return "is not valid yet", clocks
    by_hand = "set VCENTER_CA_FILE to the authority that signed it, or VCENTER_INSECURE=true for a first try"
    return "is not trusted", by_hand
