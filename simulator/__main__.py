"""``python -m simulator``: run it, print where it listens, stop quietly on SIGINT or SIGTERM."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from simulator.accounts import ADMINISTRATOR, PASSWORD, READER
from simulator.server import Options, Running, serve


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A vCenter to develop against: events and inventory over SOAP, tagging over REST, faults.",
        epilog=f"A second account, {READER}, has the same password and may only read.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes any free one")
    parser.add_argument("--tls", action="store_true", help="serve https with a new self-signed certificate")
    parser.add_argument("--trust-cert", type=Path, metavar="PATH", help="where to write that certificate, as PEM")
    parser.add_argument("--rate", type=float, default=0.0, metavar="EVENTS_PER_S", help="post mixed events steadily")
    parser.add_argument("--backlog", type=int, default=0, metavar="N", help="events that are there at the start")
    parser.add_argument(
        "--journal", type=Path, metavar="PATH", help="a file to keep the history in; started again, it is there still"
    )
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="added to each answer")
    parser.add_argument("--username", default=ADMINISTRATOR, help="the account that may do everything")
    parser.add_argument("--password", default=PASSWORD, help="the password of both accounts")
    return parser


def _announce(running: Running) -> None:
    print(f"simulator ready: {running.url}", flush=True)  # noqa: T201  what callers wait for


def main() -> int:
    """Run until a signal. Returns the exit code."""
    options = Options(**vars(_parser().parse_args()))
    # uvicorn shuts down on a signal and then raises it again, for the handler that was there before it: this one.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        asyncio.run(serve(options, _announce))
    except OSError as exc:
        reason = os.strerror(exc.errno or 0)
        sys.stderr.write(f"simulator: cannot listen on {options.host}:{options.port}: {reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
