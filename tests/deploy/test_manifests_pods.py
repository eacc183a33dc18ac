"""The pods: restricted Pod Security, settings that exist, ports and probes that are served, labels that select."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from demo.manifests import Manifest
from pytag.settings import Settings as PytagSettings
from tests.deploy.pod_checks import check_bounded, check_restricted
from tests.support.dead_letters import folder_at, names
from tests.support.letter_receiver import receiver_at, refused_by_function
from tests.support.manifest_files import (
    FOLDERS,
    ROOT,
    UNNAMED,
    container,
    everything,
    labels,
    of_kind,
    ours,
    pod,
    the,
    title,
    workloads,
)
from vcenter_source.settings.dead_letters import ReceiverServerSettings, ReceiverSettings
from vcenter_source.settings.environment import list_variables, read_program
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.serving import HealthSettings
from vcenter_source.settings.sink import OPENFAAS, DeadLetterSettings, DeliverySettings
from vcenter_source.settings.source import Settings as AdapterSettings
from vcenter_source.settings.source import load

SETTINGS: dict[str, type[BaseModel]] = {
    "vcenter-source": AdapterSettings,
    "pytag": PytagSettings,
    "dead-letters": ReceiverSettings,
}
# What the programs serve, by container: the port's own setting and the probes' paths, looked up in their sources below.
SERVED = {
    "vcenter-source": (8081, {"/healthz", "/readyz"}, "adapter/vcenter_source/observe/admin_server.py"),
    "pytag": (8080, {"/healthz", "/readyz"}, "functions/vcenter_functions/server.py"),
    "dead-letters": (8080, {"/healthz", "/readyz"}, "adapter/vcenter_source/commands/dead_letters/receive.py"),
}


@cache
def variables(settings: type[BaseModel]) -> frozenset[str]:
    return list_variables(settings)


def environment(workload: Manifest) -> dict[str, Any]:
    """The variables of the container, those from ConfigMaps first; a value that the kubelet fills in is None."""
    maps = {m.name: m.document.get("data", {}) for m in everything() if m.kind == "ConfigMap"}
    found: dict[str, Any] = {}
    for source in container(workload).get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]]
    return found | {entry["name"]: entry.get("value") for entry in container(workload).get("env", [])}


@pytest.mark.parametrize("workload", workloads(), ids=title)
def test_pods_obey_the_restricted_pod_security_standard(workload: Manifest) -> None:
    check_restricted(pod(workload))


@pytest.mark.parametrize("workload", workloads(), ids=title)
def test_pods_are_bounded_probed_and_get_nothing_that_they_do_not_need(workload: Manifest) -> None:
    check_bounded(pod(workload))
    assert pod(workload)["automountServiceAccountToken"] is (container(workload)["name"] == "vcenter-source")


def test_every_namespace_of_ours_enforces_it() -> None:
    namespaces = {m.name: m.document["metadata"]["labels"] for m in everything() if m.kind == "Namespace"}
    assert set(namespaces) == {workload.namespace for workload in workloads()}
    assert {found["pod-security.kubernetes.io/enforce"] for found in namespaces.values()} == {"restricted"}


@pytest.mark.parametrize("workload", ours(), ids=title)
def test_every_variable_is_a_setting(workload: Manifest) -> None:
    name = container(workload)["name"]
    known = variables(SETTINGS[name])
    if str(environment(workload).get("K_SINK")).startswith(OPENFAAS) or workload.name == "openfaas-dead-letters":
        known |= variables(GatewaySettings)
    rest = [each for each in environment(workload) if each not in known and not each.startswith("OTEL_")]
    assert rest in ([], ["POD_NAME", "POD_NAMESPACE"])
    text = str(container(workload)["env"])  # what is used in a value has to be named before it
    for name in rest:
        assert f"$({name})" in text.partition(f"'name': '{name}'")[2]
    assert bool(rest) == ("$(" in text)


@pytest.mark.parametrize("workload", ours(), ids=title)
def test_the_program_would_start_with_these_settings(
    workload: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS[container(workload)["name"]]
    for file in ("username", "password"):
        (tmp_path / file).write_text("x")
    for name, value in (environment(workload) | {"VCENTER_SECRET_PATH": str(tmp_path)}).items():
        monkeypatch.setenv(name, value or "")
    if settings is PytagSettings:
        function = PytagSettings()  # type: ignore[call-arg]  # from the environment
        assert function.model_fields_set >= {"vcenter_url", "vcenter_secret_path", "log_format"}
    elif settings is ReceiverSettings:
        assert str(read_program(ReceiverSettings).dead_letters.path) == "/var/lib/vcenter-source/dead-letters"
    else:
        adapter = load()
        assert adapter.vcenter.model_fields_set >= {"url", "secret_path"}
        assert adapter.log.model_fields_set == {"format"}


def test_what_the_comments_offer_is_a_setting_too() -> None:
    text = (ROOT / "config" / "knative" / "200-vcenter.yaml").read_text(encoding="utf-8")
    offered = set(re.findall(r"^ *#? *([A-Z_]+): ", text, re.MULTILINE))
    assert offered == {"VCENTER_URL", "VCENTER_CA_FILE"}
    assert offered <= variables(AdapterSettings) & variables(PytagSettings)
    (mount,) = (m for m in container(the("ContainerSource"))["volumeMounts"] if m["name"] == "vcenter-ca")
    assert f"VCENTER_CA_FILE: {mount['mountPath']}/ca.crt" in text


@pytest.mark.parametrize("workload", ours(), ids=title)
def test_ports_and_probes_are_what_the_program_serves(workload: Manifest) -> None:
    only = container(workload)
    port, paths, source = SERVED[only["name"]]
    assert [each["containerPort"] for each in only["ports"]] == [port]
    probes = [only[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")]
    assert {probe["path"] for probe in probes} == paths
    assert {probe["port"] for probe in probes} == {only["ports"][0]["name"]}
    assert all(f'"{path}"' in (ROOT / source).read_text(encoding="utf-8") for path in paths)
    if only["name"] == "vcenter-source":
        assert HealthSettings.model_fields["port"].default == port
    else:
        assert environment(workload)["PORT"] == str(port)


def test_liveness_gives_a_busy_program_a_minute() -> None:
    for workload in ours():
        probe = container(workload)["livenessProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 60, title(workload)


def test_the_source_is_given_longer_to_stop_than_it_takes() -> None:
    drain = DeliverySettings.model_fields["drain_timeout"].default
    for workload in ours():
        if container(workload)["name"] == "vcenter-source":
            assert pod(workload)["terminationGracePeriodSeconds"] > drain, title(workload)


def test_images_of_others_are_pinned_and_ours_are_those_that_the_dockerfile_makes() -> None:
    names = {container(workload)["image"] for workload in workloads()}
    made = {f"{UNNAMED}vcenter-source-{target}" for target in targets()}
    assert {container(workload)["image"] for workload in ours()} == made
    assert [name for name in names - made if not re.search(r":v?\d+\.\d+\.\d+$", name)] == []


@cache
def targets() -> frozenset[str]:
    """What docker build --target can name, the stages for building left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^FROM \S+ AS (adapter|pytag)$", text, re.MULTILINE))


def test_users_and_ports_are_those_of_the_dockerfile() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert set(re.findall(r"^USER (\d+)", text, re.MULTILINE)) == {
        str(pod(workload)["securityContext"]["runAsUser"]) for workload in ours()
    }
    exposed = {int(port) for port in re.findall(r"^EXPOSE (\d+)", text, re.MULTILINE)}
    assert exposed == {SERVED["vcenter-source"][0], SERVED["pytag"][0]}


@pytest.mark.parametrize("folder", FOLDERS)
def test_services_find_pods_and_ports_by_name(folder: str) -> None:
    for service in of_kind("Service", FOLDERS[folder]):
        (found,) = (w for w in workloads() if service.spec["selector"].items() <= labels(w).items())
        names = {port["name"] for port in container(found)["ports"]}
        assert {port["targetPort"] for port in service.spec["ports"]} <= names, title(service)


def test_a_deployments_selector_takes_its_own_pods_and_nobody_elses() -> None:
    for deployment in (workload for workload in workloads() if workload.kind == "Deployment"):
        selector = deployment.spec["selector"]["matchLabels"]
        chosen = [title(each) for each in workloads() if selector.items() <= labels(each).items()]
        assert chosen == [title(deployment)]


def test_a_container_sources_labels_are_those_that_never_change() -> None:
    assert set(labels(the("ContainerSource"))) == {"app.kubernetes.io/name", "app.kubernetes.io/part-of"}


def test_every_object_says_what_it_belongs_to() -> None:
    for manifest in everything():
        found = manifest.document["metadata"]["labels"]
        assert "app.kubernetes.io/name" in found, title(manifest)
        if manifest.namespace != "knative-eventing":  # Knative's own ConfigMap keeps Knative's labels
            assert found["app.kubernetes.io/part-of"] == "vcenter-source", title(manifest)


def test_two_sources_differ_from_one_in_how_many_and_where_alone() -> None:
    alone, two = pod(the("ContainerSource")), pod(the("Deployment", folder="knative-ha"))
    assert set(two) - set(alone) == {"topologySpreadConstraints"}
    assert {name: two[name] for name in alone} == alone
    assert the("Deployment", folder="knative-ha").spec["replicas"] == 2


@pytest.mark.parametrize(("name", "folder"), [("dead-letters", "knative"), ("openfaas-dead-letters", "openfaas")])
def test_dead_letters_lie_on_a_volume_of_one_pod_at_a_time(name: str, folder: str) -> None:
    deployment = the("Deployment", name, folder)
    (mount,) = (each for each in container(deployment)["volumeMounts"] if each["name"] == "letters")
    assert environment(deployment)["DEAD_LETTER_PATH"].startswith(f"{mount['mountPath']}/"), "not the volume's root"
    (volume,) = (each for each in pod(deployment)["volumes"] if each["name"] == "letters")
    claim = the("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], folder)
    assert claim.spec["accessModes"] == ["ReadWriteOnce"]
    assert (deployment.spec["replicas"], deployment.spec["strategy"]) == (1, {"type": "Recreate"})
    assert pod(deployment)["securityContext"]["fsGroup"] == pod(deployment)["securityContext"]["runAsGroup"]
    room = int(claim.spec["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    assert room > 2 * DeadLetterSettings.model_fields["max_bytes"].default, "a replay writes a file anew"
    grace = pod(deployment)["terminationGracePeriodSeconds"]
    assert grace > ReceiverServerSettings.model_fields["drain_timeout"].default


@pytest.mark.parametrize(("name", "folder"), [("dead-letters", "knative"), ("openfaas-dead-letters", "openfaas")])
def test_the_dead_letters_pod_keeps_what_it_is_sent(name: str, folder: str, tmp_path: Path) -> None:
    """The manifest's command with the manifest's variables, but for the place, ports and what the cluster fills in."""
    deployment = the("Deployment", name, folder)
    image = "kubectl-apply-k://vcenter-source-adapter"
    assert (container(deployment)["image"], container(deployment)["args"]) == (image, ["dead-letters", "receive"])
    assert "command" not in container(deployment)
    assert container(deployment)["envFrom"][0] == {"configMapRef": {"name": "telemetry", "optional": True}}
    given = {entry["name"]: entry["value"] for entry in container(deployment)["env"] if "value" in entry}
    places = {"DEAD_LETTER_PATH", "PORT", "VIEWER", "LOG_FORMAT", "OTEL_RESOURCE_ATTRIBUTES"}
    with receiver_at(tmp_path, **{key: value for key, value in given.items() if key not in places}) as receiver:
        assert receiver.post(refused_by_function("7")).status_code == 204
    assert names(folder_at(tmp_path)) == ["7"]
