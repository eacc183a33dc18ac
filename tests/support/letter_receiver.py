"""``vcenter-source dead-letters receive`` as a process, and letters as Knative's Broker posts them."""

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support import loopback
from tests.support.dead_letters import TRACEPARENT
from tests.support.processes import process, wait_for_line

PYTAG = "http://pytag.vcenter-source.svc.cluster.local/"
BODY = b'{"key":7,"fullFormattedMessage":"gr\xc3\xb6\xc3\x9fer"}'


def refused_by_function(name: str = "7", dest: str = PYTAG, answer: bytes = b"no such category\n") -> dict[str, str]:
    """The headers of a letter of the Broker: those of the event, its hop of the trace, and what the function said."""
    return {
        "Ce-Specversion": "1.0",
        "Ce-Id": name,
        "Ce-Source": "https://vc/sdk",
        "Ce-Type": "com.vmware.event.vm.poweredon",
        "Ce-Time": "2026-01-31T08:00:00.123Z",
        "Ce-Subject": "VirtualMachine:vm-1",
        "Ce-Traceparent": TRACEPARENT,
        "Ce-Knativearrivaltime": "2026-01-31T08:00:01.5Z",
        "Ce-Knativeerrorcode": "422",
        "Ce-Knativeerrordata": b64encode(answer).decode(),
        "Ce-Knativeerrordest": dest,
        "Content-Type": "application/json",
        "Kn-Namespace": "vcenter-source",
        "Traceparent": f"{TRACEPARENT[:36]}00f067aa0ba902b7-01",
        "User-Agent": "Go-http-client/1.1",
    }


@dataclass(frozen=True)
class LetterReceiver:
    process: subprocess.Popen[str]
    folder: Path
    url: str
    viewer: str = ""
    """The page's address, with VIEWER."""

    def post(self, headers: dict[str, str], body: bytes = BODY) -> httpx.Response:
        return loopback.post(self.url, content=body, headers=headers, timeout=20)

    def get(self, path: str) -> httpx.Response:
        return loopback.get(self.url + path, timeout=5)


@contextmanager
def receiver_at(folder: Path, module: str = "vcenter_source", **settings: str) -> Iterator[LetterReceiver]:
    where = {"DEAD_LETTER_PATH": str(folder), "HOST": "127.0.0.1", "PORT": "0"}
    with process(module, "dead-letters", "receive", **(where | settings)) as running:
        viewer = wait_for_line(running, "serving the event viewer").split("url=")[1] if "VIEWER" in settings else ""
        port = wait_for_line(running, "receiving dead letters").partition("port=")[2].split()[0]
        yield LetterReceiver(running, folder, f"http://127.0.0.1:{port}/", viewer.strip())


def run(folder: Path, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command, as ``kubectl exec`` runs it beside the receiver."""
    with process("vcenter_source", "dead-letters", *arguments, DEAD_LETTER_PATH=str(folder), **settings) as command:
        out, said = command.communicate(timeout=30)
    return command.returncode, out, said
