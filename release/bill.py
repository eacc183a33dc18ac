"""The bill of materials: what is installed beside our code, from the lock files of the wheel and of the functions."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from release.errors import ReleaseError

LOCKS = ("requirements.lock", "functions/requirements.lock")
_TOOL_OPTIONS = ("--pyproject", "pyproject.toml", "--output-format", "JSON", "--output-reproducible")


def write_bill(root: Path, version: str, tool: Path, target: Path) -> None:
    """Write a CycloneDX file in JSON; ``tool`` is cyclonedx-py. Raises ReleaseError."""
    quiet = os.environ | {"PYTHONWARNINGS": "ignore"}  # it knows what the project needs, and not in which order
    command = [str(tool.absolute()), "requirements", *_TOOL_OPTIONS, "-"]
    try:
        done = subprocess.run(
            command, cwd=root, env=quiet, input=join_locks(root), capture_output=True, text=True, check=False
        )
    except OSError as exc:
        raise ReleaseError(f"{tool}: {exc.strerror}; make release installs it") from exc
    if done.returncode != 0:
        raise ReleaseError(f"{tool.name} fails: {done.stderr.strip().splitlines()[-1]}")
    bill = json.loads(done.stdout)
    bill["metadata"]["component"] |= {"version": version, "purl": f"pkg:pypi/vcenter-source@{version}"}
    for component in bill["components"]:
        del component["description"]  # the line of the lock, with a hundred hashes
    target.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def join_locks(root: Path) -> str:
    """Return the requirements of all lock files, each once: the second file repeats those of the first."""
    entries: dict[str, str] = {}
    for lock in LOCKS:
        for name, entry in _split(root.joinpath(lock).read_text(encoding="utf-8")):
            entries.setdefault(name, entry)
    return "\n".join(entries.values()) + "\n"


def _split(lock: str) -> Iterator[tuple[str, str]]:
    """Yield each requirement's name and its lines, the hashes among them."""
    lines = [line for line in lock.splitlines() if not line.lstrip().startswith("#")]
    for entry in re.split(r"\n(?=\S)", "\n".join(lines)):
        yield entry.partition("==")[0], entry
