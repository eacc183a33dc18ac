"""Settings: what is read, and one clear line for each that is wrong."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settings.environment import BASE, load_settings, refusal
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.settings.environment import list_fields
from vcenter_source.settings.source import Settings, load


@pytest.mark.parametrize(
    ("given_url", "full", "source"),
    [
        ("vc.example.com", "https://vc.example.com", "https://vc.example.com/sdk"),
        ("vc.example.com:8443", "https://vc.example.com:8443", "https://vc.example.com:8443/sdk"),
        ("https://vc/sdk", "https://vc/sdk", "https://vc/sdk"),
        ("https://a%40b:c@vc/sdk", "https://a%40b:c@vc/sdk", "https://vc/sdk"),
        ("[2001:db8::1]", "https://[2001:db8::1]", "https://[2001:db8::1]/sdk"),
        ("::1", "https://[::1]", "https://[::1]/sdk"),
        (" 2001:db8::1 ", "https://[2001:db8::1]", "https://[2001:db8::1]/sdk"),
    ],
)
def test_a_host_or_an_address_names_the_vcenter(
    monkeypatch: pytest.MonkeyPatch, given_url: str, full: str, source: str
) -> None:
    settings = load_settings(monkeypatch, VCENTER_URL=given_url)
    assert (settings.vcenter.url, settings.vcenter.require_one().source) == (full, source)


@pytest.mark.parametrize("url", ["ftp://vc/sdk", "https://", "vc:99999", "a b"])
def test_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert refusal(monkeypatch, VCENTER_URL=url).startswith("VCENTER_URL: ")


@given(
    host=st.text(max_size=40).filter(lambda text: "\0" not in text and not any(0xD800 <= ord(c) < 0xE000 for c in text))
)
def test_any_text_as_url_is_taken_or_refused_in_words(host: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in (BASE | {"VCENTER_URL": host}).items():
            monkeypatch.setenv(name, value)
        try:
            load()
        except ConfigurationError as exc:
            assert str(exc).startswith("VCENTER_URL: ")  # noqa: PT017  taken is as good


def test_missing_settings_are_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"^VCENTER_URL: not set; set it to"):
        load()
    monkeypatch.setenv("VCENTER_URL", "vc")
    with pytest.raises(ConfigurationError, match=r"^VCENTER_USERNAME: not set; .*VCENTER_SECRET_PATH"):
        load()
    monkeypatch.setenv("VCENTER_USERNAME", "reader")
    with pytest.raises(ConfigurationError, match=r"^VCENTER_PASSWORD: not set; .*VCENTER_SECRET_PATH"):
        load()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VCENTER_INSECURE", "maybe", "true or false"),
        ("VCENTER_CA_FILE", "/no/such/file", "No such file"),
        ("VCENTER_PROTOCOL", "rest", "set 'soap', 'json' or 'auto'"),
        ("K_SINK", "broker.example.com", "http"),
        ("K_SINK", "http://broker.example.com:99999/", "port"),
        ("K_SINK", "http://broker\\.example.com/", "http"),
        ("DEAD_LETTER_SINK", "https://letters.example.com:80a", "port"),
        ("K_CE_OVERRIDES", "{", "JSON"),
        ("K_CE_OVERRIDES", '{"extensions":{"a-b":"c"}}', "a-b"),
        ("K_CA_CERTS", "nonsense", "PEM"),
        ("START_FROM", "yesterday", "beginning"),
        ("START_FROM", "2026-01-31T08:00:00", "zone"),
        ("EVENT_FORMAT", "xml", "veba"),
        ("MAX_IN_FLIGHT", "0", "a number of 1 or more"),
        ("RETRY_MAX_DELAY", "soon", "number"),
        ("SINK_TIMEOUT", "1e400", "finite"),
        ("LOG_FORMAT", "pretty", "console"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    message = refusal(monkeypatch, **{name: value})
    assert message.startswith(f"{name}: ")
    assert words in message
    assert message.count(name) == 1


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, VCENTER_INSECURE="maybe", MAX_IN_FLIGHT="many")
    assert "VCENTER_INSECURE: " in message
    assert "MAX_IN_FLIGHT: " in message


def test_what_govc_users_have_set_serves_as_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVC_URL", "https://admin%40vsphere.local:p%40ss@vc")
    monkeypatch.setenv("GOVC_INSECURE", "1")
    settings = load()
    credentials = settings.vcenter.credentials()
    assert (credentials.username, credentials.password.get_secret_value()) == ("admin@vsphere.local", "p@ss")
    assert settings.vcenter.insecure
    monkeypatch.setenv("VCENTER_USERNAME", "reader")
    assert load().vcenter.credentials().username == "reader"


def test_a_mounted_secret_wins_and_is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "username").write_text("mounted\n")
    (tmp_path / "password").write_text("first")
    settings = load_settings(monkeypatch, VCENTER_SECRET_PATH=str(tmp_path))
    assert settings.vcenter.credentials().username == "mounted"
    (tmp_path / "password").write_text("second")
    assert settings.vcenter.credentials().password.get_secret_value() == "second"


def test_a_secret_that_is_not_mounted_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert refusal(monkeypatch, VCENTER_SECRET_PATH=str(tmp_path)).startswith("VCENTER_SECRET_PATH: cannot read ")


def test_the_empty_variables_that_knative_injects_count_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(monkeypatch, K_SINK="", K_CE_OVERRIDES="", K_CA_CERTS="")
    assert (settings.sink.address, settings.events.extensions, settings.sink.ca_certs) == (None, {}, None)


def test_overrides_become_extension_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = '{"extensions":{"Cluster":"east","id":"mine","type":"t","n":1}}'
    assert load_settings(monkeypatch, K_CE_OVERRIDES=overrides).events.extensions == {"cluster": "east", "n": "1"}


def test_the_password_is_in_no_printed_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "s3cret" not in repr(load_settings(monkeypatch))


def test_every_setting_is_documented() -> None:
    assert [field for field in list_fields(Settings) if not field.description] == []


@pytest.mark.parametrize("name", ["VCENTER_URL", "GOVC_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "https://user:pa#s3cret@vc/sdk",
        "https://user:s3cret/x@vc/sdk",
        "https://u:s3cret@vc:99999",
        "https://u:12#s3cret@vc/sdk",
        "https://u:a[s3cret]@vc/sdk",
        "https://u:\N{ACCOUNT OF}s3cret@vc/sdk",
    ],
)
def test_no_part_of_a_password_is_repeated(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(ConfigurationError, match="percent-encode") as caught:
        load()
    assert "pa#" not in str(caught.value)
    assert "'pa'" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"GOVC_INSECURE": "maybe"}, "GOVC_INSECURE: 'maybe': set true or false"),
        ({"GOVC_INSECURE": "true", "VCENTER_INSECURE": "maybe"}, "VCENTER_INSECURE: 'maybe': set true"),
        ({"VCENTER_URL": "", "GOVC_URL": "ftp://u:s3cret@vc"}, "GOVC_URL: not an address"),
    ],
)
def test_a_wrong_fall_back_is_named_itself(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str
) -> None:
    assert refusal(monkeypatch, **environment).startswith(message)


def test_a_sinks_password_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, K_SINK="http://user:s3cret@[bad").startswith("K_SINK: ")
    assert "s3cret" not in refusal(monkeypatch, K_SINK="http://user:a[s3cret]@broker")


def test_what_says_what_an_event_is_cannot_be_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = (
        '{"extensions":{"subject":"x","time":"x","knativebrokerttl":"1","dataschema":"x","gone":null,"kept":"y"}}'
    )
    assert load_settings(monkeypatch, K_CE_OVERRIDES=overrides).events.extensions == {"kept": "y"}
    assert "data is not an extension" in refusal(monkeypatch, K_CE_OVERRIDES='{"extensions":{"data":"x"}}')


@pytest.mark.parametrize("name", ["username", "password"])
def test_a_mounted_file_that_is_not_utf_8_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "username").write_text("leserß", encoding="utf-8")
    (tmp_path / "password").write_text("pässword", encoding="utf-8")
    settings = load_settings(monkeypatch, VCENTER_SECRET_PATH=str(tmp_path))
    assert settings.vcenter.credentials().username == "leserß"
    (tmp_path / name).write_bytes("pässword".encode("latin-1"))
    message = f"VCENTER_SECRET_PATH: {tmp_path / name} is not UTF-8 text"
    assert refusal(monkeypatch, VCENTER_SECRET_PATH=str(tmp_path)) == message
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        settings.vcenter.credentials()
