"""The OIDC token that Knative mounts into a source's pod for its sink.

SinkBinding renews it every half hour under a running process, so it is looked at again for each request, as Knative's
own sources do.
"""

import os
import re
from pathlib import Path

from vcenter_source.core.errors import SinkUnavailableError

_BEARER_TOKEN = re.compile(r"[\w.~+/-]+=*", re.ASCII)  # RFC 6750, 2.1


class OidcToken:
    """A token in a file, read again whenever the file has changed; without a token if ``file`` is None."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._header: dict[str, str] = {}

    def header(self) -> dict[str, str]:
        """Return the header with the token as it is now; none if no token is mounted.

        Raises SinkUnavailableError for a token that cannot be read: without one, every event would be refused.
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
        if not _BEARER_TOKEN.fullmatch(token):
            raise SinkUnavailableError(f"the sink's token: there is none in {file}")
        return token
