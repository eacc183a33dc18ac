"""Settings from an environment of the test's own."""

import pytest

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.settings.source import Settings, load

BASE = {"VCENTER_URL": "vc.example.com", "VCENTER_USERNAME": "reader", "VCENTER_PASSWORD": "s3cret"}


def load_settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in (BASE | environment).items():
        monkeypatch.setenv(name, value)
    return load()


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(monkeypatch, **environment)
    message = str(caught.value)
    assert "\n" not in message
    assert "s3cret" not in message
    return message
