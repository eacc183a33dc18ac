"""``vcenter-source lint``: what can never match is found, with what was meant, and nothing else is called wrong."""

import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.filters import trigger_matches
from tests.commands.catalog_events import EVENTS
from tests.support.processes import clean_environment, command
from vcenter_functions.spelling import is_one_slip
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator
from vcenter_source.events.catalog import all_classes
from vcenter_source.triggers import cesql
from vcenter_source.triggers.conditions import And, Comparison, Not, Or, Unknown, is_satisfiable
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.filters import FilterReader
from vcenter_source.triggers.findings import Finding
from vcenter_source.triggers.linter import lint_spec
from vcenter_source.triggers.values import ValueChecker

LONG = pytest.mark.guarantees
ON, OFF = "com.vmware.event.vm.poweredon", "com.vmware.event.vm.poweredoff"
CATALOGS = {"vcenter": EventCatalog(), "veba": EventCatalog("veba")}
CHECKER = ValueChecker(CATALOGS["vcenter"])
SENT = sorted(each.type for each in all_classes().values() if each.type in set(CATALOGS["vcenter"].types))


def lint(text: str, checker: ValueChecker = CHECKER) -> list[Finding]:
    node = yaml.compose(text)
    assert node is not None
    return lint_spec(node, checker)


def of_filters(*elements: Any, checker: ValueChecker = CHECKER) -> list[Finding]:
    return lint(yaml.safe_dump({"filters": list(elements)}), checker)


def of_attributes(checker: ValueChecker = CHECKER, /, **attributes: str) -> list[Finding]:
    return lint(yaml.safe_dump({"filter": {"attributes": attributes}}), checker)


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


# --- what no event can meet ---


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ([{"exact": {"type": ON}}, {"exact": {"type": OFF}}], f"type = {ON} and type = {OFF} exclude each other"),
        ([{"all": [{"exact": {"type": ON}}, {"exact": {"type": OFF}}]}], "exclude each other"),
        ([{"exact": {"type": ON, "eventname": "VmPoweredOffEvent"}}], "exclude each other"),
        ([{"exact": {"type": ON}}, {"prefix": {"subject": "HostSystem:"}}], "exclude each other"),
        ([{"exact": {"id": "1"}}, {"prefix": {"id": "2"}}], "exclude each other"),
        ([{"prefix": {"subject": "Virtual"}}, {"prefix": {"subject": "Host"}}], "exclude each other"),
        ([{"suffix": {"subject": "7"}}, {"suffix": {"subject": "8"}}], "exclude each other"),
        ([{"exact": {"type": ON}}, {"not": {"exact": {"type": ON}}}], "exclude each other"),
        ([{"prefix": {"id": "12"}}, {"not": {"prefix": {"id": "1"}}}], "exclude each other"),
        ([{"not": {"prefix": {"type": "com.vmware."}}}], "not (type starts with com.vmware.) is never true"),
        ([{"exact": {"eventclass": "eventex"}}, {"exact": {"type": ON}}], "exclude each other"),
        ([{"cesql": f"type = '{ON}' AND type = '{OFF}'"}], "exclude each other"),
        ([{"cesql": f"type = '{ON}' AND type NOT LIKE '%.poweredon'"}], "exclude each other"),
    ],
)
def test_an_impossible_combination(elements: list[Any], said: str) -> None:
    (found,) = of_filters(*elements)
    assert found.severity == "error"
    assert said in found.message


def test_two_event_type_ids_at_once_are_doubted_and_impossible() -> None:
    found = of_filters(*({"exact": {"type": f"com.vmware.event.ex.vendor.{each}"}} for each in ("one", "other")))
    assert [each.severity for each in found] == ["error", "warning", "warning"]


def test_only_the_branch_of_any_that_is_impossible_is_named() -> None:
    branch = f"      - all:\n          - exact: {{type: {ON}}}\n          - exact: {{type: {OFF}}}\n"
    (found,) = lint(f"filters:\n  - any:\n      - exact: {{type: {ON}}}\n{branch}")
    assert found.line == 5


def test_what_takes_too_long_to_decide_counts_as_possible() -> None:
    def any_of(types: list[str]) -> dict[str, Any]:
        return {"any": [{"exact": {"type": each}} for each in types]}

    assert len(of_filters(any_of(SENT[:20]), any_of(SENT[20:40]))) == 1
    assert of_filters(any_of(SENT[:30]), any_of(SENT[30:60])) == []


NAMES = ("type", "eventname", "eventclass", "eventancestors", "severitytext", "subject", "id", "source")


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    """A comparison with a value of one of the events, or a part of it."""
    event = draw(st.sampled_from(EVENTS))
    name = draw(st.sampled_from([name for name in NAMES if name in event]))
    dialect, value = draw(st.sampled_from(["exact", "prefix", "suffix"])), event[name]
    size = draw(st.integers(1, len(value)))
    return {dialect: {name: value if dialect == "exact" else value[:size] if dialect == "prefix" else value[-size:]}}


FILTERS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(lambda each: {"not": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"all": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"any": each}),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("examples", [60, pytest.param(1000, marks=LONG)])
def test_what_an_event_passes_is_never_called_impossible(examples: int) -> None:
    @settings(max_examples=examples)
    @given(st.lists(FILTERS, min_size=1, max_size=3))
    def holds(elements: list[dict[str, Any]]) -> None:
        node = yaml.compose(yaml.safe_dump({"filters": elements}))
        assert node is not None
        condition = FilterReader().read_spec(node)
        if any(trigger_matches({"filters": elements}, event) for event in EVENTS):
            assert is_satisfiable(condition, CHECKER.catalog.kinds)
        (element, *_) = elements
        assert [each for each in lint_spec(node, CHECKER) if "dialect" in each.message] == []
        assert len(of_filters(element)) == len(of_filters({"all": [element]}))

    holds()


@given(comparisons(), comparisons())
@settings(max_examples=150)
def test_two_comparisons_are_impossible_together_where_no_event_passes(one: Any, other: Any) -> None:
    closed = {"eventclass", "severitytext"}  # of these every value is among the events
    if closed.isdisjoint(*one.values()) or closed.isdisjoint(*other.values()):
        return
    passing = any(trigger_matches({"filters": [one, other]}, {**event, "severitytext": level})
                  for event in [*EVENTS, {"eventclass": "adapter"}] for level in ("INFO", "WARN", "ERROR"))  # fmt: skip
    assert (of_filters(one, other) == []) is passing


# --- CESQL ---


def same(value: str) -> Comparison:
    return Comparison("exact", "id", value, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type = 'a'", Comparison("exact", "type", "a", 1)),
        ("'a' = TYPE", Comparison("exact", "type", "a", 1)),
        ('type != "it\'s"', Not(Comparison("exact", "type", "it's", 1), 1)),
        ("type <> 'a''b'", Not(Comparison("exact", "type", "a'b", 1), 1)),
        ("subject like 'a%'", Comparison("like", "subject", "a%", 1)),
        ("subject NOT LIKE 'a%'", Not(Comparison("like", "subject", "a%", 1), 1)),
        ("exists subject", Comparison("present", "subject", "", 1)),
        ("type IN ('a', 'b')", Or((Comparison("exact", "type", "a", 1), Comparison("exact", "type", "b", 1)), 1)),
        (
            "id = 'a' AND id = 'b' OR id = 'c'",  # to the right, all alike
            And((same("a"), Or((same("b"), same("c")), 1)), 1),
        ),
        ("NOT (id = 'a')", Not(Comparison("exact", "id", "a", 1), 1)),
        ("NOT id = 'a'", Unknown(1)),  # (NOT id) = 'a'
        ("LOWER(type) = 'a'", Unknown(1)),
        ("id = 7", Unknown(1)),
        ("id = 'a", Unknown(1)),
        ("id = 'a' id", Unknown(1)),
        ("(id = 'a'", Unknown(1)),
        ("", Unknown(1)),
    ],
)
def test_cesql(text: str, expected: Any) -> None:
    assert cesql.parse_cesql(text, 1) == expected


@given(st.text("abN O'T()=\"AND,%", max_size=20))
def test_no_expression_is_too_strange(text: str) -> None:
    cesql.parse_cesql(text, 1)


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [("a%", "abc", True), ("a_c", "abc", True), (r"a\_c", "abc", False), (r"a\_c", "a_c", True), ("a.c", "abc", False)],
)
def test_like(pattern: str, text: str, holds: bool) -> None:
    assert Comparison("like", "type", pattern, 1).holds(text) is holds


# --- the command ---

GOOD = f"""\
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: good}}
spec:
  broker: default
  filter: {{attributes: {{type: {ON}}}}}
"""
BAD = GOOD.replace("good", "bad").replace("poweredon", "powerdon")
OTHERS = """\
apiVersion: v1
kind: ConfigMap
data: {filters: no, type: x}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: Trigger
spec: {filters: 7}
"""


def test_nothing_found_is_exit_code_0(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{OTHERS}---\n{GOOD}---\n---\n# nothing\n")
    done = command("lint", str(tmp_path / "a.yaml"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 Trigger: nothing found\n", "")


def test_what_is_found_is_told_with_file_and_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("sub/b.yml", ".hidden/c.yaml"):
        (tmp_path / name).write_text(f"{GOOD}---\n{BAD}")
    listed = {"apiVersion": "v1", "kind": "List", "items": list(yaml.safe_load_all(BAD))}
    (tmp_path / "a.json").write_text(yaml.safe_dump(listed, default_flow_style=True))
    done = command("lint", str(tmp_path))
    meant = f"bad: no event has the type {ON.replace('red', 'rd')}; did you mean {ON}?"
    assert done.stdout.splitlines()[1:] == [f"{tmp_path}/sub/b.yml:13: error: {meant}", "3 Triggers: 2 errors"]
    assert done.stdout.startswith(f"{tmp_path}/a.json:")
    assert done.returncode == 1


def test_standard_input_and_warnings() -> None:
    text = GOOD.replace("vm.poweredon", "ex.a.b")
    for options, code in ((["-"], 0), (["--strict", "-"], 1)):
        arguments = [sys.executable, "-m", "vcenter_source", "lint", *options]
        done = subprocess.run(
            arguments, input=text, env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert done.stdout.startswith("-:6: warning: good: no known event has the type com.vmware.event.ex.a.b;")
        assert (done.stdout.splitlines()[-1], done.returncode) == ("1 Trigger: 1 warning", code)


def test_what_cannot_be_read_is_named_and_the_rest_is_read_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "helm.yaml").write_text("kind: Trigger\nmetadata: {{ .Values.x }\n")
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "control.yaml").write_text("a: \x01")
    (tmp_path / "z.yaml").write_text(BAD)
    done = command("lint", str(tmp_path), str(tmp_path / "missing.yaml"))
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert any(line.startswith(f"{tmp_path}/helm.yaml:") and "not YAML" in line for line in lines)
    assert f"{tmp_path}/latin.yaml: not UTF-8 text" in lines
    assert f"{tmp_path}/missing.yaml: No such file or directory" in lines
    assert f"{tmp_path}/z.yaml:6: error:" in done.stdout
    assert lines[-1] == "1 Trigger: 1 error, 4 files unreadable"
    assert done.stderr == ""


def test_the_event_format_is_that_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    assert command("lint", str(tmp_path), EVENT_FORMAT="veba").returncode == 1


def test_the_manifests_of_this_project_are_clean() -> None:
    config = Path(__file__).parents[2] / "config"
    done = command("lint", str(config))
    assert (done.returncode, "nothing found" in done.stdout) == (0, True), done.stdout


def test_a_vcenter_is_asked_for_its_event_type_ids(simulator: Simulator, tmp_path: Path) -> None:
    account = {"VCENTER_URL": simulator.url, "VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD}
    (tmp_path / "a.yaml").write_text(GOOD.replace("vm.poweredon", "ex.esx.problem.net.connectivity.lost"))
    (tmp_path / "b.yaml").write_text(GOOD.replace("vm.poweredon", "ex.esx.problem.net.conectivity.lost"))
    done = command("lint", "--vcenter", str(tmp_path), **account)
    said = "did you mean com.vmware.event.ex.esx.problem.net.connectivity.lost?"
    assert done.stdout.splitlines()[0].endswith(said), done.stderr
    assert (done.stdout.splitlines()[1:], done.returncode) == (["2 Triggers: 1 error"], 1)
