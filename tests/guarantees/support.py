"""The world in which the guarantees are shown: a simulated vCenter, a sink, and adapters between them."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.guarantees.process import Adapter, Simulator, Sink, reserved_port
from tests.guarantees.sink import Request
from tests.guarantees.verification import Identity, Verdict, judge
from tests.support.waiting import eventually
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD

WINDOW = 64
"""MAX_IN_FLIGHT by default: what may be on its way when something ends."""


@dataclass
class World:
    """One vCenter, one sink, and adapters between them that share a checkpoint and a folder of dead letters.

    ``wanted`` tells which of the vCenter's events its adapters are to deliver, ``protocol`` how they read them. What it
    has purged is still expected where ``expect`` was called before.
    """

    folder: Path
    port: int
    simulator: Simulator
    sink: Sink
    processes: ExitStack
    wanted: Callable[[dict[str, Any]], bool] = lambda _: True
    protocol: str = "soap"
    _held: dict[Identity, None] = field(default_factory=dict)

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.json"

    def saved(self) -> Identity | None:
        """The event up to which the checkpoint says that all are acknowledged; None before it is first saved."""
        if not self.checkpoint.exists():
            return None
        last = json.loads(self.checkpoint.read_bytes()).get("last")  # claimed, it names its owner alone
        return (last[0], datetime.fromisoformat(last[1])) if last else None

    def adapter(self, module: str = "vcenter_source", **settings: str) -> Adapter:
        """An adapter that reads from the beginning, quick to try again. It is killed at the end, if not before."""
        usual = {
            "VCENTER_URL": self.simulator.url,
            "VCENTER_USERNAME": ADMINISTRATOR,
            "VCENTER_PASSWORD": PASSWORD,
            "VCENTER_PROTOCOL": self.protocol,
            "K_SINK": self.sink.url,
            "CHECKPOINT": f"file://{self.checkpoint}",
            "CHECKPOINT_INTERVAL": "0.05",
            "DEAD_LETTER_PATH": str(self.folder / "letters"),
            "RETRY_MAX_DELAY": "0.1",
            "START_FROM": "beginning",
        }
        return self.processes.enter_context(Adapter(module, "run", **(usual | settings)))

    def deliver(self, adapter: Adapter, count: int) -> None:
        """Wait until so many more events are acknowledged, or all that vCenter has; the adapter goes on.

        Where the test is about events in flight, let the sink be slow, or all might be delivered before this looks.
        """
        enough = min(self.sink.acknowledged() + count, len(self.expect()))
        eventually(lambda: self.sink.acknowledged() >= enough, lambda: adapter.output)
        assert adapter.runs, adapter.output

    def start_simulator(self, *options: str) -> None:
        """After its end. Without options it is the same vCenter, with the events that it had."""
        options = options or ("--journal", str(self.folder / "journal"))
        self.simulator = self.processes.enter_context(Simulator(self.port, *options)).ready()

    def expect(self) -> list[Identity]:
        """What is to arrive: all that the vCenter holds now and that can be seen, and what it held at earlier calls."""
        for each in self.simulator.held():
            if not each["hidden"] and self.wanted(each):
                self._held[each["key"], datetime.fromisoformat(each["createdTime"])] = None
        return list(self._held)

    def letters(self) -> list[Identity]:
        """What lies in the dead letter folder."""
        files = sorted((self.folder / "letters").glob("*.jsonl"))
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [(int(each["id"]), datetime.fromisoformat(each["time"])) for each in lines]

    def requests(self) -> list[Request]:
        """What has arrived at the sink of this vCenter, which others may share."""
        return [each for each in self.sink.requests() if each.source == self.simulator.url]

    def verdict(self, due: Sequence[Identity]) -> Verdict:
        """How it stands. What the sink has, the vCenter had before, so it is asked last."""
        requests, letters = self.requests(), self.letters()
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
def world(folder: Path, *, backlog: int) -> Iterator[World]:
    """A world whose vCenter begins with so many events, a second apart."""
    with reserved_port() as port, ExitStack() as processes:
        options = ("--journal", str(folder / "journal"), "--backlog", str(backlog))
        simulator = processes.enter_context(Simulator(port, *options))
        sink = processes.enter_context(Sink())
        yield World(folder, port, simulator.ready(), sink.ready(), processes)
