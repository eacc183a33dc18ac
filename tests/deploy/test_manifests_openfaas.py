"""config/openfaas, pytag's stack file and docs/openfaas.md: beyond what test_manifests_*.py hold of every folder."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.manifests import Manifest
from pytag.settings import Settings as PytagSettings
from tests.deploy.manifest_schema import check, faults
from tests.support.manifest_files import CONFIG, FOLDERS, ROOT, container, of_kind, pod, the
from vcenter_functions import __version__
from vcenter_source.settings.environment import list_variables, read_area
from vcenter_source.settings.openfaas import GatewaySettings, ShimSettings
from vcenter_source.settings.sink import OPENFAAS
from vcenter_source.settings.source import Settings as AdapterSettings
from vcenter_source.settings.source import load
from vcenter_source.sinks.openfaas.topics import parse_function, parse_functions

STACK = ROOT / "functions" / "pytag" / "stack.yml"
DOCUMENT = (ROOT / "docs" / "openfaas.md").read_text(encoding="utf-8")
MIGRATING = (ROOT / "docs" / "migrating-from-vcenter-connector.md").read_text(encoding="utf-8")
# faas-cli's stack/schema.go, in the words of tests/manifest_schema.py.
RESOURCES = {"memory": "str", "cpu": "str"}
FUNCTION = {
    "lang": "str",
    "handler": "str",
    "image!": "str",
    "fprocess": "str",
    "environment": "Dict[str, str]",
    "secrets": "List[str]",
    "skip_build": "bool",
    "labels": "Dict[str, str]",
    "annotations": "Dict[str, str]",
    "limits": RESOURCES,
    "requests": RESOURCES,
    "readonly_root_filesystem": "bool",
    "namespace": "str",
}
SCHEMA = {
    "version": "float",
    "provider!": {"name!": "str", "gateway": "str"},
    "functions!": {"pytag!": FUNCTION},
}
UPSTREAM_TIMEOUT = 60.0
"""Seconds that the gateway waits for a function by default: gateway.upstreamTimeout in OpenFaaS's chart."""


def stack() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(STACK.read_text(encoding="utf-8"))
    return found


def source() -> Manifest:
    return the("Deployment", "vcenter-source-openfaas", folder="openfaas")


def settings_of_the_folder() -> dict[str, str]:
    data: dict[str, str] = the("ConfigMap", "vcenter-source-openfaas", folder="openfaas").document["data"]
    return data


def test_kubectl_finds_nothing_there_that_is_not_for_it() -> None:
    suffixes = {".yaml", ".yml", ".json"}  # all that kubectl apply -f takes from a folder
    found = {path for path in (CONFIG / "openfaas").rglob("*") if path.suffix in suffixes}
    assert {manifest.path for manifest in FOLDERS["openfaas"]} == found


def test_the_folder_stands_alone_and_beside_knatives() -> None:
    def of(folder: str) -> set[tuple[str, str]]:
        return {(m.kind, m.name) for m in FOLDERS[folder]}

    assert of("openfaas") & of("knative") == {("Namespace", "vcenter-source")}
    assert of_kind("Namespace", FOLDERS["openfaas"])[0].document == of_kind("Namespace")[0].document


def test_one_process_reads_vcenter_and_invokes_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_of_the_folder().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "username").write_text("u")
    (tmp_path / "password").write_text("p")
    monkeypatch.setenv("VCENTER_SECRET_PATH", str(tmp_path))
    settings = load()
    gateway = read_area(GatewaySettings, OPENFAAS_URL=str(settings.sink.address).removeprefix(OPENFAAS))
    assert settings.sink.is_openfaas
    assert gateway.address == "http://gateway.openfaas:8080"
    assert gateway.basic_auth
    mounts = {mount["mountPath"]: mount["name"] for mount in container(source())["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod(source())["volumes"]}
    assert volumes[mounts[str(gateway.secret_mount_path)]]["secret"]["secretName"] == "basic-auth"


def test_it_may_reach_the_gateway_and_its_dead_letters() -> None:
    policy = the("NetworkPolicy", "vcenter-source-openfaas", folder="openfaas").spec
    labels = source().spec["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    namespaces = {
        peer["namespaceSelector"].get("matchLabels", {}).get("kubernetes.io/metadata.name"): rule["ports"]
        for rule in policy["egress"]
        for peer in rule.get("to", [])
        if "namespaceSelector" in peer
    }
    assert namespaces["openfaas"] == [{"port": 8080, "protocol": "TCP"}]
    letters = the("Deployment", "openfaas-dead-letters", folder="openfaas").spec["template"]["metadata"]["labels"]
    peers = [
        peer["podSelector"]["matchLabels"]
        for r in policy["egress"]
        for peer in r.get("to", [])
        if "podSelector" in peer
    ]
    assert [selector for selector in peers if selector.items() <= letters.items()]
    service = the("Service", folder="openfaas")
    assert {"name": "DEAD_LETTER_SINK", "value": f"http://{service.name}"} in container(source())["env"]


def test_its_checkpoint_and_lease_are_its_own() -> None:
    environment = {entry["name"]: entry.get("value") for entry in container(source())["env"]}
    assert (
        environment["CHECKPOINT"]
        == f"configmap://{the('ConfigMap', 'vcenter-source-openfaas-checkpoint', 'openfaas').name}"
    )
    assert environment["LEASE"] == the("Lease", folder="openfaas").name
    (role,) = of_kind("Role", FOLDERS["openfaas"])
    allowed = [name for rule in role.document["rules"] for name in rule["resourceNames"]]
    assert allowed == ["vcenter-source-openfaas-checkpoint", "vcenter-source-openfaas"]
    assert pod(source())["serviceAccountName"] == the("ServiceAccount", folder="openfaas").name


def test_the_stack_file_is_one() -> None:
    assert list(check(stack(), SCHEMA)) == []
    assert stack()["provider"]["name"] == "openfaas"
    assert list(check({**stack(), "functions": {"pytag": {"annotation": {}}}}, SCHEMA)) != []
    assert faults(Manifest(STACK, 1, stack())) != []  # and no manifest: kubectl would stumble over it


def test_the_function_is_found_by_its_topic_and_invoked_so_that_its_failures_are_heard() -> None:
    problems: list[str] = []
    listed = [{"name": name, **each} for name, each in stack()["functions"].items()]
    (function,) = parse_functions(listed, "openfaas-fn", problems)
    trigger = the("Trigger").spec["filter"]["attributes"]
    assert function.topics == (trigger["type"],)  # the same events as with Knative
    assert function.invocation == "sync"
    assert problems == []
    assert parse_function("f", {"topic": "x", "topic-invocation": "Sync"}, problems).invocation is None
    assert len(problems) == 1


def test_the_functions_environment_is_settings_that_pytag_would_start_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = stack()["functions"]["pytag"]["environment"]
    assert set(environment) <= list_variables(PytagSettings)
    assert environment["VCENTER_SECRET_PATH"] == "/var/openfaas/secrets"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "username").write_text("u")
    (tmp_path / "password").write_text("p")
    monkeypatch.setenv("VCENTER_SECRET_PATH", str(tmp_path))
    loaded = PytagSettings()  # type: ignore[call-arg]  # from the environment
    knative = the("ConfigMap", "pytag").document["data"]
    assert {name: environment[name] for name in knative} == knative
    assert loaded.port == 8080  # OpenFaaS's own, which it does not tell
    assert loaded.timeout < min(UPSTREAM_TIMEOUT, GatewaySettings.model_fields["invocation_timeout"].default)


def test_the_function_is_the_image_of_the_manifests() -> None:
    function = stack()["functions"]["pytag"]
    assert function["image"] == f"${{REGISTRY:-registry/SET-IT}}/vcenter-source-pytag:{__version__}"
    assert function["skip_build"] is True


def test_the_settings_of_the_documents_exist() -> None:
    known = list_variables(AdapterSettings) | list_variables(ShimSettings) | list_variables(PytagSettings)
    theirs = {"VC", "VC_USERNAME", "VC_PASSWORD", "TAG_URN"}  # of the vcenter-connector's example function
    text = DOCUMENT + MIGRATING
    named = set(re.findall(r"`([A-Z][A-Z_]*[A-Z])(?:=[^`]*)?`", text))
    assert theirs <= named
    assert named - theirs - {"REGISTRY"} <= known
    assert {"basic_auth", "secret_mount_path"} <= known & set(re.findall(r"`(\w+)`", text))


def test_the_documents_commands_are_those_of_the_folder() -> None:
    comments = (CONFIG / "openfaas" / "100-namespace.yaml").read_text(encoding="utf-8")

    def commands_in(text: str) -> set[str]:
        joined = re.sub(r"\\\n[# ]*", "", text)
        return {
            " ".join(line.lstrip("#$ ").split()) for line in joined.splitlines() if "kubectl -n vcenter-source" in line
        }

    told = {line for line in commands_in(comments) if "create secret" in line or line.startswith("echo")}
    assert len(told) == 2
    assert told <= commands_in(DOCUMENT)
    replaced = re.findall(r"sed -i 's\|([^|]+)\|\S+ (.*)$", DOCUMENT, re.MULTILINE)
    assert len(replaced) == 1
    for old, files in replaced:
        assert all(old in (ROOT / file).read_text(encoding="utf-8") for file in files.split())
