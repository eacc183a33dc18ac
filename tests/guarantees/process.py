"""A simulated vCenter, a sink and adapters, each a process of its own that can be killed."""

import os
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from tests.guarantees.sink import Request
from tests.support.fork_server import Forked
from tests.support.processes import clean_environment
from tests.support.waiting import PATIENCE


class Process:
    """``python -m module arguments``, killed at the end. Its output is read all the time, so it never waits for us."""

    def __init__(self, module: str, *arguments: str, **settings: str) -> None:
        self._process = Forked(clean_environment(**settings), module, *arguments, together=True)
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._news:
                    self.lines.append(line.rstrip())
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def output(self) -> str:
        return "\n".join(self.lines[-30:])

    def wait_for(self, words: str, times: int = 1) -> str:
        """The line with these words, once that many of them have them."""
        with self._news:
            met = self._news.wait_for(lambda: len(self.saying(words)) >= times or not self._reader.is_alive(), PATIENCE)
        found = self.saying(words)
        assert met, f"{words!r} was not said within {PATIENCE:.0f} s:\n{self.output}"
        assert len(found) >= times, f"{words!r} was said {len(found)} times:\n{self.output}"
        return found[times - 1]

    def saying(self, words: str) -> list[str]:
        return [line for line in self.lines if words in line]

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal and wait. Returns the exit code."""
        os.kill(self.pid, number)
        return self.ended()

    def ended(self) -> int:
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired as exc:
            raise AssertionError(f"not ended within {PATIENCE:.0f} s:\n{self.output}") from exc
        self._reader.join(PATIENCE)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self.ended()


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else gets, also while the one who listens on it is restarted: bound, and never listening."""
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        yield place.getsockname()[1]


class Simulator(Process):
    """A vCenter that is the same one after a restart, with the events that it had."""

    def __init__(self, port: int, *options: str) -> None:
        super().__init__("vcenter_simulator", "--port", str(port), *options)
        base = f"http://127.0.0.1:{port}"
        self.url = f"{base}/sdk"
        self._control = httpx.Client(base_url=base, timeout=PATIENCE, verify=False)

    def ready(self) -> Self:
        assert self.url in self.wait_for("simulator ready: ")
        return self

    def post(self, count: int) -> None:
        self._control.post("/simulator/events", json={"count": count}).raise_for_status()

    def fault(self, name: str, **options: object) -> None:
        self._control.post("/simulator/faults", json={"fault": name, **options}).raise_for_status()

    def mended(self) -> None:
        """No fault is pending any more."""
        self._control.delete("/simulator/faults").raise_for_status()

    def state(self) -> dict[str, Any]:
        """What is there now: sessions, collectors, calls by method name."""
        state: dict[str, Any] = self._control.get("/simulator/state").raise_for_status().json()
        return state

    def held(self) -> list[dict[str, Any]]:
        """Every event, in the order of posting."""
        held: list[dict[str, Any]] = self._control.get("/simulator/events").raise_for_status().json()
        return held

    def __exit__(self, *_: object) -> None:
        self._control.close()
        super().__exit__()


class Sink(Process):
    def __init__(self) -> None:
        super().__init__("tests.guarantees.sink")
        self.url = ""
        self._control = httpx.Client(timeout=PATIENCE, verify=False)

    def ready(self) -> Self:
        self.url, control = self.wait_for("sink ready: ").split()[2:]
        self._control.base_url = httpx.URL(control)
        return self

    def behave(self, **behaviour: object) -> None:
        """As ``tests.guarantees.sink.Behaviour`` says; without any, well."""
        self._control.put("/behaviour", json=behaviour).raise_for_status()

    def acknowledged(self) -> int:
        return int(self._control.get("/acknowledged").text)

    def senders(self) -> dict[str, int]:
        """How many requests came from each sender: far less than all of them, where they are looked at often."""
        counts: dict[str, int] = self._control.get("/senders").json()
        return counts

    def requests(self) -> list[Request]:
        return [Request(**each) for each in self._control.get("/requests").json()]

    def __exit__(self, *_: object) -> None:
        self._control.close()
        super().__exit__()


class Adapter(Process):
    """``python -m vcenter_source run``."""

    def limit_files(self, size: int) -> None:
        """Let no file grow beyond so many bytes: writing more fails half-way, as on a disk that is full."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, hard))

    def peak(self) -> int:
        """The most memory that it has had, in MiB, as the kernel has counted it."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def free_files(self) -> None:
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))
