"""email, to a mail server: what is sent, what its answers become, and how it is connected to."""

import email
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from tests.functions.gallery.handlers import load_function, serve_function
from tests.functions.gallery.smtp_server import Mailbox, serve_mail
from tests.support.certificates import make_case
from tests.support.kit import VM_POWERED_ON, post
from vcenter_functions.errors import FunctionError

ALARM = {
    "id": "77",
    "type": "com.vmware.event.alarm.statuschanged",
    "eventname": "AlarmStatusChangedEvent",
    "eventancestors": "AlarmStatusChangedEvent,AlarmEvent,Event",
    "data": VM_POWERED_ON
    | {"from": "green", "to": "red", "fullFormattedMessage": "Alarm 'CPU' on web-1 changed from Green to Red"},
}
RESTART = {
    "type": "com.vmware.event.ex.com.vmware.vc.ha.VmRestartedByHAEvent",
    "eventclass": "eventex",
    "eventname": "com.vmware.vc.ha.VmRestartedByHAEvent",
    "eventancestors": "EventEx,Event",
}


@pytest.fixture(scope="module")
def plain() -> Iterator[Mailbox]:
    with serve_mail() as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(plain: Mailbox) -> Mailbox:
    plain.envelopes.clear()
    plain.answers.clear()
    plain.answer = "250 OK"
    return plain


def settings_for(mailbox: Mailbox, **more: str) -> dict[str, str]:
    usual = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mailbox.port), "SMTP_SECURITY": "plain"}
    return {**usual, "MAIL_FROM": "vCenter <vcenter@example.com>", "MAIL_TO": "ops@example.com, b@example.org", **more}


def read(mailbox: Mailbox) -> list[EmailMessage]:
    return [email.message_from_bytes(each.original_content or b"", policy=default) for each in mailbox.envelopes]


def test_alarms_and_restarts_by_ha_are_sent_and_nothing_else(mailbox: Mailbox) -> None:
    with serve_function("email", settings_for(mailbox)) as client:
        assert [post(client, **each).status_code for each in (ALARM, ALARM, RESTART, {})] == [204] * 4
    alarm, restart = read(mailbox)
    assert alarm["From"] == "vCenter <vcenter@example.com>"
    assert alarm["To"] == "ops@example.com, b@example.org"
    assert alarm["Subject"] == "[vCenter] Alarm 'CPU' on web-1 changed from Green to Red"
    assert alarm["Date"].datetime.isoformat() == "2026-01-31T08:00:00+00:00"
    assert alarm["Auto-Submitted"] == "auto-generated"
    assert alarm.get_content().replace("\r\n", "\n").splitlines() == [
        "Alarm 'CPU' on web-1 changed from Green to Red",
        "",
        "Object:   web-1 (VirtualMachine:vm-15)",
        "Severity: INFO",
        "User:     VSPHERE.LOCAL\\Administrator",
        "Time:     2026-01-31 08:00:00+00:00",
        "vCenter:  https://vcenter.test/sdk",
    ]
    assert restart["Subject"] == "[vCenter] web-1 is powered on"
    assert [each.rcpt_tos for each in mailbox.envelopes] == [["ops@example.com", "b@example.org"]] * 2
    assert mailbox.envelopes[0].mail_from == "vcenter@example.com"


def test_the_message_id_is_the_events_and_the_recipients(mailbox: Mailbox) -> None:
    for recipients in ("ops@example.com", "ops@example.com", "b@example.org"):  # a restart forgets what was sent
        with serve_function("email", settings_for(mailbox, MAIL_TO=recipients)) as client:
            assert [post(client, **{**ALARM, "id": id_}).status_code for id_ in ("77", "78")] == [204, 204]
    ids = [message["Message-ID"] for message in read(mailbox)]
    assert ids[:2] == ids[2:4]
    assert len(set(ids)) == 4
    assert all(each.endswith("@example.com>") for each in ids)


HEADERS = {
    "Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding",
}  # fmt: skip


INJECTIONS = (
    "a\r\nBcc: eve@example.com",
    "a\nBcc: eve@example.com\n\nb",
    "a\u2028\x00\x0bBcc: eve@example.com",
    "=?utf-8?q?a=0ABcc:_eve@example.com=0A=0Ab?= c",
    "ü" * 300,
)


def test_what_an_event_says_becomes_no_header(mailbox: Mailbox) -> None:
    with serve_function("email", settings_for(mailbox, MAIL_SUBJECT="{message} {user}")) as client:
        for text in INJECTIONS:
            data = VM_POWERED_ON | {"fullFormattedMessage": text}
            assert post(client, **{**ALARM, "id": text, "data": data}).status_code == 204
    for text, message in zip(INJECTIONS, read(mailbox), strict=True):
        assert message["Bcc"] is None
        assert set(message.keys()) == HEADERS
        shown = " ".join(text.replace("\x00", " ").replace("=?", "= ?").split())
        assert message["Subject"].strip() == f"{shown} VSPHERE.LOCAL\\Administrator"
    assert [each.rcpt_tos for each in mailbox.envelopes] == [["ops@example.com", "b@example.org"]] * len(INJECTIONS)


ANSWERS: tuple[tuple[dict[str, str], int, str], ...] = (
    ({"": "451 4.7.1 Greylisted"}, 503, "127.0.0.1: the server answers 451 4.7.1 Greylisted"),
    ({"": "552 5.2.2 Too large"}, 422, "127.0.0.1: the server answers 552 5.2.2 Too large"),
    ({"b@example.org": "550 No such user"}, 422, "b@example.org: the server answers 550 No such user"),
    ({"b@example.org": "450 Busy"}, 503, "b@example.org: the server answers 450 Busy"),
    ({"b@example.org": "450 Busy", "ops@example.com": "550 No"}, 503,
     "ops@example.com: the server answers 550 No; b@example.org: the server answers 450 Busy"),
)  # fmt: skip


def test_4xx_comes_again_and_5xx_does_not(mailbox: Mailbox) -> None:
    with serve_function("email", settings_for(mailbox)) as client:
        for answers, status, error in ANSWERS:
            mailbox.answer, mailbox.answers = answers.get("", "250 OK"), answers
            answer = post(client, **ALARM)
            assert (answer.status_code, answer.json()) == (status, {"error": error})
        mailbox.answer, mailbox.answers = "250 OK", {}
        assert post(client, **ALARM).status_code == 204  # it counts as not handled
    assert read(mailbox)[-1]["Subject"].startswith("[vCenter] Alarm")


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
def test_it_logs_in_over_tls(tmp_path: Path, implicit: bool) -> None:
    case = make_case("as it should be", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(case.server)
    (tmp_path / "ca.pem").write_bytes(case.trusted)
    (tmp_path / "other.pem").write_bytes(make_case("another authority", tmp_path).trusted)
    with serve_mail(context, implicit=implicit) as mailbox:
        login = {"SMTP_USERNAME": "vcenter", "SMTP_PASSWORD": "the password", "SMTP_CA_FILE": str(tmp_path / "ca.pem")}
        settings = settings_for(mailbox, **login, SMTP_SECURITY="tls" if implicit else "starttls")
        with serve_function("email", settings) as client:
            assert post(client, **ALARM).status_code == 204
        with serve_function("email", {**settings, "SMTP_PASSWORD": "the wrong one"}) as client:
            answer = post(client, **ALARM)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert answer.json()["error"].startswith("SMTP_USERNAME, SMTP_PASSWORD: the server answers 535")
        with serve_function("email", {**settings, "SMTP_CA_FILE": str(tmp_path / "other.pem")}) as client:
            answer = post(client, **ALARM)
        assert answer.status_code == 503
        assert "certificate verify failed" in answer.json()["error"]
        assert "the wrong one" not in answer.text
    assert len(mailbox.envelopes) == 1


def test_a_server_that_is_away_or_has_no_starttls_gets_it_later(mailbox: Mailbox) -> None:
    for port, security, error in ((1, "plain", "Connection refused"), (mailbox.port, "starttls", "STARTTLS")):
        with serve_function("email", settings_for(mailbox, SMTP_PORT=str(port), SMTP_SECURITY=security)) as client:
            answer = post(client, **ALARM)
        assert answer.status_code == 503
        assert answer.json()["error"].startswith("SMTP_HOST: 127.0.0.1 cannot be used: ")
        assert error in answer.json()["error"]


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SMTP_HOST", "", "not set"),
        ("MAIL_TO", "", "not set"),
        ("MAIL_TO", "ops", "'ops': set an address, such as ops@example.com; separate several by commas"),
        ("MAIL_TO", "a@example.com\nBcc: b@example.com", "'a@example.com\\nBcc: b@example.com': set an address"),
        ("MAIL_FROM", "a@example.com;b@example.com", "'a@example.com;b@example.com': set an address"),
        ("MAIL_SUBJECT", "{nothing}", "'{nothing}': no event has a field {nothing}"),
        ("SMTP_SECURITY", "ssl", "'ssl': set 'starttls', 'tls' or 'plain'"),
        ("SMTP_PORT", "0", "'0': set a number of 1 or more"),
        ("SMTP_USERNAME", "a", "'plain' would send the password unencrypted; set starttls or tls"),
        ("SMTP_PASSWORD", "", "not set; SMTP_USERNAME needs it"),
    ],
)
def test_a_wrong_setting_is_named(variable: str, value: str, message: str) -> None:
    settings = settings_for(Mailbox(25), **{"SMTP_PASSWORD": "secret", variable: value})
    if variable == "SMTP_PASSWORD":
        settings["SMTP_USERNAME"] = "a"
    with pytest.raises(FunctionError) as caught:
        load_function("email", settings)
    assert f": {message}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
