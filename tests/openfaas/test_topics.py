"""Which functions want an event: topics in three spellings, wildcards, subjects, and annotations full of nonsense."""

import re
import time
from typing import Any

import pytest
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from tests.support.openfaas import cloudevent, pool_created, vcenter_event
from vcenter_source.events.catalog import all_classes
from vcenter_source.sinks.openfaas.topic_names import TopicName, list_topic_names
from vcenter_source.sinks.openfaas.topics import Function, TopicMap, matches_pattern, parse_functions

POOL = list_topic_names(pool_created())
POWERED = list_topic_names(cloudevent(vcenter_event("DrsVmPoweredOnEvent", ("VirtualMachine", "vm-1"))))


def read(annotations: Any, name: Any = "f", namespace: str = "ns") -> tuple[list[Function], list[str]]:
    problems: list[str] = []
    return list(parse_functions([{"name": name, "annotations": annotations}], namespace, problems)), problems


def matched(names: tuple[TopicName, ...], topic: str, subject: str | None = None, **more: str) -> list[tuple[str, str]]:
    functions, _ = read({"topic": topic} | {key.replace("_", "-"): value for key, value in more.items()})
    return [(each.topic, each.form) for each in TopicMap(functions).match(names, subject)]


def test_an_event_has_a_name_in_each_spelling() -> None:
    assert POOL == (
        ("com.vmware.event.resourcepool.created", "cloudevent"),
        ("ResourcePoolCreatedEvent", "router"),
        ("resource.pool.created", "connector"),
    )
    assert POWERED[-1] == ("drs.vm.powered.on", "connector")


@pytest.mark.parametrize(
    ("event", "names"),
    [
        (
            vcenter_event("EventEx", eventTypeId="esx.audit.ssh.enabled"),
            ["com.vmware.event.ex.esx.audit.ssh.enabled", "esx.audit.ssh.enabled", "ex"],
        ),
        (vcenter_event("QuantumEvent"), ["com.vmware.event.unknown.quantum", "QuantumEvent", "quantum"]),
    ],
)
def test_names_of_other_kinds_of_event(event: Any, names: list[str]) -> None:
    assert [name.topic for name in list_topic_names(cloudevent(event))] == names


def test_the_veba_format_has_its_own_type_beside_ours() -> None:
    assert [name.topic for name in list_topic_names(pool_created(event_format="veba"))] == [
        "com.vmware.vsphere.ResourcePoolCreatedEvent.v0",
        "com.vmware.event.resourcepool.created",
        "ResourcePoolCreatedEvent",
        "resource.pool.created",
    ]


def test_an_event_without_data_is_known_by_its_type() -> None:
    event = CloudEvent({"id": "1", "source": "s", "type": "com.vmware.event.vm.poweredon", "specversion": "1.0"}, None)
    assert [name.topic for name in list_topic_names(event)][1:] == ["VmPoweredOnEvent", "vm.powered.on"]


def test_an_event_that_is_not_vcenters_has_only_its_type() -> None:
    attributes = {"id": "1", "source": "s", "type": "org.example", "specversion": "1.0"}
    assert list_topic_names(CloudEvent(attributes, {"_typeName": "VmEvent"})) == (("org.example", "cloudevent"),)


def test_no_two_classes_share_a_topic() -> None:
    topics = [list_topic_names(cloudevent(vcenter_event(name)))[-1].topic for name in all_classes()]
    assert len(set(topics)) == len(topics)


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("resource.pool.created", [("resource.pool.created", "connector")]),
        ("ResourcePoolCreatedEvent", [("ResourcePoolCreatedEvent", "router")]),
        ("com.vmware.event.resourcepool.created", [("com.vmware.event.resourcepool.created", "cloudevent")]),
        ("vm.powered.on", []),
        ("Resource.Pool.Created", []),
        ("resource.pool.created.", []),
        ("resource.pool.*", [("resource.pool.created", "connector")]),
        ("ResourcePool*Event", [("ResourcePoolCreatedEvent", "router")]),
        ("com.vmware.event.*", [("com.vmware.event.resourcepool.created", "cloudevent")]),
        ("*", [("com.vmware.event.resourcepool.created", "cloudevent")]),
        # Several of its topics fit: it is invoked once, and the first that it lists decides.
        ("vm.created, ResourcePoolCreatedEvent ,resource.pool.created", [("ResourcePoolCreatedEvent", "router")]),
        ("resource.pool.created,*", [("resource.pool.created", "connector")]),
    ],
)
def test_the_topics_spelling_decides_the_body(topic: str, expected: list[tuple[str, str]]) -> None:
    assert matched(POOL, topic) == expected


def test_drs_has_topics_of_its_own_as_it_has_with_the_peers() -> None:
    assert matched(POWERED, "vm.powered.on,VmPoweredOnEvent") == []
    assert matched(POWERED, "*vm.powered.*") == [("drs.vm.powered.on", "connector")]


def test_an_annotation_overrides_the_body() -> None:
    assert matched(POOL, "resource.pool.created", topic_body="cloudevent") == [("resource.pool.created", "cloudevent")]


@pytest.mark.parametrize(
    ("filters", "subject", "wanted"),
    [
        ("ResourcePool:*", "ResourcePool:rg-9", True),
        ("Folder:*, ResourcePool:rg-9", "ResourcePool:rg-9", True),
        ("ResourcePool:rg-90", "ResourcePool:rg-9", False),
        ("ResourcePool:*", None, False),
        (" , ", None, True),
    ],
)
def test_a_function_may_want_some_subjects_only(filters: str, subject: str | None, wanted: bool) -> None:
    assert bool(matched(POOL, "resource.pool.created", subject, topic_subject=filters)) is wanted


def test_a_functions_path_has_its_namespace_where_there_is_one() -> None:
    assert [each.path for each in read({"topic": "a"})[0]] == ["f.ns"]
    assert [each.path for each in read({"topic": "a"}, namespace="")[0]] == ["f"]


@pytest.mark.parametrize("annotations", [None, {}, {"other": "x"}, [], "topic", 7])
def test_a_function_without_topics_is_none_of_ours(annotations: Any) -> None:
    assert read(annotations) == ([], [])


@pytest.mark.parametrize("topic", ["", " ", ",,, ,", None, 7, ["vm.powered.on"], {"a": 1}])
def test_a_topic_that_names_nothing_is_a_problem_and_matches_nothing(topic: Any) -> None:
    functions, problems = read({"topic": topic})
    assert problems == ["f.ns: the annotation topic is empty"]
    assert TopicMap(functions).match(POOL, "ResourcePool:rg-9") == []


@pytest.mark.parametrize(
    "topic",
    ["[a-", "(", "\\", "?", "\x00\ufffd", "a" * 100_000, "*" * 50_000 + "!", "*a" * 20_000, "*a*b*" * 9_000],
)
def test_nonsense_matches_nothing_and_costs_no_time(topic: str) -> None:
    begun = time.perf_counter()
    assert matched(POOL, f"{topic}, \u2028,{topic[:9]}!") == []
    assert time.perf_counter() - begun < 1.0


@pytest.mark.parametrize("listed", [None, {}, "x", [None, 1, "f", {}, {"name": 3, "annotations": {"topic": "*"}}]])
def test_a_list_that_is_none_holds_no_functions(listed: Any) -> None:
    assert list(parse_functions(listed, "ns", [])) == []


def test_an_annotation_with_an_unknown_value_is_a_problem_and_has_no_effect() -> None:
    (function,), problems = read({"topic": "a", "topic-body": "xml", "topic-invocation": 3})
    assert (function.form, function.invocation) == (None, None)
    assert problems == [
        "f.ns: the annotation topic-body is 'xml', not cloudevent, router, connector",
        "f.ns: the annotation topic-invocation is 3, not async, sync",
    ]


def test_a_thousand_functions_are_searched_quickly() -> None:
    functions = [Function(f"f{n}", (f"topic.{n}", "vm.*") if n % 2 else ("vm.powered.on",)) for n in range(1000)]
    topics = TopicMap([*functions, Function("mine", ("resource.pool.created",))])
    assert [match.function.path for match in topics.match(POOL, None)] == ["mine"]
    begun = time.perf_counter()
    for _ in range(1000):
        topics.match(POOL, None)
    assert time.perf_counter() - begun < 0.5


def test_what_is_remembered_of_matches_is_bounded() -> None:
    topics = TopicMap([Function("f", ("*",))])
    for n in range(10_000):
        topics.match((TopicName(f"type.{n}", "cloudevent"),), None)
    assert len(topics._cache) <= 4096


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_wildcards_are_those_of_a_regular_expression(pattern: str, text: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert matches_pattern(pattern, text) is (re.fullmatch(expression, text) is not None)
