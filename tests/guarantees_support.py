"""A simulated vCenter, a sink and adapters, each a process of its own, and the judge of what came through."""

import json
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from simulator.accounts import ADMINISTRATOR, PASSWORD
from tests.guarantees_sink import GAP_TYPE, Request
from tests.support import clean_environment

Identity = tuple[int, datetime]

PATIENCE = 45.0
"""Seconds to wait for what must happen; a loaded machine takes its time."""


def eventually(condition: Callable[[], object], what: Callable[[], object] = lambda: "") -> None:
    """Poll until the condition holds: other processes are at work, so there is nothing to wait on."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE:.0f} s: {what()}"
        time.sleep(0.03)


class Process:
    """``python -m arguments``, killed at the end. Its output is read all the time, so that it never waits for us."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=clean_environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def runs(self) -> bool:
        return self._popen.poll() is None

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
        self._popen.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self._popen.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.runs:
            self._popen.kill()
        with self._popen:
            self._reader.join(PATIENCE)


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
        super().__init__("simulator", "--port", str(port), *options)
        base = f"http://127.0.0.1:{port}"
        self.url = f"{base}/sdk"
        self._control = httpx.Client(base_url=base, timeout=PATIENCE)

    def ready(self) -> Self:
        assert self.url in self.wait_for("simulator ready: ")
        return self

    def post(self, count: int) -> None:
        self._control.post("/simulator/events", json={"count": count}).raise_for_status()

    def fault(self, name: str, **options: object) -> None:
        self._control.post("/simulator/faults", json={"fault": name, **options}).raise_for_status()

    def mend(self) -> None:
        self._control.delete("/simulator/faults").raise_for_status()

    def held(self) -> list[dict[str, Any]]:
        """Every event, in the order of posting."""
        held: list[dict[str, Any]] = self._control.get("/simulator/events").raise_for_status().json()
        return held

    def __exit__(self, *_: object) -> None:
        self._control.close()
        super().__exit__()


class Sink(Process):
    def __init__(self) -> None:
        super().__init__("tests.guarantees_sink")
        self.url = ""
        self._control = httpx.Client(timeout=PATIENCE)

    def ready(self) -> Self:
        self.url, control = self.wait_for("sink ready: ").split()[2:]
        self._control.base_url = httpx.URL(control)
        return self

    def behave(self, **behaviour: object) -> None:
        """As ``tests.guarantees_sink.Behaviour`` says; without any, well."""
        self._control.put("/behaviour", json=behaviour).raise_for_status()

    def acknowledged(self) -> int:
        return int(self._control.get("/acknowledged").text)

    def requests(self) -> list[Request]:
        return [Request(**each) for each in self._control.get("/requests").json()]

    def __exit__(self, *_: object) -> None:
        self._control.close()
        super().__exit__()


class Adapter(Process):
    """``python -m adapter run``."""

    def limit_files(self, size: int) -> None:
        """Let no file grow beyond so many bytes: writing more fails half-way, as on a disk that is full."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, hard))

    def free_files(self) -> None:
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))


def identity(request: Request) -> Identity:
    return int(request.id), datetime.fromisoformat(request.time)


@dataclass(frozen=True)
class Verdict:
    """What the sink saw of what the simulator held.

    ``lost`` was due, and neither acknowledged nor is it a dead letter. ``foreign`` was never held. ``duplicates`` are
    the acknowledgements of an event after its first. ``disordered`` are the events that were acknowledged for the first
    time after a later one of their object. ``gaps`` are the reasons of the events that tell of missing ones, in their
    order.
    """

    due: int
    lost: list[Identity]
    foreign: list[Identity]
    duplicates: int
    disordered: list[Identity]
    gaps: list[str]
    requests: list[Request]


def judge(
    due: Sequence[Identity], held: Sequence[Identity], requests: list[Request], letters: Collection[Identity]
) -> Verdict:
    """``due`` is what should have arrived by now, ``held`` also what came since."""
    acknowledged = [each for each in requests if 200 <= each.status < 300]
    events = [each for each in acknowledged if each.type != GAP_TYPE]
    times = Counter(map(identity, events))
    gaps = [str(each.gap["reason"]) for each in acknowledged if each.gap]
    return Verdict(
        len(due),
        [each for each in due if each not in times and each not in letters],
        sorted(times.keys() - held),
        sum(times.values()) - len(times),
        list(out_of_order(held, events)),
        gaps,
        requests,
    )


def out_of_order(held: Sequence[Identity], events: Sequence[Request]) -> Iterator[Identity]:
    """The events whose first acknowledgement came after that of a later one of the same object."""
    places = {each: place for place, each in enumerate(held)}
    seen: set[Identity] = set()
    furthest: dict[str, int] = defaultdict(int)
    for event in events:
        one = identity(event)
        if one not in seen:
            seen.add(one)
            place = places.get(one, -1)
            if place < furthest[event.partitionkey]:
                yield one
            furthest[event.partitionkey] = max(furthest[event.partitionkey], place)


@dataclass
class World:
    """One vCenter, one sink, and adapters between them that share a checkpoint and a folder of dead letters.

    ``wanted`` tells which of the vCenter's events its adapters are to deliver. What it has purged is still expected
    where ``expect`` was called before. Only what came after ``begin`` is judged.
    """

    folder: Path
    port: int
    simulator: Simulator
    sink: Sink
    processes: ExitStack
    wanted: Callable[[dict[str, Any]], bool] = lambda _: True
    _held: dict[Identity, None] = field(default_factory=dict)
    _settled: int = 0
    _answered: int = 0

    def begin(self) -> None:
        """All is well, nothing is on its way, and what was before is forgotten."""
        self.sink.behave()
        self.simulator.mend()
        self.settle()
        self._settled, self._answered = len(self._held), len(self.sink.requests())

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.json"

    def saved(self) -> Identity:
        """The event up to which the checkpoint says that all are acknowledged."""
        key, created = json.loads(self.checkpoint.read_bytes())["last"]
        return key, datetime.fromisoformat(created)

    def adapter(self, *command: str, **settings: str) -> Adapter:
        """An adapter that reads from the beginning, quick to try again. It is killed at the end, if not before."""
        usual = {
            "VCENTER_URL": self.simulator.url,
            "VCENTER_USERNAME": ADMINISTRATOR,
            "VCENTER_PASSWORD": PASSWORD,
            "K_SINK": self.sink.url,
            "CHECKPOINT": f"file://{self.checkpoint}",
            "CHECKPOINT_INTERVAL": "0.05",
            "DEAD_LETTER_PATH": str(self.folder / "letters"),
            "RETRY_MAX_DELAY": "0.1",
            "START_FROM": "beginning",
        }
        return self.processes.enter_context(Adapter(*(command or ("adapter", "run")), **(usual | settings)))

    def start_simulator(self, *options: str) -> None:
        """After its end. Without options it is the same vCenter, with the events that it had."""
        options = options or ("--journal", str(self.folder / "journal"))
        self.simulator = self.processes.enter_context(Simulator(self.port, *options)).ready()

    def expect(self) -> list[Identity]:
        """What is to arrive: all that the vCenter holds now and that can be seen, and what it held at earlier calls."""
        for each in self.simulator.held():
            if not each["hidden"] and self.wanted(each):
                self._held[each["key"], datetime.fromisoformat(each["createdTime"])] = None
        return list(self._held)[self._settled :]

    def letters(self) -> list[Identity]:
        """What lies in the dead letter folder."""
        files = sorted((self.folder / "letters").glob("*.jsonl"))
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [(int(each["id"]), datetime.fromisoformat(each["time"])) for each in lines]

    def verdict(self, due: Sequence[Identity]) -> Verdict:
        """How it stands. What the sink has, the vCenter had before, so it is asked last."""
        requests, letters = self.sink.requests()[self._answered :], self.letters()
        return judge(due, self.expect(), requests, letters)

    def settle(self) -> Verdict:
        """Wait until nothing that is there now is lost any more, and judge."""
        due = self.expect()

        def arrived() -> bool:
            enough = self.sink.acknowledged() + len(self.letters()) >= len(self._held)
            return enough and not self.verdict(due).lost

        def missing() -> str:
            lost = self.verdict(due).lost
            return f"{len(lost)} of {len(due)} events have not arrived, such as {lost[:5]}"

        eventually(arrived, missing)
        return self.verdict(due)


@contextmanager
def world(folder: Path, *options: str) -> Iterator[World]:
    """A world whose vCenter begins with these options of the simulator."""
    with reserved_port() as port, ExitStack() as processes:
        simulator = processes.enter_context(Simulator(port, "--journal", str(folder / "journal"), *options))
        sink = processes.enter_context(Sink())
        yield World(folder, port, simulator.ready(), sink.ready(), processes)
