"""What a Trigger compares attributes with: misspelt values are found, with what was meant, and nothing else is."""

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.lint import CATALOGS, CHECKER, LONG, OFF, ON, SENT, lint, of_attributes, of_filters
from vcenter_functions.spelling import is_one_slip
from vcenter_source.events.catalog import all_classes
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.values import ValueChecker

# --- what is right ---


@pytest.mark.parametrize("event_format", CATALOGS)
@pytest.mark.parametrize("every", [12, pytest.param(1, marks=LONG)])
def test_a_type_is_clean_in_every_form(event_format: str, every: int) -> None:
    checker = ValueChecker(CATALOGS[event_format])
    for name in checker.catalog.types[::every]:
        head, _, tail = name.rpartition(".")
        ends = {"all": [{"prefix": {"type": f"{head}."}}, {"suffix": {"type": f".{tail}"}}]}
        forms = [{dialect: {"type": name}} for dialect in ("exact", "prefix", "suffix")]
        assert of_filters({"any": [*forms, ends, {"cesql": f"type = '{name}'"}]}, checker=checker) == [], name


@pytest.mark.parametrize("event_format", CATALOGS)
def test_every_type_is_clean(event_format: str) -> None:
    checker = ValueChecker(CATALOGS[event_format])
    every = [{"exact": {"type": name}} for name in checker.catalog.types]
    assert of_filters({"any": every}, checker=checker) == []


def test_a_base_class_is_never_sent_and_only_doubted() -> None:
    for each in all_classes().values():
        if each.abstract:
            (found,) = of_attributes(type=each.type)
            assert (found.severity, "is a base class" in found.message) == ("warning", True)


def test_a_trigger_without_a_filter_is_clean() -> None:
    for text in ("{}", "broker: default", "filter: {}", "filters: []", "filter: {attributes: {}}", "filters: null"):
        assert lint(text) == []


@pytest.mark.parametrize(
    "element",
    [
        {"exact": {"type": ON, "eventname": "VmPoweredOnEvent", "severitytext": "INFO", "eventclass": "event"}},
        {"exact": {"source": "https://vc.example.com/sdk", "subject": "VirtualMachine:vm-15", "id": "4711"}},
        {"prefix": {"subject": "VirtualMachine:"}},
        {"prefix": {"subject": "VirtualApp:"}},
        {"suffix": {"eventancestors": ",VmPoweredOnEvent,VmEvent,Event"}},
        {"not": {"exact": {"type": ON}}},
        {"prefix": {"type": "com.vmware.event.ex.esx."}},
        {"exact": {"eventclass": "eventex"}},
        {"cesql": "eventancestors LIKE '%VmEvent%' AND NOT (severitytext = 'INFO')"},
        {"cesql": "EXISTS subject AND type IN ('com.vmware.event.vm.poweredon', 'com.vmware.event.vm.poweredoff')"},
        {"cesql": "LENGTH(subject) > 3 OR type = 'whatever'"},
        {"prefix": {"time": "2026-11"}},
        {"exact": {"knativeerrorcode": "503"}},
    ],
)
def test_what_can_match_is_clean(element: dict[str, Any]) -> None:
    assert of_filters(element) == []


# --- misspelt types ---


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[str, str]:
    """A type, and the same with one letter too many, too few, or wrong."""
    name = draw(st.sampled_from(SENT))
    place = draw(st.integers(0, len(name) - 1))
    letter = draw(st.sampled_from(string.ascii_lowercase))
    cut = draw(st.sampled_from([(0, letter), (1, ""), (1, letter)]))
    return name, name[:place] + cut[1] + name[place + cut[0] :]


@pytest.mark.parametrize("examples", [50, pytest.param(1000, marks=LONG)])
def test_every_slip_of_one_letter_is_found_with_the_right_type(examples: int) -> None:
    @settings(max_examples=examples)
    @given(misspelt())
    def found(names: tuple[str, str]) -> None:
        right, wrong = names
        if wrong in CHECKER.catalog.classes or ".event.vim." in wrong:  # the latter may be meant for an event type id
            return
        exact, query = {"exact": {"type": wrong}}, {"cesql": f"type = '{wrong}'"}
        for element in (exact, query, {"not": exact}):
            (finding,) = of_filters(element)
            assert finding.severity == "error"
            assert right in finding.message

    found()


@given(misspelt())
@settings(max_examples=50)
def test_one_slip_is_the_same_both_ways(names: tuple[str, str]) -> None:
    right, wrong = names
    assert is_one_slip(right, wrong) is is_one_slip(wrong, right) is (right != wrong)


def test_two_letters_that_changed_places_are_one_slip() -> None:
    assert is_one_slip("powerdeon", "poweredon")
    assert not is_one_slip("poweredon", "poweredon")
    assert not is_one_slip("poweredon", "powerdeno")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("com.vmware.event.VM.PoweredOn", f"did you mean {ON}?"),
        ("com.vmwrae.event.vm.poweredon", f"did you mean {ON}?"),
        ("VmPoweredOnEvent", f"did you mean {ON}?"),
        ("vm.powered.on", f"did you mean {ON}?"),
        ("com.vmware.event.resource.pool.created", "did you mean com.vmware.event.resourcepool.created?"),
        ("com.vmware.vsphere.VmPoweredOnEvent.v0", f"is sent with EVENT_FORMAT=veba; did you mean {ON}?"),
        ("com.vmware.event.vm.*", "exact has no wildcards; did you mean prefix: {type: com.vmware.event.vm.}?"),
        ("*", "exact has no wildcards; for any type, leave it out"),
        ("com.vmware.vsphere.esx.audit.ssh.enabled.v0", "is sent with EVENT_FORMAT=veba"),
        ("*.poweredon", "exact has no wildcards; did you mean suffix: {type: .poweredon}?"),
        ("com.vmware.event.ex.esx.*", "did you mean prefix: {type: com.vmware.event.ex.esx.}?"),
        ("com.vmware.event.esx.audit.ssh.enabled", "did you mean com.vmware.event.ex.esx.audit.ssh.enabled?"),
        ("com.vmware.event.ex.vm.poweredon", f"did you mean {ON}"),
        (
            "com.vmware.event.router/event",
            "is a type of VMware's event router, not of this adapter; here the type names",
        ),
        ("com.vmware.event.router/evnt", "is a type of neither VMware's event router nor this adapter"),
    ],
)
def test_a_type_that_no_event_has(wrong: str, said: str) -> None:
    (found,) = of_attributes(type=wrong)
    assert found.severity == "error"
    assert said in found.message


@pytest.mark.parametrize(
    ("event_format", "kind", "subject", "meant"),
    [
        ("vcenter", "event", "VmPoweredOnEvent", ON),
        ("veba", "event", "VmPoweredOnEvent", "com.vmware.vsphere.VmPoweredOnEvent.v0"),
        ("vcenter", "eventex", "esx.audit.ssh.enabled", "com.vmware.event.ex.esx.audit.ssh.enabled"),
        ("veba", "eventex", "esx.audit.ssh.enabled", "com.vmware.vsphere.esx.audit.ssh.enabled.v0"),
    ],
)
def test_the_event_routers_types_are_named_and_translated(
    event_format: str, kind: str, subject: str, meant: str
) -> None:
    checker = ValueChecker(CATALOGS[event_format])
    (found,) = of_attributes(checker, type=f"com.vmware.event.router/{kind}", subject=subject)
    assert found.severity == "error"
    assert found.message == (
        f"com.vmware.event.router/{kind} is a type of VMware's event router, not of this adapter; "
        f"instead of it and the subject {subject}, write type: {meant}"
    )
    assert of_attributes(checker, type=meant) == [] or "esx." in meant


def test_the_event_routers_filter_of_several_classes_is_translated_as_a_whole() -> None:
    either = {"any": [{"exact": {"subject": "VmPoweredOnEvent"}}, {"exact": {"subject": "VmPoweredOffEvent"}}]}
    (found,) = of_filters({"prefix": {"type": "com.vmware.event.router/"}}, either)
    assert f"write type: {ON} or {OFF}" in found.message
    wrong, found = of_attributes(type="com.vmware.event.router/event", subject="VmPoweredOnEvent", severity="x")
    assert {"severitytext" in each.message for each in (wrong, found)} == {True, False}


def test_with_the_event_brokers_format_the_types_are_the_other_way_round() -> None:
    checker = ValueChecker(CATALOGS["veba"])
    (found,) = of_attributes(checker, type=ON)
    assert (
        found.message == f"{ON} is sent with EVENT_FORMAT=vcenter; did you mean com.vmware.vsphere.VmPoweredOnEvent.v0?"
    )
    (found,) = of_attributes(checker, type="com.vmware.vsphere.VmPowerdOnEvent.v0")
    assert "did you mean com.vmware.vsphere.VmPoweredOnEvent.v0?" in found.message


@pytest.mark.parametrize(
    ("doubtful", "said"),
    [
        (
            "com.vmware.event.ex.esx.audit.ssh.enabled",
            "no known event has the type com.vmware.event.ex.esx.audit.ssh.enabled; with",
        ),
        ("com.vmware.event.unknown.quantumlinksevered", "no known event has"),
        ("dev.knative.apiserver.resource.add", "this adapter sends no event with the type dev.knative.apis"),
    ],
)
def test_what_cannot_be_told_from_here_is_a_warning(doubtful: str, said: str) -> None:
    (found,) = of_attributes(type=doubtful)
    assert found.severity == "warning"
    assert said in found.message


def test_of_another_sources_events_nothing_else_is_said() -> None:
    found = of_filters({"exact": {"type": "dev.knative.x"}}, {"exact": {"foo": "x", "subject": "y"}})
    assert [each.message for each in found] == ["this adapter sends no event with the type dev.knative.x"]


def test_a_source_that_is_another_one_is_only_doubted() -> None:
    (found,) = of_attributes(source="/apis/v1/namespaces/default")
    assert found.severity == "warning"
    assert found.message == "this adapter sends no event with the source /apis/v1/namespaces/default"


def test_event_type_ids_that_a_vcenter_lists_are_known() -> None:
    checker = ValueChecker(EventCatalog(ids=frozenset({"esx.audit.ssh.enabled"})))
    assert of_attributes(checker, type="com.vmware.event.ex.esx.audit.ssh.enabled") == []
    assert of_attributes(checker, eventname="esx.audit.ssh.enabled") == []
    (found,) = of_attributes(checker, type="com.vmware.event.ex.esx.audit.ssh.enable")
    assert (found.severity, "com.vmware.event.ex.esx.audit.ssh.enabled?" in found.message) == ("error", True)
    (found,) = of_attributes(checker, type="com.vmware.event.ex.vendor.backup.done")
    assert (found.severity, "nor does this vCenter list" in found.message) == ("warning", True)


# --- other attributes ---


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"severity": "ERROR"}, "did you mean severitytext?"),
        ({"severitytex": "ERROR"}, "did you mean severitytext?"),
        ({"foo": "x"}, "no event has the attribute foo; if K_CE_OVERRIDES adds it, use --extension foo"),
        ({"severityText": "ERROR"}, "did you mean severitytext?"),
        ({"severitytext": "WARNING"}, "did you mean WARN?"),
        ({"severitytext": "purple"}, "it is ERROR or INFO or WARN"),
        ({"eventclass": "EventEx"}, "did you mean eventex?"),
        ({"eventname": "VmPoweredOn"}, "did you mean"),
        ({"subject": "VmPoweredOnEvent"}, "did you mean eventname: VmPoweredOnEvent?"),
        ({"subject": "vm-15"}, "such as VirtualMachine:vm-15"),
        ({"subject": "VirtualMachin:vm-15"}, "did you mean VirtualMachine?"),
        ({"source": "vcenter.example.com"}, "such as https://vcenter.example.com/sdk"),
        ({"eventancestors": "VmEvent"}, "did you mean suffix: {eventancestors: ',VmEvent,Event'}?"),
        (
            {"eventancestors": "VmPoweredOnEvent"},
            "did you mean suffix: {eventancestors: 'VmPoweredOnEvent,VmEvent,Event'}?",
        ),
        ({"dataschema": ""}, "no event has the attribute dataschema"),
    ],
)
def test_an_attribute_that_is_not_there_or_has_another_value(attributes: dict[str, str], said: str) -> None:
    (found,) = of_attributes(CHECKER, **attributes)
    assert found.severity == "error"
    assert said in found.message


def test_what_overrides_add_is_an_attribute() -> None:
    assert of_attributes(ValueChecker(EventCatalog(extensions=("site",))), site="berlin*") == []


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ({"prefix": {"type": "com.vmware.event.vmm."}}, "did you mean com.vmware.event.vm."),
        ({"prefix": {"type": "com.vmware.event.vm.*"}}, "prefix has no wildcards; did you mean com.vmware.event.vm.?"),
        ({"suffix": {"type": ".craeted"}}, "did you mean .created?"),
        ({"suffix": {"eventancestors": ",VmEvents,Event"}}, "did you mean ,VmEvent,Event?"),
        ({"cesql": "type LIKE 'org.%'"}, "no event's type is LIKE org.%"),
        ({"cesql": "foo = 'x' OR severitytext = 'INFO'"}, "no event has the attribute foo"),
        ({"cesql": "EXISTS foo"}, "no event has the attribute foo"),
    ],
)
def test_a_value_that_nothing_begins_or_ends_with(element: dict[str, Any], said: str) -> None:
    (found,) = of_filters(element)
    assert found.severity == "error"
    assert said in found.message


# --- the way it is written ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("filters: [{any: []}]", "any is empty: Knative ignores such a filter"),
        ("filters: [{exact: {}}]", "exact is empty"),
        ("filters: [{not: {}}]", "the element is empty"),
        ("filters: [{cesql: ''}]", "cesql is empty"),
        ("filters: [{exact: {type: ''}}]", "the value of type is empty"),
        (
            f"filters: [{{exact: {{type: {ON}}}, prefix: {{id: '1'}}}}]",
            "make exact and prefix elements of their own",
        ),
        ("filters: [{regex: {type: x}}]", "unknown filter dialect regex; the dialects are"),
        ("filters: [{Exact: {type: x}}]", "did you mean exact?"),
        ("filters: [{sufix: {type: x}}]", "did you mean suffix?"),
        ("filters: [{attributes: {type: x}}]", "did you mean exact?"),
        ("filters: {any: []}", "filters must be a list of filters"),
        ("filters: [{any: {exact: {type: x}}}]", "any must be a list of filters"),
        ("filters: [{exact: type}]", "expected a mapping of names to values"),
        ("filters: [{exact: {id: 7}}]", 'the value of id must be a string: write "7"'),
        ("filters: [{not: {exact: {id: 7}}}]", "must be a string"),
        ("filters: [{not: {exact: {A: b}}}]", "A cannot be an attribute"),
        ("filters: [{not: {exact: [a]}}]", "expected a mapping of names to values"),
        ("filter: {attributes: {id: yes}}", 'the value of id must be a string: write "yes"'),
        ("filter: {attributes: {id: [a]}}", "the value of id must be a string"),
        (f"filter: {{type: {ON}}}", "filter has attributes only: put type under attributes"),
        ("filterz: [{exact: {type: x}}]", "a Trigger has no filterz; did you mean filter or filters?"),
        (f"filter: {{attributes: {{type: {ON}, type: {OFF}}}}}", "type is here twice"),
    ],
)
def test_what_knative_would_refuse_or_pass_over(text: str, said: str) -> None:
    (found,) = lint(text)
    assert found.severity == "error"
    assert said in found.message


def test_filter_beside_filters_is_ignored() -> None:
    (found,) = lint(f"filter: {{attributes: {{type: nonsense}}}}\nfilters: [{{exact: {{type: {ON}}}}}]")
    assert (found.line, found.severity, found.message) == (1, "warning", "filter is ignored where filters is set")


def test_a_filter_that_holds_itself_is_refused() -> None:
    (found,) = lint("filters: &f [{all: *f}]")
    assert found.message == "the filters are nested too deeply"
