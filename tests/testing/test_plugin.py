"""What a user's tests are written with: the plugin of pytest, the function on the wire, the simulated vCenter."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
import structlog

from vcenter_functions.catalog import list_classes
from vcenter_functions.errors import HandlerError, SettingsError
from vcenter_functions.testing import Function, Outcome, SimulatedVcenter, sample, simulate_vcenter, write_vcenters

PLAIN = """
    from vcenter_functions import Event, PermanentError, TemporaryError, on

    @on("VmPoweredOnEvent", once=True)
    async def judge(event: Event) -> None:
        if event.data["vm"]["name"] == "never":
            raise PermanentError("this one never")
        if event.data["vm"]["name"] == "later":
            raise TemporaryError("this one later", delay=7)
        if event.data["vm"]["name"] == "broken":
            raise ValueError("a mistake")
"""

TAGGING = """
    from pydantic_settings import BaseSettings
    from vcenter_functions import Event, VCenter, on

    class Settings(BaseSettings):
        tag: str

    @on("VmPoweredOnEvent")
    async def mark(event: Event, vcenter: VCenter, settings: Settings) -> None:
        await vcenter.tags.attach(event.subject, settings.tag)
        await vcenter.attributes.set(event.subject, "owner", event.user)
"""

FOREIGN = sample("VmPoweredOnEvent", {"source": "https://another.example.com/sdk"})


@pytest.fixture
def handler_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "handler.py"
    file.write_text(dedent(getattr(request, "param", PLAIN)))
    return file


@pytest.fixture
def usual_log() -> Iterator[None]:
    """Log as where nobody has configured structlog, whatever another test has left."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("web-1", Outcome(204)),
        ("never", Outcome(422, "this one never")),
        ("later", Outcome(503, "this one later", 7.0)),
    ],
)
def test_an_outcome_is_the_answer(function: Function, name: str, outcome: Outcome) -> None:
    assert function.send(sample("VmPoweredOnEvent", **{"vm.name": name})) == outcome


def test_a_mistake_is_an_outcome_and_its_traceback_has_no_values(
    usual_log: None, function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    assert function.send(sample("VmPoweredOnEvent", **{"vm.name": "broken"})).status == 500
    logged = capsys.readouterr().out
    assert "ValueError: a mistake" in logged
    assert "event = Event(" not in logged
    assert "locals" not in logged


def test_an_outcome_names_the_handlers_that_want_the_event(function: Function) -> None:
    assert function.send(sample("DrsVmPoweredOnEvent")).handlers == ("judge",)
    assert function.send(sample("VmPoweredOffEvent")) == Outcome(204)
    assert function.send(sample("VmPoweredOffEvent")).handlers == ()


def test_without_a_vcenter_events_of_each_source_are_accepted(function: Function) -> None:
    assert function.send(FOREIGN) == Outcome(204)


@pytest.mark.parametrize("handler_file", [TAGGING], indirect=True)
class TestOnASimulatedVcenter:
    @pytest.fixture
    def function_settings(self) -> Mapping[str, str]:
        return {"TAG": "events/on"}

    def test_what_a_handler_does_is_seen(self, function: Function, vcenter: SimulatedVcenter) -> None:
        vcenter.create_tag("events/off")
        vcenter.create_tag("events/on")
        event = sample("VmPoweredOnEvent", userName="alice")
        assert function.send(event) == Outcome(204)
        assert vcenter.tags_on(event["subject"]) == ["events/on"]
        assert vcenter.attributes_of(event["subject"]) == {"owner": "alice"}

    def test_it_is_there_for_a_handler_that_needs_it_and_has_no_tag(self, function: Function) -> None:
        outcome = function.send(sample("VmPoweredOnEvent"))
        assert outcome.status == 422
        assert "no category 'events'" in outcome.message

    def test_an_event_of_another_vcenter_is_refused(self, function: Function) -> None:
        assert function.send(FOREIGN).status == 422


def test_what_cannot_be_is_said(vcenter: SimulatedVcenter) -> None:
    with pytest.raises(LookupError, match="no object 'vm-15'"):
        vcenter.tags_on("vm-15")
    with pytest.raises(LookupError, match="no object 'HostSystem:vm-15'"):
        vcenter.attributes_of("HostSystem:vm-15")
    with pytest.raises(ValueError, match="category/name"):
        vcenter.create_tag("on")


def test_a_tag_that_exists_is_kept(vcenter: SimulatedVcenter) -> None:
    vcenter.create_tag("events/on")
    vcenter.create_tag("events/on")
    assert len(vcenter.simulator.vcenter.tagging.tags) == 1


@pytest.mark.parametrize("handler_file", [TAGGING], indirect=True)
@pytest.mark.usefixtures("handler_file")
def test_a_setting_that_is_missing_ends_the_test_in_its_set_up(request: pytest.FixtureRequest) -> None:
    with pytest.raises(SettingsError, match="TAG"):
        request.getfixturevalue("function")


@pytest.mark.parametrize("handler_file", ["syntax error"], indirect=True)
@pytest.mark.usefixtures("handler_file")
def test_a_file_with_a_mistake_names_its_line(request: pytest.FixtureRequest) -> None:
    with pytest.raises(HandlerError, match=r"handler\.py:1"):
        request.getfixturevalue("function")


def test_the_users_own_vcenter_is_left_alone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("VCENTER_URL", "vcenter.example.com")
    monkeypatch.setenv("GOVC_URL", "vcenter.example.com")
    function: Function = request.getfixturevalue("function")
    assert function.send(FOREIGN) == Outcome(204)


def test_a_sample_is_about_the_object_that_its_reference_names() -> None:
    assert sample("VmPoweredOnEvent", **{"vm.name": "db-1"})["subject"] == "VirtualMachine:vm-15"
    assert sample("VmPoweredOnEvent", **{"vm.vm.value": "vm-17"})["subject"] == "VirtualMachine:vm-17"


def test_samples_are_about_objects_of_the_simulated_vcenter(vcenter: SimulatedVcenter) -> None:
    subjects = {str(subject) for name in list_classes() if (subject := sample(name).get("subject"))}
    missing = subjects - {str(each) for each in vcenter.simulator.vcenter.inventory.objects.values()}
    assert {each.partition(":")[0] for each in missing} == {"Alarm", "HostProfile", "VmwareDistributedVirtualSwitch"}


@pytest.mark.guarantees
def test_functions_side_by_side_are_tested_together(tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "handler.py").write_text(f"from vcenter_functions import on\n@on()\ndef {name}():\n    pass\n")
        (folder / "test_handler.py").write_text(
            "from vcenter_functions.testing import sample\n"
            f"def test_it(function):\n    assert function.send(sample('VmEvent')).handlers == ('{name}',)\n"
        )
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout


def test_the_plugin_alone_imports_neither_server_nor_client() -> None:
    code = "import sys, vcenter_functions.pytest_plugin; print({'httpx', 'starlette', 'uvicorn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("handler_file", [TAGGING], indirect=True)
class TestOnTwoSimulatedVcenters:
    @pytest.fixture
    def west(self) -> Iterator[SimulatedVcenter]:
        with simulate_vcenter() as simulated:
            yield simulated

    @pytest.fixture
    def function_settings(self, vcenter: SimulatedVcenter, west: SimulatedVcenter, tmp_path: Path) -> Mapping[str, str]:
        return {"TAG": "events/on", **write_vcenters(tmp_path, {"east": vcenter, "west": west})}

    def test_a_handler_acts_in_the_one_that_the_event_is_of(
        self, function: Function, vcenter: SimulatedVcenter, west: SimulatedVcenter
    ) -> None:
        for each in (vcenter, west):
            each.create_tag("events/on")
        event = sample("VmPoweredOnEvent", {"source": west.source}, userName="alice")
        assert function.send(event) == Outcome(204)
        assert (vcenter.tags_on(event["subject"]), west.tags_on(event["subject"])) == ([], ["events/on"])
        assert vcenter.attributes_of(event["subject"]) == {}
        assert west.attributes_of(event["subject"]) == {"owner": "alice"}
        assert function.send(FOREIGN).status == 422
