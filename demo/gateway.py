"""An OpenFaaS gateway to develop against: ``python -m demo.gateway --stack functions/pytag/stack.yml --secrets …``.

It runs the functions of a stack.yml as processes, behind the API in ``gateway_api``: ``/function/…`` waits for the
function, ``/async-function/…`` queues. Settings are the gateway's own: ``basic_auth`` and ``secret_mount_path``. ``GET
/demo/events`` and ``GET /demo/deliveries`` show what functions were invoked with, as the local Broker does.
"""

import argparse
import contextlib
import os
import queue
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from demo.delivery_log import DELIVERED, FAILED, PENDING, DeliveryLog, Outcome
from demo.gateway_api import NAMESPACE, Gateway, Invocation, Reply
from demo.manifests import ManifestError
from demo.message import BadEventError, read
from demo.processes import DemoError, Processes
from demo.stack import Function, read_stack

MAX_QUEUED = 1000
"""Requests that wait for ``/async-function/``; NATS bounds its own too."""

ANSWER_TIMEOUT = 60.0
"""Seconds for a function's answer: ``upstreamTimeout`` of OpenFaaS's chart."""

_RETRYABLE = {408, 425, 429}
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host", "content-length"}


class InvocationLog:
    """What functions were invoked with. Invocations come from several threads."""

    def __init__(self) -> None:
        self._log = DeliveryLog()
        self._lock = threading.Lock()

    def pages(self) -> dict[str, Any]:
        """Return the gateway's pages that show it."""
        return {"/demo/events": self._log.events, "/demo/deliveries": self._log.deliveries}

    def note(self, function: Function, invocation: Invocation, code: int, reason: str) -> None:
        """Note the outcome of an invocation. Only CloudEvents count: the vcenter-connector's body has no id."""
        try:
            message = read(invocation.headers, invocation.body)
        except BadEventError:
            return
        with self._lock:
            outcomes = self._log.outcomes(message)
            outcome = next((each for each in outcomes if each.subscriber == function.name), None)
            if outcome is None:
                outcome = Outcome(function.name, function.where, function.annotations.get("topic", ""), function.name)
                self._log.record(message, [*outcomes, outcome])
            outcome.status = status_of(code)
            outcome.attempts, outcome.code, outcome.reason = outcome.attempts + 1, code, reason


def status_of(code: int) -> str:
    """Return what a function's answer means for its event."""
    if code < 300:  # noqa: PLR2004  HTTP's success
        return DELIVERED
    return FAILED if 400 <= code < 500 and code not in _RETRYABLE else PENDING  # noqa: PLR2004  HTTP's client errors


class QueueWorker:
    """The queue behind ``/async-function/``: each invocation once, one after another."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[ProcessFunction, Invocation]] = queue.Queue(MAX_QUEUED)
        threading.Thread(target=self._work, daemon=True).start()

    def put(self, function: "ProcessFunction", invocation: Invocation) -> Reply:
        """Queue an invocation, unless the queue is full."""
        try:
            self._queue.put_nowait((function, invocation))
        except queue.Full:
            return Reply(500, b"the queue is full\n", own=False)
        return Reply(202, b"")

    def _work(self) -> None:
        while True:
            function, invocation = self._queue.get()
            function.invoke(invocation)


class ProcessFunction:
    """A function that runs as a process at this address."""

    def __init__(self, function: Function, address: str, log: InvocationLog, worker: QueueWorker) -> None:
        self._function = function
        self._address = address
        self._log = log
        self._worker = worker
        self._client = httpx.Client(timeout=ANSWER_TIMEOUT, trust_env=False)

    def describe(self) -> dict[str, Any]:
        """Return what the gateway's lists show."""
        function = self._function
        return {
            "image": function.image,
            "annotations": dict(function.annotations),
            "secrets": list(function.secrets),
        }

    def invoke(self, invocation: Invocation) -> Reply:
        """Send a request to the process, and note the outcome."""
        headers = {name: value for name, value in invocation.headers.items() if name not in _HOP_BY_HOP}
        url = f"{self._address}/{invocation.rest}"
        try:
            answer = self._client.request(invocation.method, url, content=invocation.body, headers=headers)
        except httpx.HTTPError as exc:
            self._log.note(self._function, invocation, 502, str(exc))
            return Reply(502, f"Can't reach service for: {self._function.name}.\n".encode())
        self._log.note(self._function, invocation, answer.status_code, answer.text.strip())
        passed = {name: value for name, value in answer.headers.items() if name not in _HOP_BY_HOP}
        return Reply(answer.status_code, answer.content, passed)

    def enqueue(self, invocation: Invocation) -> Reply:
        """Queue it for the worker."""
        return self._worker.put(self, invocation)


def start_function(function: Function, options: argparse.Namespace, folder: Path, processes: Processes) -> str:
    """Start a function's process, with its secrets as files in ``folder``; return its address. Raises DemoError."""
    folder.mkdir()
    for secret in function.secrets:
        if not (options.secrets / secret).is_dir():
            raise DemoError(f"{function.where}: function {function.name}: there is no secret {secret}")
        shutil.copytree(options.secrets / secret, folder, dirs_exist_ok=True)
    environment = function.environment_with(folder) | dict(options.env) | {"HOST": "127.0.0.1", "PORT": "0"}
    return processes.wait_until_ready(
        processes.start(function.name, [f"{options.package}.{function.name}"], environment)
    )


def read_credentials(environment: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """Return user name and password by the gateway's own variables; None where basic auth is off. Raises OSError."""
    if environment.get("basic_auth", "").lower() not in {"true", "1"}:
        return None
    folder = Path(environment.get("secret_mount_path", "/run/secrets"))
    user, password = ((folder / f"basic-auth-{part}").read_text().strip() for part in ("user", "password"))
    return user, password


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Exit status 2 if the stack or an argument cannot be used, 1 if a function fails."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # KeyboardInterrupt: the functions' processes are ended
    options = _parser().parse_args(arguments)
    try:
        functions, auth, listener = read_stack(options.stack), read_credentials(), socket.socket(fileno=options.fd)
    except (ManifestError, OSError) as exc:
        print(f"gateway: {exc}", file=sys.stderr)
        return 2
    with listener, TemporaryDirectory(prefix="functions-") as folder, contextlib.suppress(KeyboardInterrupt):
        try:
            serve(functions, auth, listener, options, Path(folder))
        except DemoError as exc:
            print(f"gateway: {exc}", file=sys.stderr)
            return 1
    return 0


def serve(
    functions: Iterable[Function],
    auth: tuple[str, str] | None,
    listener: socket.socket,
    options: argparse.Namespace,
    folder: Path,
) -> None:
    """Start the functions, serve until SIGINT or SIGTERM, end them."""
    log, worker = InvocationLog(), QueueWorker()
    with Processes(options.logs or folder, options.timeout, grace=3.0) as processes:
        deployed = {
            function.name: ProcessFunction(
                function, start_function(function, options, folder / function.name, processes), log, worker
            )
            for function in functions
        }
        gateway = Gateway({NAMESPACE: {**deployed}}, auth, pages=log.pages())
        gateway.start(listener)
        print(f"gateway ready: {gateway.url}", flush=True)
        threading.Event().wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.gateway", description="A local OpenFaaS gateway with its functions"
    )
    parser.add_argument("--stack", type=Path, required=True, help="the stack.yml with the functions")
    parser.add_argument("--secrets", type=Path, required=True, help="a folder for each secret, a file for each key")
    parser.add_argument(
        "--env", type=_variable, action="append", default=[], metavar="NAME=VALUE", help="as faas-cli deploy --env"
    )
    parser.add_argument("--package", default="functions", help="each function is run as a module of it")
    parser.add_argument("--logs", type=Path, help="where the functions' logs go (default: nowhere that stays)")
    parser.add_argument("--timeout", type=float, default=30, help="seconds that a function may take to start")
    parser.add_argument("--fd", type=int, required=True, help="a listening socket that was inherited")
    return parser


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
