"""The certificate authorities that Knative mounts into a source's pod for its sink.

kubelet swaps the mounted volume under a running process, so it is looked at again for each request, as Knative's own
sources do.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path

import structlog

from vcenter_functions.net.tls import create_client_context

log = structlog.get_logger()

TRUST_BUNDLES = Path("/knative-custom-certs")
"""Where SinkBinding mounts the ConfigMaps labelled ``networking.knative.dev/trust-bundle``, PEM files."""

Fingerprint = tuple[tuple[str, int, int], ...]


class TrustBundle:
    """The certificate authorities trusted for the sink: the system's, K_CA_CERTS, and the mounted bundles."""

    def __init__(self, ca_certs: str | None, bundles: Path = TRUST_BUNDLES) -> None:
        self._ca_certs = ca_certs
        self._bundles = bundles
        self._seen: Fingerprint = fingerprint_files(bundles)
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for the next connection, a new one if the bundles have changed."""
        seen = fingerprint_files(self._bundles)
        if seen != self._seen:
            self._seen = seen
            self._context = self._load()
            log.info("the authorities trusted for the sink have changed", folder=str(self._bundles))
        return self._context

    def _load(self) -> ssl.SSLContext:
        context = create_client_context(ca_certs=self._ca_certs)
        for file in list_files(self._bundles):
            try:
                context.load_verify_locations(cafile=file)
            except OSError as exc:  # ssl.SSLError is one; one bad bundle must not take the others with it
                log.warning("trust bundle is not PEM certificates, skipped", file=str(file), reason=str(exc))
        return context


def list_files(folder: Path) -> Iterator[Path]:
    """List the files of a mounted volume, without the entries ``..*`` by which kubelet replaces all files at once."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("..") and path.is_file())


def fingerprint_files(folder: Path) -> Fingerprint:
    """Return each file's name, inode and time of change (ns), which differ after a change."""
    try:
        looked_at = ((file.name, file.stat()) for file in list_files(folder))
        return tuple((name, status.st_ino, status.st_mtime_ns) for name, status in looked_at)
    except FileNotFoundError:  # swapped just now; the next call sees the new ones
        return ()
