"""What Knative mounts into a source's pod for its sink: an OIDC token, and bundles of certificate authorities.

Both are replaced under a running process (SinkBinding renews the token every half hour, kubelet swaps the volume), so
both are looked at again for each request, as Knative's own sources do.
"""

import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import structlog

from vcenter_functions.net.tls import create_client_context
from vcenter_source.core.errors import SinkUnavailableError

log = structlog.get_logger()

TRUST_BUNDLES = Path("/knative-custom-certs")
"""Where SinkBinding mounts the ConfigMaps labelled ``networking.knative.dev/trust-bundle``, PEM files."""

_TOKEN = re.compile(r"[\w.~+/-]+=*", re.ASCII)  # RFC 6750, 2.1

Seen = tuple[tuple[str, int, int], ...]


class Token:
    """A token in a file; None is none. It is read again whenever the file has changed."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._header: dict[str, str] = {}

    def header(self) -> dict[str, str]:
        """The header with the token as it is now; none where no token is mounted.

        A token that cannot be read is waited for (SinkUnavailableError): without one, every event would be refused.
        """
        if self._file is None:
            return {}
        try:
            status = os.stat(self._file)  # noqa: PTH116  a Path takes twice the time, with each event
            if self._seen != (status.st_ino, status.st_mtime_ns):
                self._header = {"authorization": f"Bearer {self._read(self._file)}"}
                self._seen = (status.st_ino, status.st_mtime_ns)
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise SinkUnavailableError(f"the sink's token: cannot read {self._file}: {exc.strerror}") from exc
        return self._header

    @staticmethod
    def _read(file: Path) -> str:
        token = file.read_text(errors="replace").strip()
        if not _TOKEN.fullmatch(token):
            raise SinkUnavailableError(f"the sink's token: there is none in {file}")
        return token


class Trust:
    """The certificate authorities that the sink is trusted by: the system's, K_CA_CERTS, and the mounted bundles."""

    def __init__(self, ca_certs: str | None, bundles: Path = TRUST_BUNDLES) -> None:
        self._ca_certs = ca_certs
        self._bundles = bundles
        self._seen: Seen = fingerprint(bundles)
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """The TLS context for the next connection, a new one where the bundles have changed."""
        seen = fingerprint(self._bundles)
        if seen != self._seen:
            self._seen = seen
            self._context = self._load()
            log.info("the authorities trusted for the sink have changed", folder=str(self._bundles))
        return self._context

    def _load(self) -> ssl.SSLContext:
        context = create_client_context(ca_certs=self._ca_certs)
        for file in files(self._bundles):
            try:
                context.load_verify_locations(cafile=file)
            except OSError as exc:  # ssl.SSLError is one; one bad bundle must not take the others with it
                log.warning("not a bundle of PEM certificates, passed over", file=str(file), reason=str(exc))
        return context


def files(folder: Path) -> Iterator[Path]:
    """The files of a mounted volume. Its entries that begin with ``..`` are how kubelet swaps the whole at once."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("..") and path.is_file())


def fingerprint(folder: Path) -> Seen:
    """What tells whether the files have changed: name, inode and time of change in nanoseconds."""
    try:
        looked_at = ((file.name, file.stat()) for file in files(folder))
        return tuple((name, status.st_ino, status.st_mtime_ns) for name, status in looked_at)
    except FileNotFoundError:  # swapped just now; the next call sees the new ones
        return ()
