"""Each manifest against Kubernetes' own schema and the CRDs', and that check against manifests that are wrong."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.manifests import Manifest
from tests.deploy.manifest_schema import faults
from tests.support.manifest_files import everything, the, title


@pytest.mark.parametrize("manifest", everything(), ids=title)
def test_the_api_server_would_take_it(manifest: Manifest) -> None:
    assert faults(manifest) == []


def test_config_maps_hold_strings() -> None:
    for manifest in everything():
        if manifest.kind == "ConfigMap":
            assert all(isinstance(value, str) for value in manifest.document.get("data", {}).values()), title(manifest)


@pytest.mark.parametrize(
    ("kind", "path", "value", "fault"),
    [
        ("Deployment", "spec.template.spec.containers.0.imagePullPolice", "Always", "imagePullPolice: no such field"),
        ("Deployment", "spec.template.spec.containers.0.env.0.value", 8080, "env[0].value: 8080 is no str"),
        ("Deployment", "spec.template.spec.containers.0.ports.0.containerPort", "8080", "'8080' is no int"),
        ("Deployment", "spec.template.spec.containers.0.resources.limits.memory", "192mb", "'192mb' is no quantity"),
        ("Deployment", "spec.selector", None, ".spec.selector: missing"),
        ("Deployment", "spec.replicas", True, ".spec.replicas: True is no int"),
        ("Deployment", "metadata.name", "Pytag", "'Pytag' is no DNS name"),
        ("Deployment", "metadata.labels", {"a b": "c"}, "a b=c is no label"),
        ("Deployment", "apiVersion", "apps/v2", "no schema is known for Deployment of apps/v2"),
        ("NetworkPolicy", "spec.ingress.0.ports", {"port": 8080}, ".spec.ingress[0].ports: {'port': 8080} is no list"),
        ("RoleBinding", "roleRef.name", None, ".roleRef.name: missing"),
        ("Broker", "spec.delivery.backOffDelay", "PT1S", ".spec.delivery.backOffDelay: no such field"),
        ("Broker", "spec.delivery.deadLetterSink.ref.kind", None, ".deadLetterSink.ref.kind: missing"),
        ("Trigger", "spec.filter", {"type": "x"}, ".spec.filter.type: no such field"),
        ("Trigger", "spec.filter.attributes.type", ["x"], "is no str"),
        ("EventType", "spec.type", None, ".spec.type: missing"),
        ("ContainerSource", "spec.template.spec.containers.0.livenessProbe.path", "/", "livenessProbe.path: no such"),
        ("ContainerSource", "spec.replicas", 2, ".spec.replicas: no such field"),
    ],
)
def test_what_it_would_refuse_is_found(kind: str, path: str, value: Any, fault: str) -> None:
    names = {
        "Deployment": "pytag",
        "NetworkPolicy": "pytag",
        "EventType": "com.vmware.event.vm.created",
    }
    document = copy.deepcopy(dict(the(kind, names.get(kind)).document))
    *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
    inner: Any = document
    for step in parents:
        inner = inner[step]
    inner[last] = value
    assert any(fault in found for found in faults(Manifest(Path("wrong.yaml"), 1, document)))


def test_octal_modes_mean_what_they_look_like() -> None:
    assert yaml.safe_load("mode: 0440") == {"mode": 0o440}  # YAML 1.1, which kubectl and PyYAML both read
    for workload in (the("Deployment", "pytag"), the("ContainerSource")):
        (mode,) = (v["secret"]["defaultMode"] for v in workload.spec["template"]["spec"]["volumes"] if "secret" in v)
        assert mode == 0o440
