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

needs_cargo = [pytest.mark.conformance, pytest.mark.skipif(CARGO is None, reason="NOT RUN: no cargo on PATH")]


def build() -> Path:
    """Build it into the cache folder; the first time takes some minutes, since vim_rs is large."""
    target = cache_folder() / "vim_rs"
    if not target.exists():
        print(f"building a reader by vim_rs into {target} with cargo (once, some minutes)", flush=True)  # noqa: T201  so that a long wait is understood
    command = [CARGO or "", "build", "--quiet", "--locked", "--manifest-path", str(SOURCE / "Cargo.toml")]
    subprocess.run(command, env=os.environ | {"CARGO_TARGET_DIR": str(target)}, check=True)
    return target / "debug" / "read-events"


def read_events(program: Path, simulator: Simulator) -> list[str]:
    """Run it; returns the lines that it prints. Fails where vim_rs does."""
    address = simulator.base.removeprefix("https://")
    environment = {"VIM_SERVER": address, "VIM_USERNAME": ADMINISTRATOR, "VIM_PASSWORD": PASSWORD}
    done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
