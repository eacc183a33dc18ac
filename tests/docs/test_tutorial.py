"""The tutorial in docs/functions.md, word by word."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from demo.manifests import Manifest
from tests.deploy.manifest_schema import faults
from tests.docs.pages import blocks, page, section
from tests.support.processes import clean_environment, process
from tests.support.terminal import Terminal

TUTORIAL = section(page("functions.md"), "## Your first function in five minutes")
COMMANDS = [line for block in blocks(TUTORIAL, "console") for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE)]
NEW, CHANGE_FOLDER, TEST, RUN, SEND, DEPLOY = COMMANDS


def shell(command: str, folder: Path) -> str:
    """Run a command as the tutorial's reader does, in an environment where the package is installed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = clean_environment(PATH=path)
    done = subprocess.run(command, shell=True, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.mark.guarantees
def test_each_command_does_what_the_page_says(tmp_path: Path) -> None:
    shell(NEW, tmp_path)
    folder = tmp_path / CHANGE_FOLDER.removeprefix("cd ")
    assert [(folder / "handler.py").read_text()] == blocks(TUTORIAL, "python")
    assert " 1 passed" in shell(f"{TEST} -p no:cacheprovider", folder)
    _run_and_send(folder)
    manifest, _, apply = DEPLOY.partition(" | ")
    assert apply == "kubectl apply -f -"
    objects = list(yaml.safe_load_all(shell(manifest, folder)))
    assert [fault for each in objects for fault in faults(Manifest(folder, 1, each))] == []
    assert {"Deployment", "Service", "Trigger"} <= {each["kind"] for each in objects}


def _run_and_send(folder: Path) -> None:
    """A free port stands for the page's, since tests run side by side."""
    program, *arguments = RUN.split()
    assert program == "vcenter-source"
    arguments = [str(folder / each) if each == "handler.py" else each for each in arguments]
    with process("vcenter_source", *arguments, "--port", "0", "--rate", "10") as running:
        assert running.stdout is not None
        terminal = Terminal(running.stdout.readline)
        try:
            _send(terminal, folder)
        finally:
            running.terminate()
            assert running.wait(30) == 0


def _send(terminal: Terminal, folder: Path) -> None:
    url = terminal.wait_for("function ready: ").rpartition(" ")[2].rstrip("/")
    terminal.wait_for("  no handler")
    terminal.wait_for("  hello")
    terminal.wait_for("─ hello")
    assert shell(SEND.replace("http://127.0.0.1:8080", url), folder).startswith("204\tcom.vmware.event.vm.poweredon")
    terminal.wait_for("vm=web-7")
