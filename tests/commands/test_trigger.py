"""``vcenter-source trigger``: the Trigger that it prints picks what was asked for, and kubectl takes it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from demo.filters import check_trigger, trigger_matches
from tests.support.processes import command
from tests.support.threaded_server import QuietHandler, serve_http
from tests.triggers.catalog_events import EVENTS
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.catalog import all_classes
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.triggers.builder import TriggerRequest, build_trigger
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.linter import lint_spec
from vcenter_source.triggers.values import ValueChecker

ON, OFF = "com.vmware.event.vm.poweredon", "com.vmware.event.vm.poweredoff"
CHECKER = ValueChecker(EventCatalog())


def written(*types: str, subscriber: str = "svc/f", **more: Any) -> dict[str, Any]:
    text, _ = build_trigger(TriggerRequest(types, subscriber, **more), CHECKER)
    node = yaml.compose(text)
    assert node is not None
    (spec,) = (value for key, value in node.value if key.value == "spec")
    assert [each for each in lint_spec(spec, CHECKER) if each.severity == "error"] == []
    manifest: dict[str, Any] = yaml.safe_load(text)
    return manifest


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((ON,), {"filter": {"attributes": {"type": ON}}}),
        ((ON, ON), {"filter": {"attributes": {"type": ON}}}),
        ((ON, OFF), {"filters": [{"any": [{"exact": {"type": ON}}, {"exact": {"type": OFF}}]}]}),
        (("com.vmware.event.vm.*",), {"filters": [{"prefix": {"type": "com.vmware.event.vm."}}]}),
        (("*.created",), {"filters": [{"suffix": {"type": ".created"}}]}),
        (
            ("com.vmware.*.created",),
            {"filters": [{"all": [{"prefix": {"type": "com.vmware."}}, {"suffix": {"type": ".created"}}]}]},
        ),
        (("com.*.vm*ed",), {"filters": [{"cesql": "type LIKE 'com.%.vm%ed'"}]}),
        (("*",), {}),
        (("*", ON), {}),
        (("UserLoginSessionEvent",), {"filter": {"attributes": {"type": "com.vmware.event.session.userlogin"}}}),
        (("VmEvent",), {"filters": [{"suffix": {"eventancestors": ",VmEvent,Event"}}]}),
        (
            ("VmPoweredOnEvent", OFF),
            {
                "filters": [
                    {
                        "any": [
                            {"exact": {"type": ON}},
                            {"suffix": {"eventancestors": ",VmPoweredOnEvent,VmEvent,Event"}},
                            {"exact": {"type": OFF}},
                        ]
                    }
                ]
            },
        ),
        (("EventEx",), {"filter": {"attributes": {"eventclass": "eventex"}}}),
        (
            ("com.vmware.event.ex.esx.audit.ssh.enabled",),
            {"filter": {"attributes": {"type": "com.vmware.event.ex.esx.audit.ssh.enabled"}}},
        ),
    ],
)
def test_the_shortest_filter_for_it(types: tuple[str, ...], expected: dict[str, Any]) -> None:
    spec = written(*types)["spec"]
    assert {name: value for name, value in spec.items() if name.startswith("filter")} == expected


PARENTS = {parent for each in all_classes().values() for parent in each.lineage[1:]}


@pytest.mark.parametrize("name", sorted(PARENTS | {"DrsVmPoweredOnEvent", "CustomizationSucceeded", "EventEx"}))
def test_a_class_picks_itself_and_those_derived_from_it(name: str) -> None:
    spec = written(name)["spec"]
    check_trigger(spec)
    picked = {each["eventname"] for each in EVENTS if trigger_matches(spec, each)}
    accepts = TypeFilter((name,)).accepts
    wanted = {each["eventname"] for each in EVENTS if accepts(lineage(each)[0], each["eventname"], each["type"])}
    assert picked == wanted != set()


def lineage(event: dict[str, str]) -> list[str]:
    return event["eventancestors"].split(",")


def test_a_filter_of_ones_own_has_to_be_met_as_well() -> None:
    spec = written(ON, expression="severitytext = 'INFO'")["spec"]
    assert spec["filters"] == [{"exact": {"type": ON}}, {"cesql": "severitytext = 'INFO'"}]


@pytest.mark.parametrize(
    ("subscriber", "expected"),
    [
        ("svc/f", {"ref": {"apiVersion": "v1", "kind": "Service", "name": "f"}}),
        ("ksvc/f", {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "f"}}),
        ("https://x.example.com/hook?a=b", {"uri": "https://x.example.com/hook?a=b"}),
    ],
)
def test_subscribers(subscriber: str, expected: dict[str, Any]) -> None:
    assert written(ON, subscriber=subscriber)["spec"]["subscriber"] == expected


def test_names() -> None:
    assert written(ON)["metadata"] == {"name": "vm-poweredon"}
    assert written(ON, OFF, "VmEvent")["metadata"] == {"name": "vm-poweredon-and-2-more"}
    assert written("*")["metadata"] == {"name": "all-events"}
    assert written(ON, name="mine", namespace="there")["metadata"] == {"name": "mine", "namespace": "there"}
    assert written(ON)["spec"]["broker"] == "default"
    assert written(ON, broker="other")["spec"]["broker"] == "other"
    longest = max(CHECKER.catalog.types, key=len)
    assert len(written(longest, f"{longest[:-1]}*")["metadata"]["name"]) <= 63


@pytest.mark.parametrize(
    ("types", "more", "said"),
    [
        (("com.vmware.event.vm.powerdon",), {}, f"did you mean {ON}?"),
        ((ON, "com.vmware.event.vmm.*"), {}, "did you mean com.vmware.event.vm."),
        (("VmPoweredOn",), {}, f"did you mean {ON}?"),
        (("com.vmware.event.vm.event",), {}, "VmEvent is a base class"),
        (("com.vmware.vsphere.VmPoweredOnEvent.v0",), {}, "is sent with EVENT_FORMAT=veba"),
        (("esx.audit.ssh.enabled",), {}, "the type of an event type id is com.vmware.event.ex.esx.audit.ssh.enabled"),
        (("com.vmware.event.vm.?",), {}, "the only wildcard of a Trigger is *"),
        (("com.*'or*",), {}, "cannot be a type of event"),
        (("",), {}, "'' cannot be a type of event"),
        ((ON,), {"expression": "severity = 'ERROR'"}, "did you mean severitytext?"),
        ((ON,), {"expression": f"type = '{OFF}'"}, "exclude each other"),
        ((ON,), {"subscriber": "f"}, "--subscriber: invalid value 'f'; use svc/NAME"),
        ((ON,), {"subscriber": "svc/F_x"}, "--subscriber: 'F_x' is not a valid Kubernetes name"),
        ((ON,), {"subscriber": "http://"}, "--subscriber"),
        ((ON,), {"name": "a b"}, "--name: 'a b'"),
        ((ON,), {"namespace": "-"}, "--namespace: '-'"),
        ((ON,), {"broker": ""}, "--broker: ''"),
    ],
)
def test_what_cannot_work_is_refused(types: tuple[str, ...], more: dict[str, Any], said: str) -> None:
    order = TriggerRequest(types, **{"subscriber": "svc/f", **more})
    with pytest.raises(ConfigurationError) as refused:
        build_trigger(order, CHECKER)
    assert said in str(refused.value)


def test_with_the_event_brokers_format_the_types_are_those() -> None:
    checker = ValueChecker(EventCatalog("veba"))
    text, _ = build_trigger(TriggerRequest(["VmPoweredOffEvent", "UserLoginSessionEvent"], "svc/f"), checker)
    types = [each.get("exact") for each in yaml.safe_load(text)["spec"]["filters"][0]["any"]]
    assert {"type": "com.vmware.vsphere.UserLoginSessionEvent.v0"} in types


# --- the command ---


def test_what_it_prints_is_linted_clean_and_doubts_go_to_standard_error(tmp_path: Any) -> None:
    doubtful = "com.vmware.event.ex.esx.audit.ssh.enabled"
    done = command("trigger", ON, doubtful, "--subscriber", "svc/f", "--namespace", "x")
    assert done.returncode == 0
    assert done.stderr.startswith(f"vcenter-source: no known event has the type {doubtful};")
    (tmp_path / "t.yaml").write_text(done.stdout)
    linted = command("lint", str(tmp_path))
    assert (linted.returncode, linted.stdout.splitlines()[-1]) == (0, "1 Trigger: 1 warning")


def test_a_type_that_cannot_exist_is_one_line_and_exit_code_2() -> None:
    done = command("trigger", "com.vmware.event.vm.powerdon", "--subscriber", "svc/f")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (f"vcenter-source: no event has the type com.vmware.event.vm.powerdon; did you mean {ON}?\n")


GROUP = {"name": "eventing.knative.dev", "versions": [{"groupVersion": "eventing.knative.dev/v1", "version": "v1"}]}
DISCOVERY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [GROUP | {"preferredVersion": {"groupVersion": "eventing.knative.dev/v1", "version": "v1"}}],
    },
    "/apis/eventing.knative.dev/v1": {
        "kind": "APIResourceList",
        "groupVersion": "eventing.knative.dev/v1",
        "resources": [{"name": "triggers", "namespaced": True, "kind": "Trigger", "verbs": ["create"]}],
    },
}


@pytest.fixture
def api_server() -> Iterator[str]:
    """What kubectl asks before it looks at a manifest: which kinds there are."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            answer = DISCOVERY.get(self.path.partition("?")[0])
            body = json.dumps(answer or {"kind": "Status", "code": 404}).encode()
            self.answer(200 if answer else 404, body, {"Content-Type": "application/json"})

    with serve_http(Handler) as url:
        yield url


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
def test_kubectl_takes_it(api_server: str, tmp_path: Any) -> None:
    text, _ = build_trigger(
        TriggerRequest([ON, "VmEvent", "*.created"], "ksvc/f", expression="EXISTS subject"), CHECKER
    )
    done = subprocess.run(
        ["kubectl", "--server", api_server, "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"],
        input=text,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["spec"] == yaml.safe_load(text)["spec"]
