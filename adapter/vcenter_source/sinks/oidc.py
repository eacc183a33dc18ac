"""The OIDC token that Knative mounts into a source's pod for its sink.

SinkBinding renews it under a running process, long before it expires, so the file is looked at again each second.
"""

import math
import re
import time
from collections.abc import Callable
from pathlib import Path

from vcenter_source.core.errors import SinkUnavailableError

LOOK_SECONDS = 1.0
"""How often the file is looked at: with each event, that would add a third to the event's encoding."""

_BEARER_TOKEN = re.compile(r"[\w.~+/-]+=*", re.ASCII)  # RFC 6750, 2.1


class OidcToken:
    """A token in a file, read again when the file has changed; without a token if ``file`` is None.

    ``clock`` returns seconds and never goes back.
    """

    def __init__(self, file: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._look_at = -math.inf
        self._seen: tuple[int, int] | None = None
        self._header: dict[str, str] = {}

    def header(self) -> dict[str, str]:
        """Return the header with the token as it was within the last second; none if no token is mounted.

        Raises SinkUnavailableError for a token that cannot be read: without one, every event would be refused.
        """
        if self._file is not None and (now := self._clock()) >= self._look_at:
            self._look(self._file)
            self._look_at = now + LOOK_SECONDS
        return self._header

    def _look(self, file: Path) -> None:
        try:
            status = file.stat()
            if self._seen != (status.st_ino, status.st_mtime_ns):
                self._header = {"authorization": f"Bearer {self._read(file)}"}
                self._seen = (status.st_ino, status.st_mtime_ns)
        except FileNotFoundError:
            self._header, self._seen = {}, None
        except OSError as exc:
            raise SinkUnavailableError(f"the sink's token: cannot read {file}: {exc.strerror}") from exc

    @staticmethod
    def _read(file: Path) -> str:
        token = file.read_text(errors="replace").strip()
        if not _BEARER_TOKEN.fullmatch(token):
            raise SinkUnavailableError(f"the sink's token: there is none in {file}")
        return token
