"""The file that VCENTERS_FILE names: what may stand in it, how a wrong one is named, and what a change of it does."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vcenter_functions.vcenters_file import (
    RETRY_REFRESHES,
    VcenterEntry,
    VcentersFile,
    VcentersFileError,
    parse_vcenters,
)

AUTHORITY = Path(__file__).parents[1] / "support" / "authority.pem"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "vcenters.yaml"
        file.write_text(text)
        return file

    return write


def read(file: Path) -> tuple[VcenterEntry, ...]:
    return parse_vcenters(file.read_bytes(), file)


def explain(file: Path) -> str:
    with pytest.raises(VcentersFileError) as raised:
        read(file)
    message = str(raised.value)
    assert message.startswith("VCENTERS_FILE: ")
    assert "\n" not in message
    return message.removeprefix(f"VCENTERS_FILE: {file}").removeprefix(": ")


def password_of(entry: VcenterEntry) -> str:
    return entry.credentials().password.get_secret_value()


def test_every_key_of_an_entry_is_read(write: Write, tmp_path: Path) -> None:
    authority = tmp_path / "authority.pem"
    shutil.copy(AUTHORITY, authority)
    (tmp_path / "user").write_text("reader\n")
    (tmp_path / "pw").write_text("secret\n")
    east, west = read(
        write(
            f"""
            - name: east
              url: vc-east
              usernameFile: user
              passwordFile: {tmp_path}/pw
              caFile: {authority.name}
              insecure: true
              protocol: JSON
              startFrom: 2026-01-31
              eventTypes: [VmPoweredOnEvent, "*.pool.*"]
            - {{name: west-1.b, url: 'http://vc-west:8080/sdk', username: a, password: 0123, eventTypes: 'a, b'}}
            """
        )
    )
    assert (east.name, east.url, east.insecure, east.start_from) == ("east", "https://vc-east", True, "2026-01-31")
    assert (east.event_types, west.event_types) == ("VmPoweredOnEvent,*.pool.*", "a, b")
    assert (east.ca_file, east.protocol, west.protocol) == (authority, "json", "soap")
    assert (east.credentials().username, password_of(east)) == ("reader", "secret")
    assert (west.url, west.insecure, password_of(west)) == ("http://vc-west:8080/sdk", False, "0123")


def test_credentials_may_stand_in_the_address(write: Write) -> None:
    (entry,) = read(write("- {name: a, url: 'https://user:p%40ss@vc'}"))
    assert (entry.credentials().username, password_of(entry)) == ("user", "p@ss")


def test_files_of_credentials_are_read_anew(write: Write, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("old")
    (entry,) = read(write("- {name: a, url: vc, username: u, passwordFile: pw}"))
    (tmp_path / "pw").write_text("new\n")
    assert password_of(entry) == "new"


GOOD = "- {name: a, url: vc, username: u, password: secret}\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "holds no list"),
        ("name: a", "holds no list"),
        ("[]", "is an empty list"),
        ("- [", "is not YAML at line 1"),
        ("- just a text", "entry 1: not a vCenter"),
        ("- {url: vc, username: u, password: secret}", "entry 1: name: not set"),
        ("- {name: , url: vc, username: u, password: secret}", "entry 1: name: not set"),
        ("- {name: East, url: vc, username: u, password: secret}", "entry 1 (East): name: write up to 63 lower-case"),
        ("- {name: a/b, url: vc, username: u, password: secret}", "entry 1 (a/b): name: write up to 63 lower-case"),
        ("- {name: a, username: u, password: secret}", "entry 1 (a): url: not set"),
        ("- {name: a, url: 'https://secret@', username: u, password: p}", "entry 1 (a): url: not an address"),
        ("- {name: a, url: vc, password: secret}", "entry 1 (a): username: not set; set it or usernameFile"),
        ("- {name: a, url: vc, username: u}", "entry 1 (a): password: not set; set it or passwordFile"),
        ("- {name: a, url: vc, username: u, password: [secret]}", "entry 1 (a): password: not a text"),
        ("- {name: a, url: vc, username: u, passwordFile: none}", "entry 1 (a): passwordFile: cannot read "),
        ("- {name: a, url: vc, username: u, password: secret, passwordFile: f}", "password and passwordFile are both"),
        ("- {name: a, url: vc, username: u, password: secret, usernameFile: f}", "username and usernameFile are both"),
        ("- {name: a, url: vc, username: u, password: secret, caFile: none}", "caFile: cannot read PEM certificates"),
        ("- {name: a, url: vc, username: u, password: secret, insecure: maybe}", "insecure: set true or false"),
        (
            "- {name: a, url: vc, username: u, password: secret, protocol: rest}",
            "protocol: set 'soap', 'json' or 'auto'",
        ),
        ("- {name: a, url: vc, username: u, pasword: secret}", "pasword: no such key; did you mean password?"),
        (GOOD + GOOD, "name: a is there twice"),
        (GOOD + GOOD.replace("name: a", "name: b"), "url: a and b have the same; remove one"),
        (GOOD + GOOD.replace("name: a, url: vc", "name: b, url: 'http://VC.:80/sdk'"), "url: a and b have the same"),
    ],
)
def test_a_wrong_file_is_named_in_one_line_without_its_secrets(write: Write, text: str, wanted: str) -> None:
    message = explain(write(text))
    assert wanted in message
    assert "secret" not in message


def test_everything_wrong_is_named_at_once(write: Write) -> None:
    message = explain(write("- {name: a}\n- {name: B, url: vc, username: u, password: p}\n- 3"))
    assert [part.partition(":")[0] for part in message.split("; entry")] == ["entry 1 (a)", " 2 (B)", " 3"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VcentersFileError, match=r"^VCENTERS_FILE: cannot read .*/none: No such file or directory$"):
        VcentersFile(tmp_path / "none", parse_vcenters)


def test_a_changed_file_is_read_again(write: Write) -> None:
    file = VcentersFile(write(GOOD), parse_vcenters)
    assert not file.refresh()
    write(GOOD + "- {name: b, url: other, username: u, password: p}\n")
    assert file.refresh()
    assert [entry.name for entry in file.vcenters] == ["a", "b"]
    assert not file.refresh()


@pytest.mark.parametrize("broken", ["", "[]", "- {name: b}", "- {name: b, url: vc, username: u, passwordFile: none}"])
def test_a_broken_file_keeps_the_last_good_one(write: Write, broken: str) -> None:
    file = VcentersFile(write(GOOD), parse_vcenters)
    write(broken)
    assert not file.refresh()
    assert [entry.name for entry in file.vcenters] == ["a"]
    assert file.problem.startswith("VCENTERS_FILE: ")
    write(GOOD)
    assert not file.refresh()
    assert file.problem == ""


def test_a_file_that_lacked_another_is_read_once_that_is_there(write: Write, tmp_path: Path) -> None:
    file = VcentersFile(write(GOOD), parse_vcenters)
    write("- {name: b, url: vc, username: u, passwordFile: pw}")
    assert not file.refresh()
    (tmp_path / "pw").write_text("p")
    assert any(file.refresh() for _ in range(RETRY_REFRESHES))
    assert [entry.name for entry in file.vcenters] == ["b"]
