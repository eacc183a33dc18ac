"""``python -m vcenter_simulator``: run it, print where it listens, stop quietly on SIGINT or SIGTERM."""

import os
import signal

if __name__ == "__main__":  # before the imports below, which take a second; once it listens, uvicorn has its own
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, lambda number, _frame: os._exit(128 + number))

import argparse
import asyncio
import errno
import math
import shlex
import sys
from pathlib import Path
from typing import NoReturn

from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD, READER
from vcenter_simulator.inventory import NAMES
from vcenter_simulator.server import Options, Simulator, bracket_ipv6, serve
from vcenter_simulator.vmomi import RELEASES

_PORT = 8989


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for what goes wrong later."""
        self.exit(2, f"simulator: {message}\n")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):  # noqa: PLR2004  16 bits
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; set 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _crowd(text: str) -> int:
    if (number := _count(text)) < len(NAMES):
        raise argparse.ArgumentTypeError(f"{text!r} is too few; there are always {len(NAMES)}")
    return number


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return number


def _releases(text: str) -> tuple[str, ...]:
    releases = tuple(each.strip() for each in text.split(","))
    if unknown := next((each for each in releases if each not in RELEASES), None):
        raise argparse.ArgumentTypeError(f"{unknown!r} is not a release; there are {', '.join(RELEASES)}")
    return releases


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m vcenter_simulator",
        description="A vCenter to develop against: events and inventory by SOAP and VI/JSON, tagging by REST, faults.",
        epilog=f"A second account, {READER}, has the same password and may only read.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=_PORT, help="port to listen on; 0 takes any free one")
    parser.add_argument("--tls", action="store_true", help="serve https with a new self-signed certificate")
    parser.add_argument("--trust-cert", type=Path, metavar="PATH", help="where to write that certificate, as PEM")
    parser.add_argument(
        "--rate", type=_amount, default=0.0, metavar="EVENTS_PER_S", help="post some 20 kinds of event steadily"
    )
    parser.add_argument("--backlog", type=_count, default=0, metavar="N", help="events that are there at the start")
    parser.add_argument(
        "--objects",
        type=_crowd,
        default=len(NAMES),
        metavar="N",
        help="number of VMs; the events of --rate and --backlog go through all of them, four at a time",
    )
    parser.add_argument(
        "--journal", type=Path, metavar="PATH", help="a file for the history; a later start goes on with it"
    )
    parser.add_argument("--latency", type=_amount, default=0.0, metavar="SECONDS", help="added to each answer")
    parser.add_argument(
        "--releases",
        type=_releases,
        default=",".join(RELEASES),
        metavar="LIST",
        help="releases of VI/JSON to offer, separated by commas; 8.0.1.0 alone has no hello",
    )
    parser.add_argument(
        "--soap-only",
        dest="releases",
        action="store_const",
        const=(),
        default=argparse.SUPPRESS,
        help="offer no VI/JSON, as before 8.0 U1",
    )
    parser.add_argument("--username", default=ADMINISTRATOR, help="the account that may do everything")
    parser.add_argument("--password", default=PASSWORD, help="the password of both accounts")
    return parser


def _announce(simulator: Simulator, options: Options) -> None:
    """Print where it listens, which callers wait for, and then the lines to paste for the clients."""
    lines = [f"simulator ready: {simulator.url}", *_exports(simulator.url, options)]
    print("\n".join(lines), flush=True)  # noqa: T201  this is the command's output


def _exports(url: str, options: Options) -> list[str]:
    """Shell commands that name this vCenter and its account to vcenter-source and to govc."""
    account = {"URL": url, "USERNAME": options.username, "PASSWORD": options.password}
    clients = {"VCENTER": dict(account), "GOVC": dict(account)}
    if options.tls:
        clients["GOVC"]["INSECURE"] = clients["VCENTER"]["INSECURE"] = "true"
    if options.trust_cert is not None:
        del clients["VCENTER"]["INSECURE"]
        clients["VCENTER"]["CA_FILE"] = str(options.trust_cert.absolute())
    return [
        "export " + " ".join(f"{client}_{name}={shlex.quote(value)}" for name, value in variables.items())
        for client, variables in clients.items()
    ]


def main() -> int:
    """Run until a signal. Returns the exit code: 2 for a wrong option, 1 for an address that cannot be had."""
    parser = _parser()
    options = Options(**vars(parser.parse_args()))
    if options.trust_cert is not None and not options.tls:
        parser.error("--trust-cert needs --tls")
    try:
        asyncio.run(serve(options, lambda simulator: _announce(simulator, options)))
    except OSError as exc:
        sys.stderr.write(f"simulator: {_failure(options, exc)}\n")
        return 2 if exc.filename is not None or (exc.errno or 0) < 0 else 1  # a name is not found: below 0
    return 0


def _failure(options: Options, exc: OSError) -> str:
    reason = (exc.strerror or str(exc)).partition(" (")[0]
    if exc.filename is not None:  # the certificate's or the journal's; a socket has none
        return f"cannot write {exc.filename}: {reason}"
    hint = "; --port 0 takes any free one" if exc.errno == errno.EADDRINUSE else ""
    return f"cannot listen on {bracket_ipv6(options.host)}:{options.port}: {reason}{hint}"


if __name__ == "__main__":
    sys.exit(main())
