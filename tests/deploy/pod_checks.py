"""What is asked of every pod of ours."""

from collections.abc import Mapping
from typing import Any

Spec = Mapping[str, Any]

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def only_container(pod: Spec) -> Spec:
    (only,) = pod["containers"]
    return dict(only)


def check_restricted(pod: Spec) -> None:
    """Whether it obeys the restricted Pod Security Standard; a Knative Service says it in the container."""
    container = only_container(pod)
    security = {**pod.get("securityContext", {}), **container["securityContext"]}
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["runAsGroup"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not set(pod) & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    assert all(set(volume) & {"secret", "emptyDir", "configMap", "persistentVolumeClaim"} for volume in pod["volumes"])
    assert {name: container["securityContext"].get(name) for name in RESTRICTED} == RESTRICTED


def check_bounded(pod: Spec) -> None:
    """Whether it has limits and probes, and nothing that it does not need."""
    container = only_container(pod)
    assert pod["enableServiceLinks"] is False
    assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {"cpu", "memory"}
    assert {"readinessProbe", "livenessProbe"} <= set(container)
    assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    written = {volume["name"] for volume in pod["volumes"] if set(volume) & {"emptyDir", "persistentVolumeClaim"}}
    assert all(mount.get("readOnly") for mount in container["volumeMounts"] if mount["name"] not in written)
    probe = container["livenessProbe"]
    assert probe["periodSeconds"] * probe.get("failureThreshold", 3) >= 30
