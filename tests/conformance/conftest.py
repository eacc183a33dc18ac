"""What the tests against programs of others share."""

import pytest


@pytest.fixture(params=["soap", "json"])
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The wire that govc speaks: each of its tests runs over both."""
    monkeypatch.setenv("GOVC_VI_JSON", "true" if request.param == "json" else "")
    return str(request.param)
