"""The doctor on an OpenFaaS gateway: its credentials, its functions, and who takes a ping."""

from pathlib import Path

import pytest

from demo.gateway_api import Reply
from tests.support.doctor import Doctor, account
from tests.support.openfaas_gateway import fake_gateway
from vcenter_simulator.server import Simulator

PING = "com.vmware.event.adapter.ping"


@pytest.fixture
def doctor(simulator: Simulator, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(capsys, {"VCENTER_URL": simulator.url} | account())


def credentials(folder: Path, user: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.joinpath("basic-auth-user").write_text(f"{user}\n")
    folder.joinpath("basic-auth-password").write_text(f"{password}\n")
    monkeypatch.setenv("basic_auth", "true")
    monkeypatch.setenv("secret_mount_path", str(folder))


def test_the_functions_are_read_and_the_ping_is_told_by_who_took_it(doctor: Doctor) -> None:
    with fake_gateway() as gateway:
        gateway.deploy("tag", PING)
        gateway.deploy("other", "vm.powered.on")
        examined = doctor.ping(K_SINK=f"openfaas+{gateway.url}")
        assert gateway.take().headers["ce-type"] == PING
    assert examined.found("sink functions") == "2 with a topic: other.openfaas-fn, tag.openfaas-fn"
    assert examined.found("sink ping").startswith("accepted by tag.openfaas-fn in ")


def test_a_ping_that_no_function_wants_is_no_success_with_0(doctor: Doctor) -> None:
    with fake_gateway() as gateway:
        tag = gateway.deploy("tag", "vm.powered.on")
        examined = doctor.ping(K_SINK=f"openfaas+{gateway.url}")
    assert examined.found("sink ping") == f"no function has a topic for {PING}: none was invoked"
    assert tag.invocations == []


def test_a_gateway_without_a_function_is_warned_of(doctor: Doctor) -> None:
    with fake_gateway() as gateway:
        examined = doctor(K_SINK=f"openfaas+{gateway.url}")
    assert examined.status("sink functions") == "warning"
    assert "not sent" in examined.found("sink ping")


def test_a_wrong_gateway_password_is_told_as_one(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(tmp_path, "admin", "wrong", monkeypatch)
    with fake_gateway(auth=("admin", "right")) as gateway:
        examined = doctor.ping(K_SINK=f"openfaas+{gateway.url}")
        assert "answers 401" in examined.found("sink functions")
        assert "refuses the user name and password" in examined.advice("sink functions")
        assert "basic-auth-password" in examined.advice("sink functions")
        assert examined.status("sink ping") == "not checked"
        credentials(tmp_path, "admin", "right", monkeypatch)
        assert doctor(K_SINK=f"openfaas+{gateway.url}").status("sink functions") == "warning"


def test_a_gateway_that_asks_for_a_password_that_is_not_set(doctor: Doctor) -> None:
    with fake_gateway(auth=("admin", "right")) as gateway:
        examined = doctor(K_SINK=f"openfaas+{gateway.url}")
    assert examined.advice("sink functions") == (
        "it asks for a user name and password: set basic_auth and secret_mount_path"
    )


def test_a_function_that_fails_is_named(doctor: Doctor) -> None:
    with fake_gateway() as gateway:
        gateway.deploy("tag", "*", topic_invocation="sync").answer = lambda _: Reply(422, b"no such tag")
        examined = doctor.ping(K_SINK=f"openfaas+{gateway.url}")
    assert examined.found("sink ping") == "function tag.openfaas-fn answers 422: no such tag"
