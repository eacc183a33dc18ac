"""govc, govmomi's own client, run against a simulator."""

import os
import shutil
import subprocess

import pytest

from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator

GOVC = shutil.which("govc")

needs_govc = [
    pytest.mark.conformance,
    pytest.mark.skipif(GOVC is None, reason="no govc on PATH"),
    pytest.mark.usefixtures("wire"),
]


def govc(simulator: Simulator, *arguments: str) -> str:
    """Run a command; returns what it prints. Fails where govc does."""
    assert GOVC is not None
    login = {"GOVC_URL": simulator.url, "GOVC_USERNAME": ADMINISTRATOR, "GOVC_PASSWORD": PASSWORD}
    environment = {"PATH": os.environ["PATH"], "GOVC_VI_JSON": os.environ.get("GOVC_VI_JSON", "")}
    environment |= {"GOVC_PERSIST_SESSION": "false", "GOVC_INSECURE": "true", **login}
    done = subprocess.run([GOVC, *arguments], env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
