"""``python -m bench``: measure everything, into bench/RESULTS.md and bench/plots; or print single sections.

The peers are measured if PEER_VSPHERESOURCE and PEER_EVENT_ROUTER name their binaries.
"""

import argparse
import asyncio
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from bench import charts, report
from bench.router import EventRouter
from bench.sections import QUICK, SECTIONS, Plan, say
from bench.senders import Sender, VSphereSource

HERE = Path(__file__).parent


def peer(variable: str) -> Path | None:
    """Return the binary that this variable names, None if it is unset. Raises ValueError."""
    value = os.environ.get(variable)
    if not value:
        return None
    if not os.access(value, os.X_OK):
        raise ValueError(f"{variable}: {value} is not a program; set the path of the peer's binary, or unset it")
    return Path(value).resolve()


def plan(*, quick: bool) -> Plan:
    """Return what to measure."""
    source, router = peer("PEER_VSPHERESOURCE"), peer("PEER_EVENT_ROUTER")
    peers: tuple[Sender, ...] = (VSphereSource(source),) if source else ()
    slowest: tuple[Sender, ...] = (EventRouter(router),) if router else ()
    return Plan(peers, slowest, **(QUICK if quick else {}))  # type: ignore[arg-type]  # fields of many types


async def measure(names: list[str], wanted: Plan) -> dict[str, Any]:
    """Run the sections; return their results by name, and what they were measured on."""
    began, load = time.monotonic(), [os.getloadavg()[0]]
    results = {}
    for name in names:
        say(f"{name}: {(SECTIONS[name].__doc__ or '').splitlines()[0]}")
        results[name] = await SECTIONS[name](wanted)
        load.append(os.getloadavg()[0])
    made = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "repeats": wanted.repeats,
        "fewer": wanted.fewer,
        "minutes": (time.monotonic() - began) / 60,
        "load": max(load),
    }
    return results | {"made": made}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; none is all")
    parser.add_argument("--quick", action="store_true", help="two minutes: whether it works, not how fast it is")
    parser.add_argument("--again", action="store_true", help="measure nothing; write the report of bench/results.json")
    options = parser.parse_args()
    unknown = set(options.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    try:
        wanted = plan(quick=options.quick)
    except ValueError as exc:
        parser.error(str(exc))
    kept = HERE / "results.json"
    if options.again:
        results = json.loads(kept.read_text())
    else:
        results = asyncio.run(measure(options.sections or list(SECTIONS), wanted))
    if options.sections or options.quick:
        print(report.tables(results))
        return
    kept.write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "RESULTS.md").write_text(report.whole(results))
    charts.draw(results, HERE / "plots")
    print(report.goals(results))


if __name__ == "__main__":
    main()
