"""EVENT_TYPES: what passes, what vCenter filters, what is refused."""

import pytest

from tests.events.event_types import TYPES
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.catalog import cloudevent_type
from vcenter_source.events.typefilter import TypeFilter


def accepts(patterns: tuple[str, ...], class_name: str, event_type_id: str | None = None) -> bool:
    return TypeFilter(patterns).accepts(
        class_name, event_type_id or class_name, cloudevent_type(class_name, event_type_id)
    )


def test_no_pattern_accepts_all_and_filters_nothing_in_vcenter() -> None:
    assert accepts((), "VmPoweredOnEvent")
    assert TypeFilter().exact_names() is None


@pytest.mark.parametrize(
    "pattern", ["VmPoweredOnEvent", "com.vmware.event.vm.poweredon", "com.vmware.event.vm.*", "Vm*On*", "*"]
)
def test_accepts(pattern: str) -> None:
    assert accepts((pattern,), "VmPoweredOnEvent")
    assert accepts(("HostAddedEvent", pattern), "VmPoweredOnEvent")


@pytest.mark.parametrize(
    "pattern", ["vm*", "VmPoweredOffEvent", "com.vmware.event.vm.p?weredon2", "com.vmware.event.host.*"]
)
def test_refuses(pattern: str) -> None:
    assert not accepts((pattern,), "VmPoweredOnEvent")


@pytest.mark.parametrize("pattern", ["com.vmware.event.vm.poweredon", "com.vmware.vsphere.VmPoweredOnEvent.v0"])
@pytest.mark.parametrize("type_", ["com.vmware.event.vm.poweredon", "com.vmware.vsphere.VmPoweredOnEvent.v0"])
def test_a_type_of_either_format_is_accepted_in_both(pattern: str, type_: str) -> None:
    assert TypeFilter((pattern,)).accepts("VmPoweredOnEvent", "VmPoweredOnEvent", type_)


def test_event_type_ids_match_as_name_and_as_type() -> None:
    assert accepts(("esx.audit.*",), "EventEx", "esx.audit.ssh.enabled")
    assert accepts(("com.vmware.event.ex.esx.audit.ssh.enabled",), "EventEx", "esx.audit.ssh.enabled")
    assert accepts(("EventEx",), "EventEx", "esx.audit.ssh.enabled")
    assert not accepts(("esx.audit.*",), "EventEx", "esx.problem.x")


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("HostRemovedEvent", "HostAddedEvent"), ["HostRemovedEvent", "HostAddedEvent"]),
        (("com.vmware.event.vm.poweredon",), ["VmPoweredOnEvent"]),
        (("com.vmware.event.ex.esx.audit.ssh.enabled",), ["esx.audit.ssh.enabled"]),
        (("vprob.vmfs.heartbeat.timedout",), ["vprob.vmfs.heartbeat.timedout"]),
        (("com.vmware.vsphere.VmPoweredOnEvent.v0",), ["VmPoweredOnEvent"]),
        (("VmPoweredOnEvent", "com.vmware.event.host.*"), None),
        (("EventEx",), None),
        (("com.vmware.event.unknown.quantum",), None),
    ],
)
def test_exact_names(patterns: tuple[str, ...], names: list[str] | None) -> None:
    assert TypeFilter(patterns).exact_names() == names


def test_every_class_maps_back_from_its_type() -> None:
    for name, type_ in TYPES.items():
        assert TypeFilter((type_,)).exact_names() == [name]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("VmPowerdOnEvent", "VmPoweredOnEvent"),
        ("com.vmware.event.vm.powerdon", "com.vmware.event.vm.poweredon"),
        ("com.vmware.vsphere.VmPowerdOnEvent.v0", "EVENT_TYPES"),
        ("zzz", "name a CloudEvents type"),
        ("", "EVENT_TYPES"),
    ],
)
def test_a_pattern_that_names_nothing_is_a_wrong_setting(pattern: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match="EVENT_TYPES") as raised:
        TypeFilter((pattern,))
    assert hint in str(raised.value)


def test_a_class_stands_for_those_derived_from_it() -> None:
    assert accepts(("VmPoweredOnEvent",), "DrsVmPoweredOnEvent")
    assert accepts(("VmEvent",), "VmPoweredOnEvent")
    assert not accepts(("com.vmware.event.vm.poweredon",), "DrsVmPoweredOnEvent"), "a type is one type"
    names = TypeFilter(("VmPoweredOnEvent",)).exact_names()
    assert sorted(names or ()) == ["DrsVmPoweredOnEvent", "VmPoweredOnEvent", "VmRestartedOnAlternateHostEvent"]
    family = TypeFilter(("VmEvent",)).exact_names()
    assert family is not None
    assert len(family) > 100
    assert TypeFilter(("Event",)).exact_names() is None, "an EventEx is known to vCenter by its id"


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("vm.powered.on", "com.vmware.event.vm.poweredon"),
        ("drs.vm.powered.on", "com.vmware.event.vm.drsvmpoweredon"),
        ("VM.PoweredOn", "com.vmware.event.vm.poweredon"),
        ("vmpoweredonevent", "VmPoweredOnEvent"),
        ("Com.VMware.Event.Vm.PoweredOn", "com.vmware.event.vm.poweredon"),
    ],
)
def test_another_spelling_of_a_type_is_refused_with_the_right_one(pattern: str, meant: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        TypeFilter((pattern,))
    assert str(raised.value) == (f"EVENT_TYPES: vCenter has no event type {pattern!r}; did you mean {meant}?")


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("vm.powered.*", "com.vmware.event.vm.powered"),
        ("vmpowered*event", "VmPoweredO"),
        ("com.vmware.event.vms.*", "com.vmware.event."),
        ("esx.audit.ssh.enabeld", "esx.audit.ssh.enabled"),
        ("org.acme.door", "name a CloudEvents type"),
    ],
)
def test_a_pattern_that_matches_nothing_known_is_doubted_with_what_was_meant(pattern: str, hint: str) -> None:
    listed = ["VmPoweredOnEvent", "esx.audit.ssh.enabled"]
    (doubt,) = TypeFilter(("VmPoweredOnEvent", pattern)).doubts(listed)
    assert doubt.startswith(f"{pattern!r} matches no known event type; ")
    assert hint in doubt


@pytest.mark.parametrize(
    "pattern",
    ["*", "Vm*", "VmEvent", "EventEx", "com.vmware.event.host.*", "com.vmware.event.ex.*", "com.vmware.event.unknown.*",
     "com.vmware.vsphere.Vm*.v0", "esx.audit.*", "com.vmware.event.ex.esx.audit.*", "com.vmware.event.adapter.gap"],
)  # fmt: skip
def test_what_matches_something_is_not_doubted(pattern: str) -> None:
    assert list(TypeFilter((pattern,)).doubts(["esx.audit.ssh.enabled"])) == []


def test_where_no_vcenter_has_listed_its_ids_those_that_look_like_one_are_taken() -> None:
    assert list(TypeFilter(("esx.audit.*", "vprob.x.y")).doubts()) == []
