"""vcenter-source doctor against a vCenter: what it finds in each state, what it advises, and that it keeps secrets."""

import asyncio
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.doctor import OTHER_PASSWORD, PASSWORD, Doctor, account, no_secret_in, run_vcenter
from tests.support.processes import clean_environment, command, process
from tests.support.simulator_control import set_fault
from tests.support.terminal import show_at_terminal
from tests.support.web_server import web_server
from vcenter_simulator.accounts import READER, STRANGER
from vcenter_simulator.server import Simulator
from vcenter_source.commands.doctor import certificate, checks
from vcenter_source.commands.doctor.checks import CheckResult, DoctorCheck, ok, run_checks
from vcenter_source.commands.doctor.vcenter import assess_privileges, format_age

BEHIND_LOGIN = [
    "vcenter version",
    "vcenter clock",
    "vcenter privileges",
    "vcenter events",
    "vcenter protocols",
    "event types",
]


def logins(simulator: Simulator) -> int:
    return simulator.vcenter.requests["Login"]


# --- vCenter ---


def test_a_vcenter_in_good_order(doctor: Doctor, simulator: Simulator) -> None:
    examined = doctor()
    assert examined.good
    assert examined.of("warning") == ["vcenter tls", "dead letters", "checkpoint"]  # http; none; memory:
    assert "VMware vCenter Server 8.0.3 build-24022515, API 8.0.3.0" in examined.found("vcenter version")
    assert simulator.vcenter.instance_uuid in examined.found("vcenter version")
    assert "oldest event is 1, " in examined.found("vcenter events")
    assert examined.found("event types") == "EVENT_TYPES is not set: all events are sent"
    assert abs(examined.findings["vcenter clock"]["details"]["seconds_ahead"]) < 1
    assert len(simulator.vcenter.sessions) == 0


def test_event_types_that_match_nothing_of_this_vcenter_are_told_with_the_right_one(doctor: Doctor) -> None:
    examined = doctor(EVENT_TYPES="VmPoweredOnEvent,vm.powredon*")
    assert examined.status("event types") == "warning"
    assert examined.found("event types") == "EVENT_TYPES: 'vm.powredon*' matches no known event type"
    assert examined.advice("event types").startswith("did you mean com.vmware.event.vm.poweredon, ")
    right = doctor(EVENT_TYPES="VmPoweredOnEvent,com.vmware.event.vm.*,vm.*,esx.problem.*")
    assert right.status("event types") == "ok"


def test_an_esxi_host_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with run_vcenter() as host:
        set_fault(host, fault="esxi-host")
        examined = Doctor(capsys, {"VCENTER_URL": host.url, "K_SINK": "-"} | account())()
    assert examined.status("vcenter version") == "warning"
    assert "an ESXi host, not a vCenter" in examined.found("vcenter version")
    assert "set VCENTER_URL to the vCenter that manages it" in examined.advice("vcenter version")


def test_an_account_that_may_only_read_is_enough(doctor: Doctor) -> None:
    examined = doctor(**account(READER))
    assert examined.good
    assert examined.status("vcenter privileges") == "ok"


def test_a_wrong_password_is_tried_once_and_the_rest_is_not_checked(doctor: Doctor, simulator: Simulator) -> None:
    before = logins(simulator)
    examined = doctor(**account(password=OTHER_PASSWORD))
    assert logins(simulator) == before + 1  # more would lock the account
    assert examined.of("failed") == ["vcenter login"]
    assert "refuses the user name or password" in examined.found("vcenter login")
    assert "VCENTER_PASSWORD" in examined.advice("vcenter login")
    assert "locked" in examined.advice("vcenter login")
    assert "three refusals in 15 minutes" in examined.advice("vcenter login")
    assert examined.of("not checked") == BEHIND_LOGIN


def test_a_user_name_without_a_domain_is_pointed_out(doctor: Doctor) -> None:
    assert "administrator@vsphere.local" in doctor(**account("administrator")).advice("vcenter login")


def test_an_account_without_any_permission_is_told_from_a_wrong_password(doctor: Doctor) -> None:
    examined = doctor(**account(STRANGER))
    assert "the account lacks System.View" in examined.found("vcenter login")
    assert "Read-Only" in examined.advice("vcenter login")


def test_a_secret_that_has_gone_is_named(doctor: Doctor, tmp_path: Path) -> None:
    for name, value in (("username", "reader@vsphere.local"), ("password", OTHER_PASSWORD)):
        (tmp_path / name).write_text(value)
    assert doctor(VCENTER_SECRET_PATH=str(tmp_path)).of("failed") == ["vcenter login"]


@pytest.mark.parametrize(("seconds", "words"), [(60, "ahead of"), (-60, "behind")])
def test_clocks_that_differ_are_a_warning(capsys: pytest.CaptureFixture[str], seconds: int, words: str) -> None:
    with run_vcenter() as simulator:
        set_fault(simulator, fault="step-clock", seconds=seconds)
        examined = Doctor(capsys, {"VCENTER_URL": simulator.url, "K_SINK": "-"} | account())()
    assert examined.status("vcenter clock") == "warning"
    assert words in examined.found("vcenter clock")
    assert "NTP" in examined.advice("vcenter clock")
    assert examined.good


def test_a_host_that_has_no_address(doctor: Doctor) -> None:
    examined = doctor(VCENTER_URL="https://no-such-host.invalid/sdk")
    assert examined.of("failed") == ["vcenter dns"]
    assert examined.found("vcenter dns").startswith("no-such-host.invalid: ")
    assert "VCENTER_URL" in examined.advice("vcenter dns")
    assert examined.of("not checked") == ["vcenter tcp", "vcenter tls", "vcenter login", *BEHIND_LOGIN]


def test_a_host_that_can_be_no_name(doctor: Doctor) -> None:
    assert doctor(VCENTER_URL=f"https://{'a' * 64}.invalid/sdk").of("failed") == ["vcenter dns"]


def test_a_port_that_nobody_listens_on(doctor: Doctor) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        examined = doctor(VCENTER_URL=f"https://localhost:{unused.getsockname()[1]}/sdk")
    assert examined.status("vcenter dns") == "ok"
    assert examined.of("failed") == ["vcenter tcp"]
    assert "127.0.0.1: Connection refused" in examined.found("vcenter tcp")


def test_a_port_that_never_answers_takes_no_longer_than_the_limit(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "SERVER_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        examined = doctor(VCENTER_URL=f"https://127.0.0.1:{silent.getsockname()[1]}/sdk")
    assert examined.of("failed") == ["vcenter tls"]
    assert "timed out" in examined.found("vcenter tls")


def test_a_vcenter_that_hangs_takes_no_longer_than_the_limit(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECK_TIMEOUT", 0.3)
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        examined = doctor(VCENTER_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/sdk")
    assert time.monotonic() - begun < 3
    assert examined.of("failed") == ["vcenter login"]
    assert "no answer within 0.3 s" in examined.found("vcenter login")


def test_what_is_no_vcenter(doctor: Doctor) -> None:
    with web_server(200, b"<html>router</html>") as url:
        examined = doctor(VCENTER_URL=url)
    assert "does not answer like a vCenter" in examined.found("vcenter login")
    assert examined.advice("vcenter login") == "check VCENTER_URL"


def test_what_the_privileges_mean() -> None:
    both = {"System.View": True, "System.Read": True}
    assert assess_privileges(both, propagated=True).status == "ok"
    assert "propagate" in assess_privileges(both, propagated=False).advice
    assert assess_privileges(both | {"System.Read": False}, propagated=True).status == "warning"
    assert assess_privileges(dict.fromkeys(both, False), propagated=False).status == "failed"


def test_a_time_and_its_distance() -> None:
    now = datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert format_age(now - timedelta(days=3), now) == "2026-01-28T08:00:00+00:00 (3 days ago)"
    assert format_age(now - timedelta(seconds=5), now).endswith("(5 s ago)")
    assert format_age(now + timedelta(hours=2), now).endswith("(2 h ahead of our clock)")
    assert format_age(now, now).endswith("(0 s ago)")


def test_what_needs_a_failed_check_is_not_checked_nor_what_needs_that() -> None:
    async def check(outcome: CheckResult) -> CheckResult:
        return outcome

    async def all_of_them() -> list[tuple[str, str]]:
        bad = CheckResult("failed", "no")
        some = [
            DoctorCheck("a", lambda: check(bad)),
            DoctorCheck("b", lambda: check(ok("yes")), "a"),
            DoctorCheck("c", lambda: check(ok("yes")), "b"),
            DoctorCheck("d", lambda: check(ok("yes"))),
        ]
        return [(name, result.status) for name, result in (await run_checks(some)).items()]

    assert asyncio.run(all_of_them()) == [("a", "failed"), ("b", "not checked"), ("c", "not checked"), ("d", "ok")]


# --- the command ---


def examined(*arguments: str, **settings: str) -> tuple[int, str, str]:
    done = command("doctor", *arguments, **settings)
    assert no_secret_in(done.stdout + done.stderr)
    return done.returncode, done.stdout, done.stderr


def test_the_command_prints_a_line_for_each_check(simulator: Simulator) -> None:
    code, out, said = examined("--sink", "-", VCENTER_URL=simulator.url, **account())
    assert (code, said) == (0, "")
    lines = out.splitlines()
    assert [line[:11].strip() for line in lines].count("warning") == 3
    assert lines[3].split() == ["ok", "vcenter", "login", "as", "administrator@vsphere.local"]
    assert " → set VCENTER_URL to the https address" in lines[2]
    assert "\x1b" not in out


def test_the_exit_code_tells_a_failure(simulator: Simulator) -> None:
    code, out, said = examined("--json", VCENTER_URL=simulator.url, K_SINK="-", **account(password=OTHER_PASSWORD))
    assert (code, said) == (1, "")
    assert {"check", "status", "found", "advice", "details"} == json.loads(out.splitlines()[0]).keys()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({}, "K_SINK: not set"), ({"K_SINK": "-", "CHECKPOINT": "s3:x"}, "CHECKPOINT")],
)
def test_a_wrong_setting_is_one_line_and_exit_2(simulator: Simulator, wrong: dict[str, str], named: str) -> None:
    code, out, said = examined(VCENTER_URL=simulator.url, **(account() | wrong))
    assert (code, out) == (2, "")
    assert said.startswith(f"vcenter-source: {named}")
    assert said.count("\n") == 1


def test_a_terminal_gets_colours(simulator: Simulator) -> None:
    environment = clean_environment(VCENTER_URL=simulator.url, K_SINK="-", TERM="xterm-256color", **account())
    environment.pop("NO_COLOR", None)
    out = show_at_terminal(environment, "doctor")
    assert "\x1b[32mok" in out
    assert PASSWORD not in out


def test_a_reader_who_leaves_ends_it_quietly(simulator: Simulator) -> None:
    with process("vcenter_source", "doctor", VCENTER_URL=simulator.url, K_SINK="-", **account()) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()
        assert (running.wait(20), said) == (0, "")
