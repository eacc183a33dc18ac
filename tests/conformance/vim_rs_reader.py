"""The program in ``vim_rs``, which reads events by the Rust client vim_rs: built if need be, and run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.vcsim import cache_folder
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator

CARGO = shutil.which("cargo")
SOURCE = Path(__file__).parent / "vim_rs"

TARGET = cache_folder() / "vim_rs"


def find_obstacle() -> str:
    """Say why it is not run; nothing if it is. Nobody waits ten minutes for its first build without asking for it."""
    if CARGO is None:
        return "NOT RUN: no cargo on PATH"
    if TARGET.exists() or os.environ.get("VIM_RS"):
        return ""
    return "NOT RUN: vim_rs is not built (make conformance ONLY=vim_rs VIM_RS=1 does it, in 5 to 10 minutes)"


needs_cargo = [pytest.mark.conformance, pytest.mark.skipif(bool(find_obstacle()), reason=find_obstacle())]


def build() -> Path:
    """Build it into the cache folder, or bring it up to date."""
    if not TARGET.exists():
        print(f"building a reader by vim_rs into {TARGET} with cargo (once, 5 to 10 minutes)", flush=True)  # noqa: T201  so that a long wait is understood
    command = [CARGO or "", "build", "--quiet", "--manifest-path", str(SOURCE / "Cargo.toml")]
    subprocess.run(command, env=os.environ | {"CARGO_TARGET_DIR": str(TARGET)}, check=True)
    return TARGET / "debug" / "read-events"


def read_events(program: Path, simulator: Simulator) -> list[str]:
    """Run it; returns the lines that it prints. Fails where vim_rs does."""
    address = simulator.base.removeprefix("https://")
    environment = {"VIM_SERVER": address, "VIM_USERNAME": ADMINISTRATOR, "VIM_PASSWORD": PASSWORD}
    done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
