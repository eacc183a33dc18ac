"""Which Pythons continuous integration takes, and that make builds another environment for another of them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from demo.processes import ROOT

TOOLS = ("bash", "env", "grep", "sort", "tail")

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def python(path: Path, says: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)


def newest(tmp_path: Path) -> str:
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    environment = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}
    command = [ROOT / ".ci" / "newest-python"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=True).stdout


def test_the_newest_python_is_found_on_path_and_among_pyenvs(tmp_path: Path) -> None:
    pyenv = tmp_path / ".pyenv" / "versions"
    python(tmp_path / "bin" / "python3.9", "echo")  # too old
    python(tmp_path / "bin" / "python3.12", "echo 3.12.10")
    python(tmp_path / "bin" / "python3.14", "exit 127")  # a shim
    python(tmp_path / "bin" / "python3.14-config", "echo 3.14.0")
    python(pyenv / "3.13.0" / "bin" / "python3", "echo 3.13.0")
    python(pyenv / "3.12.1" / "bin" / "python3", "echo 3.12.1")
    assert newest(tmp_path) == f"3.13.0 {pyenv}/3.13.0/bin/python3\n"
    (pyenv / "3.13.0" / "bin" / "python3").unlink()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).unlink(missing_ok=True)
    assert newest(tmp_path) == f"3.12.10 {tmp_path}/bin/python3.12\n"


def test_where_there_is_none_nothing_is_printed(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    assert newest(tmp_path) == ""


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_takes_another_environment() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "--assume-old=.other/.ready", "test", "VENV=.other"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, cwd=ROOT).stdout
    assert printed.strip().startswith(".other/bin/python -m pytest")
