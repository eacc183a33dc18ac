"""No setting of the machine's reaches these tests."""

import os

import pytest


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("VCENTER_", "GOVC_", "K_", "EVENT_", "START_", "CHECKPOINT")):
            monkeypatch.delenv(name)
