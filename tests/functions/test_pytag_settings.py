"""What pytag can be set to, and what it says when that is wrong."""

from pathlib import Path
from typing import Any

import pytest

from pytag.settings import Settings
from vcenter_functions.errors import SettingsError

NEEDED = {
    "VCENTER_URL": "vcenter.test",
    "VCENTER_USERNAME": "tagger@vsphere.local",
    "VCENTER_PASSWORD": "s3cret",
    "TAG": "owner/pytag",
}
URN = "urn:vmomi:InventoryServiceTag:31e55277-ca60-482a-899b-232184be224c:GLOBAL"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields.values():
        for name in getattr(field.validation_alias, "choices", ()):
            monkeypatch.delenv(str(name), raising=False)


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("vcenter.test", "https://vcenter.test"),
        ("vcenter.test:8443", "https://vcenter.test:8443"),
        ("https://vcenter.test/sdk", "https://vcenter.test"),
        ("http://127.0.0.1:8989/sdk", "http://127.0.0.1:8989"),
        ("https://user:pass@[::1]:8989/sdk", "https://[::1]:8989"),
        ("::1", "https://[::1]"),
        (" 2001:db8::1 ", "https://[2001:db8::1]"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_vcenter_is_a_host_or_an_address(monkeypatch: pytest.MonkeyPatch, given: str, base: str) -> None:
    assert use(monkeypatch, **NEEDED | {"VCENTER_URL": given}).target.base_url == base


def test_what_vsphere_people_have_set_already_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://admin%40vsphere.local:p%40ss%2Fword@vcenter.test/sdk"
    settings = use(monkeypatch, GOVC_URL=url, GOVC_INSECURE="1", TAG="owner/pytag")
    credentials = settings.credentials()
    assert (credentials.username, credentials.password.get_secret_value()) == ("admin@vsphere.local", "p@ss/word")
    assert settings.vcenter_insecure


def test_our_own_variables_win_over_govcs(monkeypatch: pytest.MonkeyPatch) -> None:
    govc = {"GOVC_URL": "https://a:b@other.test", "GOVC_USERNAME": "other", "GOVC_PASSWORD": "other"}
    settings = use(monkeypatch, **NEEDED, **govc)
    assert settings.target.base_url == "https://vcenter.test"
    assert settings.credentials().username == NEEDED["VCENTER_USERNAME"]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = use(monkeypatch, **NEEDED, PORT="", TAG_CREATE="", VCENTER_CA_FILE="")
    assert (settings.port, settings.tag_create, settings.vcenter_ca_file) == (8080, False, None)


def test_a_mounted_secret_is_read_each_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "username").write_text("tagger\n")
    (tmp_path / "password").write_text("before\n")
    settings = use(monkeypatch, **NEEDED, VCENTER_SECRET_PATH=str(tmp_path))
    assert settings.credentials().username == "tagger"
    (tmp_path / "password").write_text("after")
    assert settings.credentials().password.get_secret_value() == "after"
    (tmp_path / "password").unlink()
    with pytest.raises(SettingsError, match=r"VCENTER_SECRET_PATH: cannot read .*password: No such file"):
        settings.credentials()


def test_a_tag_is_two_names_or_a_urn() -> None:
    name = Settings.load(**NEEDED | {"TAG": "owner/team/pytag"}).tag_name
    assert (name.category, name.name, name.urn) == ("owner", "team/pytag", None)
    assert Settings.load(**NEEDED | {"TAG": URN}).tag_name.urn == URN


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"VCENTER_URL": ""}, "VCENTER_URL: not set; set it to vCenter's host name"),
        ({"TAG": ""}, "TAG: not set; set it to category/name"),
        ({"TAG": "pytag"}, "TAG: 'pytag': not a tag; set category/name"),
        ({"TAG": "owner/ "}, "TAG: 'owner/ ': not a tag"),
        ({"TAG": URN, "TAG_CREATE": "true"}, "TAG_CREATE: a tag named by its urn cannot be created"),
        ({"TAG_ACTION": "remove"}, "TAG_ACTION: 'remove': set 'attach' or 'detach'"),
        ({"TAG_CREATE": "perhaps"}, "TAG_CREATE: 'perhaps': set true or false"),
        ({"PORT": "http"}, "PORT: 'http': set a whole number"),
        ({"PORT": "65536"}, "PORT: '65536': set a number of 65535 or less"),
        ({"TIMEOUT": "0"}, "TIMEOUT: '0': set a number greater than 0"),
        ({"MAX_BODY_BYTES": "0"}, "MAX_BODY_BYTES: '0': set a number of 1 or more"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT: 'xml': set 'console'"),
        ({"VCENTER_URL": "ftp://vcenter.test"}, "VCENTER_URL: not an address; set a host name"),
        ({"VCENTER_URL": "https://vcenter.test:99999"}, "VCENTER_URL: the port is not a number up to 65535"),
        ({"VCENTER_USERNAME": ""}, "VCENTER_USERNAME: not set; set it, or VCENTER_SECRET_PATH"),
        ({"VCENTER_PASSWORD": ""}, "VCENTER_PASSWORD: not set; set it, or VCENTER_SECRET_PATH"),
        ({"VCENTER_SECRET_PATH": "/nowhere"}, "VCENTER_SECRET_PATH: cannot read /nowhere/username"),
        ({"VCENTER_CA_FILE": "/nowhere"}, "VCENTER_CA_FILE: .*cannot read PEM certificates: No such file"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        use(monkeypatch, **NEEDED | wrong)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["VCENTER_URL", "GOVC_URL"])
@pytest.mark.parametrize(
    "secret", ["pa#secret", "pa/secret", "pa?secret", "12#secret", "#secret", "pa[secret]x", "pa\N{ACCOUNT OF}secret"]
)
def test_a_password_that_breaks_the_address_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, secret: str
) -> None:
    needed = NEEDED | {"VCENTER_URL": "", name: f"https://us3r:{secret}@vcenter.test/sdk"}
    with pytest.raises(SettingsError) as caught:
        use(monkeypatch, **needed)
    assert str(caught.value) in {
        f"{name}: the port is not a number up to 65535; percent-encode special characters in a user name or password",
        f"{name}: not an address; percent-encode special characters in a user name or password",
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"GOVC_INSECURE": "maybe"}, "GOVC_INSECURE: 'maybe': set true or false"),
        ({"GOVC_INSECURE": "true", "VCENTER_INSECURE": "maybe"}, "VCENTER_INSECURE: 'maybe': set true"),
        ({"GOVC_URL": "ftp://u:s3cret@vcenter.test", "VCENTER_URL": ""}, "GOVC_URL: not an address; set a host name"),
    ],
)
def test_a_wrong_fall_back_is_named_itself(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        use(monkeypatch, **NEEDED | wrong)
    assert str(caught.value).startswith(message)
    assert "s3cret" not in str(caught.value)


def test_every_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"VCENTER_URL: .*; TAG: .*"):
        Settings.load()


def test_an_empty_secret_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "username").write_text("tagger")
    (tmp_path / "password").write_text("\n")
    with pytest.raises(SettingsError, match="password is empty"):
        use(monkeypatch, **NEEDED, VCENTER_SECRET_PATH=str(tmp_path))


def test_a_broken_certificate_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(SettingsError, match=r"VCENTER_CA_FILE: .*cannot read PEM certificates"):
        use(monkeypatch, **NEEDED, VCENTER_CA_FILE=str(tmp_path / "ca.pem"))


def test_the_password_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = use(monkeypatch, **NEEDED)
    values: list[Any] = [repr(settings), str(settings.credentials())]
    assert "s3cret" not in "".join(values)


def test_every_setting_is_documented() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("name", ["username", "password"])
def test_a_mounted_file_that_is_not_utf_8_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "username").write_text("tägger", encoding="utf-8")
    (tmp_path / "password").write_text("pässword", encoding="utf-8")
    settings = use(monkeypatch, **NEEDED, VCENTER_SECRET_PATH=str(tmp_path))
    assert settings.credentials().username == "tägger"
    (tmp_path / name).write_bytes("pässword".encode("latin-1"))
    message = f"VCENTER_SECRET_PATH: {tmp_path / name} is not UTF-8 text"
    with pytest.raises(SettingsError, match=f"^{message}$"):
        settings.credentials()
    with pytest.raises(SettingsError, match=f"^{message}$"):
        Settings.load()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_a_line_end_after_any_setting_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    given = {
        **NEEDED,
        "TAG_ACTION": "detach",
        "TAG_CREATE": "true",
        "PORT": "9000",
        "HOST": "::1",
        "LOG_LEVEL": "debug",
    }
    settings = use(monkeypatch, **{name: value + end for name, value in given.items()})
    assert settings == use(monkeypatch, **given)
    assert str(settings.tag_name) == "owner/pytag"
    assert settings.credentials().password.get_secret_value() == "s3cret"


def test_a_byte_order_mark_before_a_setting_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert use(monkeypatch, **NEEDED | {"TAG": "\ufeffowner/pytag"}).tag == "owner/pytag"
    (tmp_path / "username").write_text("tagger@vsphere.local\r\n", encoding="utf-8-sig")
    (tmp_path / "password").write_text("p\u00e4ss \n", encoding="utf-8-sig")
    credentials = use(monkeypatch, **NEEDED, VCENTER_SECRET_PATH=str(tmp_path)).credentials()
    assert (credentials.username, credentials.password.get_secret_value()) == ("tagger@vsphere.local", "p\u00e4ss ")


@pytest.mark.parametrize("tag", ["owner/py\ntag", "owner\n/pytag", "owner/py\ttag", "owner/\n", "\n"])
def test_a_line_end_within_a_tag_is_refused(monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    with pytest.raises(SettingsError, match=r"^TAG: .*set category/name"):
        use(monkeypatch, **NEEDED | {"TAG": tag})


def test_a_choice_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = use(monkeypatch, **NEEDED, LOG_LEVEL="INFO", LOG_FORMAT="Json", TAG_ACTION="Attach")
    assert (settings.log_level, settings.log_format, settings.tag_action) == ("info", "json", "attach")


def test_the_fall_back_that_holds_a_wrong_value_is_named_with_its_line_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^GOVC_INSECURE: 'maybe'"):
        use(monkeypatch, **NEEDED, GOVC_INSECURE="maybe\n")
