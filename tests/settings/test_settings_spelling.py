"""Settings that can be written in more ways than one: line ends, byte order marks, capitals, where to begin."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.settings.environment import BASE, load_settings, refusal
from vcenter_source.commands.pipeline import start_time
from vcenter_source.settings.environment import read_program
from vcenter_source.settings.openfaas import GatewaySettings, ShimSettings
from vcenter_source.vcenter.client import About


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", "\ufeff{}", "\ufeff{}\n\n"])
def test_a_line_end_behind_a_variable_and_a_byte_order_mark_before_it_are_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch, around: str
) -> None:
    given = BASE | {"K_SINK": "http://sink", "MAX_IN_FLIGHT": "7", "VIEWER_TOKEN": "t" * 20, "EVENT_TYPES": "VmEvent"}
    settings = load_settings(monkeypatch, **{name: around.format(value) for name, value in given.items()})
    found = settings.vcenter.credentials()
    assert (found.username, found.password.get_secret_value()) == ("reader", "s3cret")
    assert (settings.vcenter.url, settings.sink.address, settings.delivery.max_in_flight) == (
        "https://vc.example.com",
        "http://sink",
        7,
    )
    assert settings.viewer.token is not None
    assert settings.viewer.token.get_secret_value() == "t" * 20
    assert settings.events.types == ("VmEvent",)


def test_what_is_only_a_line_end_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "VCENTER_PASSWORD: not set" in refusal(monkeypatch, VCENTER_PASSWORD="\n")
    assert load_settings(monkeypatch, VCENTER_PASSWORD="s3cret", K_SINK="\n").sink.address is None


def test_blanks_are_part_of_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(monkeypatch, VCENTER_PASSWORD=" s3cret ")
    assert settings.vcenter.credentials().password.get_secret_value() == " s3cret "


def test_mounted_files_may_begin_with_a_byte_order_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "username").write_text("\ufeffreader\r\n", encoding="utf-8")
    (tmp_path / "password").write_text("\ufeffs3cret", encoding="utf-8")
    found = load_settings(monkeypatch, VCENTER_SECRET_PATH=str(tmp_path)).vcenter.credentials()
    assert (found.username, found.password.get_secret_value()) == ("reader", "s3cret")


def test_the_gateways_credentials_may_too(tmp_path: Path) -> None:
    (tmp_path / "basic-auth-user").write_text("\ufeffadmin\n", encoding="utf-8")
    (tmp_path / "basic-auth-password").write_text("\ufeffp\n", encoding="utf-8")
    settings = GatewaySettings.model_validate({"basic_auth": True, "secret_mount_path": tmp_path})
    assert settings.authorization() == {"Authorization": f"Basic {b64encode(b'admin:p').decode()}"}


def test_choices_are_taken_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"LOG_LEVEL": "INFO", "LOG_FORMAT": "Json", "EVENT_FORMAT": "VEBA", "START_FROM": "Beginning"}
    settings = load_settings(monkeypatch, **given)
    found = (settings.log.level, settings.log.format, settings.events.format, settings.events.start_from)
    assert found == ("info", "json", "veba", "beginning")
    shim = read_program(ShimSettings, LOG_LEVEL="Debug", OPENFAAS_INVOCATION="Sync")
    assert (shim.log.level, shim.gateway.invocation) == ("debug", "sync")


@pytest.mark.parametrize(
    ("start", "meant"),
    [
        ("-1h", timedelta(hours=1)),
        ("-90m", timedelta(minutes=90)),
        ("-7d", timedelta(days=7)),
        ("-1d12h", timedelta(days=1.5)),
        ("-45s", timedelta(seconds=45)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:00:00+01:00", datetime(2026, 1, 31, 7, tzinfo=UTC)),
    ],
)
def test_where_to_begin(monkeypatch: pytest.MonkeyPatch, start: str, meant: datetime | timedelta) -> None:
    settings = load_settings(monkeypatch, START_FROM=start)
    assert settings.events.start_from == meant
    about = About("uuid", "8.0.3.0", datetime(2026, 2, 1, 12, tzinfo=UTC), {})
    expected = about.now - meant if isinstance(meant, timedelta) else meant
    assert start_time(settings.events, about) == expected, "by vCenter's clock"


@pytest.mark.parametrize("start", ["-", "-h", "1h", "-1y", "-1h1d", "-\u0661h", "-999999d", "2026-13-01"])
def test_what_is_no_place_to_begin_is_told_what_is(monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    message = refusal(monkeypatch, START_FROM=start)
    assert message.startswith("START_FROM: ")
    assert "beginning" in message
