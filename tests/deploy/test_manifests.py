"""What config/knative and its variants do: who gets which event, where failures end, who may do and reach what."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.manifests import Delivery, Manifest, load_broker, seconds
from tests.support.manifest_files import (
    FOLDERS,
    KNATIVE,
    container,
    everything,
    labels,
    of_kind,
    ours,
    the,
    title,
)
from tests.support.processes import command
from vcenter_functions import __version__
from vcenter_source.events.catalog import names_by_type
from vcenter_source.settings.serving import HealthSettings, ViewerSettings, is_loopback

CREATED = {"type": "com.vmware.event.resourcepool.created", "source": "https://vc/sdk", "id": "1"}
BROKERS = [the("Broker"), the("Broker", folder="knative-kafka")]
TRIGGERS = [manifest for manifest in everything() if manifest.kind == "Trigger"]


def test_a_new_resource_pool_is_what_reaches_pytag() -> None:
    broker = load_broker(KNATIVE)
    assert [trigger.subscriber for trigger in broker.find_triggers(CREATED)] == ["pytag"]
    assert broker.find_triggers({**CREATED, "type": "com.vmware.event.vm.poweredon"}) == []


@pytest.mark.parametrize("trigger", TRIGGERS, ids=title)
def test_triggers_ask_for_types_that_there_are_and_inherit_the_brokers_delivery(trigger: Manifest) -> None:
    assert trigger.spec["filter"]["attributes"]["type"] in names_by_type()
    assert "delivery" not in trigger.spec  # it would replace the Broker's whole, dead letters and all


def test_our_own_lint_finds_nothing_in_them() -> None:
    done = command("lint", *sorted({str(trigger.path) for trigger in TRIGGERS}))
    assert (done.returncode, done.stdout) == (0, "2 Triggers: nothing found\n"), done.stderr


def test_event_types_are_types_of_ours_and_the_triggers_are_among_them() -> None:
    types = {manifest.name: manifest.spec["type"] for manifest in of_kind("EventType")}
    assert list(types) == list(types.values())
    assert set(types) - set(names_by_type()) == {"com.vmware.event.adapter.gap"}
    assert {trigger.spec["filter"]["attributes"]["type"] for trigger in TRIGGERS} <= set(types)


def retried_for(broker: Manifest) -> float:
    """Seconds from the first try to the last, where each is answered at once."""
    delivery = broker.spec["delivery"]
    assert seconds(delivery["backoffDelay"]) > 0
    policy = Delivery(delivery["retry"], delivery["backoffPolicy"], seconds(delivery["backoffDelay"]))
    return sum(policy.delay(attempt) for attempt in range(policy.retry))


def test_a_broker_in_memory_gives_up_before_the_source_calls_its_silence_a_fault() -> None:
    """It answers only then; but a subscriber that is restarted has time for that."""
    assert 20 < retried_for(the("Broker")) < HealthSettings.model_fields["stale_after"].default


def test_a_broker_on_kafka_holds_up_nobody_and_tries_for_longer() -> None:
    assert retried_for(the("Broker", folder="knative-kafka")) > 120


@pytest.mark.parametrize("broker", BROKERS, ids=title)
def test_what_cannot_be_delivered_goes_to_the_dead_letters(broker: Manifest) -> None:
    assert broker.spec["delivery"]["deadLetterSink"]["ref"]["name"] == the("Service", "dead-letters").name
    assert load_broker(KNATIVE).triggers[0].delivery.dead_letter_sink == "dead-letters"


def test_what_the_broker_refuses_goes_there_too() -> None:
    for source in (the("ContainerSource"), the("Deployment", folder="knative-ha")):
        (address,) = (e["value"] for e in container(source)["env"] if e["name"] == "DEAD_LETTER_SINK")
        service = the("Service", "dead-letters")
        assert urlsplit(address).netloc == service.name, "the namespace is the pod's own"
        assert [port["port"] for port in service.spec["ports"]] == [80]


def test_subscribers_are_reached_on_port_80() -> None:
    assert [port["port"] for port in the("Service", "pytag").spec["ports"]] == [80]  # a Trigger names no port


def test_the_source_may_do_what_its_state_needs_and_no_more() -> None:
    rules = {rule["resources"][0]: rule for rule in the("Role").document["rules"]}
    assert set(rules) == {"configmaps", "leases"}
    names = {name: value for name, value in environment_of_source().items() if name in {"CHECKPOINT", "LEASE"}}
    assert rules["configmaps"]["resourceNames"] == [names["CHECKPOINT"].removeprefix("configmap://")]
    assert rules["leases"]["resourceNames"] == [names["LEASE"]]
    assert {verb for rule in rules.values() for verb in rule["verbs"]} == {"get", "update"}
    (subject,) = the("RoleBinding").document["subjects"]
    assert subject["name"] == the("ContainerSource").spec["template"]["spec"]["serviceAccountName"]


def environment_of_source() -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container(the("ContainerSource"))["env"]}


def test_each_of_our_programs_has_its_policy() -> None:
    selectors = [policy.spec["podSelector"]["matchLabels"] for policy in of_kind("NetworkPolicy")]
    assert selectors == [{"app.kubernetes.io/name": name} for name in ("vcenter-source", "pytag", "dead-letters")]
    assert {"app.kubernetes.io/name": "vcenter-source"}.items() <= labels(
        the("Deployment", folder="knative-ha")
    ).items()


def test_policies_name_the_protocol_of_each_port() -> None:
    """Where the API server has to add it, kubectl finds another list each time, and says "configured"."""
    for policy in of_kind("NetworkPolicy", everything()):
        rules = [*policy.spec.get("ingress", ()), *policy.spec.get("egress", ())]
        assert all(port["protocol"] in {"TCP", "UDP"} for rule in rules for port in rule["ports"]), title(policy)


def test_policies_open_the_ports_of_pods_not_those_of_services() -> None:
    ports = {
        manifest.name: {port["containerPort"] for port in container(manifest)["ports"]}
        for manifest in (the("ContainerSource"), the("Deployment", "pytag"), the("Deployment", "dead-letters"))
    }
    for policy in of_kind("NetworkPolicy"):
        opened = {port["port"] for rule in policy.spec["ingress"] for port in rule["ports"]}
        assert opened == ports[policy.name]


def test_the_broker_and_a_replay_reach_pytag_and_a_replay_the_broker_and_all_functions() -> None:
    broker = {"namespaceSelector": named("kubernetes.io/metadata.name", "knative-eventing")}
    assert sources_of("pytag") == [broker, {"podSelector": named("app.kubernetes.io/name", "dead-letters")}]
    assert sources_of("dead-letters") == [broker, {"podSelector": named("app.kubernetes.io/name", "vcenter-source")}]
    ways = [peer for rule in the("NetworkPolicy", "dead-letters").spec["egress"] for peer in rule.get("to", [])]
    assert ways == [broker, {"podSelector": {}}, {"namespaceSelector": {}}]


def test_a_replay_goes_to_the_broker() -> None:
    binding = the("SinkBinding")
    assert binding.spec["subject"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "dead-letters"}
    assert binding.spec["subject"]["name"] == the("Deployment", "dead-letters").name
    assert binding.spec["sink"]["ref"]["name"] == the("Broker").name


def sources_of(policy: str) -> list[Mapping[str, Any]]:
    return [peer for rule in the("NetworkPolicy", policy).spec["ingress"] for peer in rule["from"]]


def named(label: str, value: str) -> dict[str, Any]:
    return {"matchLabels": {label: value}}


@pytest.mark.parametrize(
    ("policy", "ports"),
    [
        ("vcenter-source", {53, 5353, 443, 6443, 8080, 8443, 4318}),
        ("pytag", {53, 5353, 443, 4318}),
        ("dead-letters", {53, 5353, 8080, 8443, 4318}),
    ],
)
def test_the_way_out_is_open_to_what_is_called(policy: str, ports: set[int]) -> None:
    spec = the("NetworkPolicy", policy).spec
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    assert {port["port"] for rule in spec["egress"] for port in rule["ports"]} == ports


def test_vcsim_is_let_through_and_is_where_its_comment_says() -> None:
    (policy,) = of_kind("NetworkPolicy", FOLDERS["vcsim"])
    vcsim = the("Deployment", folder="vcsim")
    (port,) = container(vcsim)["ports"]
    assert policy.spec["egress"][0]["ports"] == [{"port": port["containerPort"], "protocol": "TCP"}]
    assert f"0.0.0.0:{port['containerPort']}" in container(vcsim)["args"]
    (service,) = of_kind("Service", FOLDERS["vcsim"])
    assert f"http://{service.name}.{service.namespace}.svc/sdk" in vcsim.path.read_text(encoding="utf-8")
    assert service.spec["ports"][0]["port"] == 80


def test_the_kafka_broker_takes_the_same_place_and_keeps_order_by_object() -> None:
    kafka, trigger = the("Broker", folder="knative-kafka"), the("Trigger", folder="knative-kafka")
    longer = {"retry": kafka.spec["delivery"]["retry"]}
    assert (kafka.name, kafka.spec["delivery"]) == (the("Broker").name, the("Broker").spec["delivery"] | longer)
    assert (trigger.name, trigger.spec) == (the("Trigger").name, the("Trigger").spec)
    assert kafka.document["metadata"]["annotations"] == {"eventing.knative.dev/broker.class": "Kafka"}
    assert trigger.document["metadata"]["annotations"] == {"kafka.eventing.knative.dev/delivery.order": "ordered"}
    config = the("ConfigMap", kafka.spec["config"]["name"], folder="knative-kafka")
    assert set(config.document["data"]) == {
        "bootstrap.servers",
        "default.topic.partitions",
        "default.topic.replication.factor",
    }


def test_both_sides_send_their_spans_to_jaeger() -> None:
    jaeger = the("Service", folder="jaeger")
    ports = {port["port"] for port in jaeger.spec["ports"]}
    telemetry = the("ConfigMap", "telemetry", "jaeger").document["data"]
    knative = the("ConfigMap", "config-observability", "jaeger").document["data"]
    addresses = [urlsplit(telemetry["OTEL_EXPORTER_OTLP_ENDPOINT"]), urlsplit(knative["tracing-endpoint"])]
    assert {address.hostname for address in addresses} == {f"{jaeger.name}.{jaeger.namespace}.svc"}
    assert {address.port for address in addresses} == {4318} <= ports
    assert (addresses[0].path, addresses[1].path) == ("", "/v1/traces")  # only Knative's names the signal itself
    assert knative["tracing-protocol"] == "http/protobuf"
    assert float(knative["tracing-sampling-rate"]) == 1


def test_jaeger_brings_the_viewer_with_its_waterfall() -> None:
    jaeger = the("Service", folder="jaeger")
    viewer = ViewerSettings.model_validate(the("ConfigMap", "viewer", "jaeger").document["data"])
    assert (viewer.bind_address, is_loopback(viewer.bind_address[0])) == (("localhost", 8082), True)
    reads_it = {"configMapRef": {"name": "viewer", "optional": True}}
    sources = [the("ContainerSource"), the("Deployment", folder="knative-ha"), the("Deployment", "dead-letters")]
    assert all(reads_it in container(source)["envFrom"] for source in sources)
    api, page = urlsplit(str(viewer.trace_api_template)), urlsplit(str(viewer.trace_url_template))
    assert (api.hostname, api.path) == (f"{jaeger.name}.{jaeger.namespace}.svc", "/api/v3/traces/{trace_id}")
    assert {api.port, page.port} == {16686} <= {port["port"] for port in jaeger.spec["ports"]}
    way_in, way_out = (each.spec for each in of_kind("NetworkPolicy", FOLDERS["jaeger"]))
    assert {port["port"] for rule in way_in["ingress"] for port in rule["ports"]} == {4317, 4318, api.port}
    assert way_in["podSelector"]["matchLabels"].items() <= labels(the("Deployment", folder="jaeger")).items()
    assert [port["port"] for rule in way_out["egress"] for port in rule["ports"]] == [api.port]
    (expression,) = way_out["podSelector"]["matchExpressions"]
    assert expression["values"] == [the("NetworkPolicy", name).name for name in ("vcenter-source", "dead-letters")]


PAGES = ("README.md", "docs/knative.md", "docs/openfaas.md")
"""What tells how to deploy."""


def test_the_commands_of_the_pages_fit_the_manifests() -> None:
    deploy = "".join((KNATIVE.parents[1] / page).read_text(encoding="utf-8") for page in PAGES)
    shown = re.findall(r"kubectl apply -([fk]) config/([a-z-]+)", deploy)
    ours_in = {workload.path.parent.name for workload in ours()}
    assert {folder for _, folder in shown} == {*FOLDERS, "knative-many"}
    assert {folder for option, folder in shown if option == "k"} == {*ours_in, "knative-many"}
    built = dict(re.findall(r"docker build --target (\w+) --tag (\S+) ", deploy))
    assert built == {target: f"$REGISTRY/vcenter-source-{target}:{__version__}" for target in ("adapter", "pytag")}
    vcenter = the("ConfigMap", "vcenter").path.read_text(encoding="utf-8")
    assert all(found in vcenter for found in re.findall(r"sed -i 's\|([^|]+)\|", deploy))
    assert the("ConfigMap", "pytag").document["data"]["TAG"] in deploy


def test_commands_in_comments_name_folders_and_objects_that_are_there() -> None:
    for path in sorted({manifest.path for manifest in everything()}):
        text = path.read_text(encoding="utf-8")
        for folder in re.findall(r"kubectl apply -[fk] config/([a-z-]+)", text):
            assert folder in FOLDERS, path
        for kind, name in re.findall(r"delete (broker|containersource) ([a-z-]+)", text):
            assert name in {m.name for m in everything() if m.kind.lower() == kind}, path
