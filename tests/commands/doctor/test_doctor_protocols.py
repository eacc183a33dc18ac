"""What doctor says of SOAP and VI/JSON: what vCenter offers, and whether both show the same."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.support.doctor import Doctor, account, run_vcenter
from tests.support.simulator_control import set_fault
from vcenter_simulator.server import Simulator
from vcenter_source.commands.doctor.protocols import assess_pages
from vcenter_source.core.event import Event

CHECK = "vcenter protocols"


@pytest.mark.parametrize(("protocol", "words"), [("soap", "SOAP"), ("json", "VI/JSON"), ("auto", "VI/JSON")])
def test_both_are_offered_and_show_the_same(doctor: Doctor, simulator: Simulator, protocol: str, words: str) -> None:
    examined = doctor(VCENTER_PROTOCOL=protocol)
    assert examined.good
    assert examined.status(CHECK) == "ok"
    assert examined.found(CHECK).startswith(f"VI/JSON 8.0.3.0 is offered; events are read by {words}; ")
    assert examined.found(CHECK).endswith(" events are the same by both")
    assert examined.findings[CHECK]["details"]["events"] >= 3
    assert len(simulator.vcenter.sessions) == 0


@pytest.mark.parametrize("protocol", ["soap", "json", "auto"])
def test_soap_alone_is_enough_unless_json_is_required(capsys: pytest.CaptureFixture[str], protocol: str) -> None:
    with run_vcenter(releases=()) as own:
        examined = Doctor(capsys, {"VCENTER_URL": own.url, "K_SINK": "-"} | account())(VCENTER_PROTOCOL=protocol)
    assert examined.good == (protocol != "json")
    assert "not offer" in examined.found(CHECK)
    assert ("set VCENTER_PROTOCOL to auto or soap" in examined.advice(CHECK)) == (protocol == "json")


@pytest.mark.parametrize(("protocol", "status"), [("soap", "warning"), ("auto", "failed")])
def test_json_that_is_offered_and_fails_is_a_failure_where_it_would_be_spoken(
    capsys: pytest.CaptureFixture[str], protocol: str, status: str
) -> None:
    with run_vcenter() as own:
        set_fault(own, fault="status", status=500, path="/sdk/vim25/8.0.3.0/EventManager", count=1000)
        examined = Doctor(capsys, {"VCENTER_URL": own.url, "K_SINK": "-"} | account())(VCENTER_PROTOCOL=protocol)
    assert examined.status(CHECK) == status
    assert "answers 500" in examined.found(CHECK)


EVENT = Event("VmPoweredOnEvent", 1, datetime(2026, 1, 31, 8, tzinfo=UTC), None, {"a": 1, "b": "secret"})


def test_fields_that_differ_are_named_without_their_values() -> None:
    other = replace(EVENT, data={"a": 1, "b": "password"})
    result = assess_pages("VI/JSON is offered", [EVENT, replace(EVENT, key=2)], [other, replace(EVENT, key=2)])
    assert (result.status, result.message) == (
        "warning",
        "VI/JSON is offered; of 2 events, 1 differ between the two",
    )
    assert result.details["differing"] == [{"key": 1, "class": "VmPoweredOnEvent", "fields": ["b"]}]


def test_other_events_are_a_warning_and_purged_ones_are_not() -> None:
    assert assess_pages("", [EVENT], [replace(EVENT, key=2)]).status == "warning"
    assert assess_pages("", [EVENT, replace(EVENT, key=2)], [replace(EVENT, key=2)]).status == "ok"
    assert assess_pages("", [], []).status == "ok"
