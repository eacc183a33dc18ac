"""The Deployment or Knative Service of a function, and what belongs to it, as config/knative/500-pytag.yaml is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from vcenter_source.commands.function.sources import HandlerSource

Object: TypeAlias = dict[str, Any]

_USER = 65532
_PORT = 8080
_FOLDER = "/function"
_DNS = [{"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("UDP", "TCP")]
_QUEUE_PROXY = (8012, 8013, 8112, 9090)
"""Knative Serving puts a proxy before the function: HTTP, HTTP/2, TLS, and its metrics for the autoscaler."""
_OTLP = 4318
_POD_VARIABLES = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
"""What the cluster tells a pod: an overlay may put it into another namespace."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What a function needs in the cluster.

    ``source`` is None where the image has the handlers. ``secret`` is None where no setting is a secret, else whether
    one of these is required. ``ports`` are those that it calls beside 443. ``vcenters`` is the Secret with many
    vCenters, empty for the one of config/knative.
    """

    name: str
    namespace: str
    image: str
    source: HandlerSource | None
    environment: Mapping[str, str]
    has_vcenter: bool
    secret: bool | None = None
    ports: Sequence[int] = ()
    is_ksvc: bool = False
    vcenters: str = ""

    def build(self) -> list[Object]:
        """Return its objects, each after what it needs."""
        config = [] if self.source is None else [self._build("v1", "ConfigMap", data=dict(self.source.files))]
        if self.source is not None:
            config[0]["metadata"]["name"] = self._config_name
        policy = self._build("networking.k8s.io/v1", "NetworkPolicy", spec=self._describe_network())
        if self.is_ksvc:
            return [*config, policy, self._build_ksvc()]
        deployment = {"replicas": 1, "selector": {"matchLabels": self._selector}, "template": self._describe_template()}
        return [*config, policy, self._build("apps/v1", "Deployment", spec=deployment), self._build_service()]

    @property
    def labels(self) -> dict[str, str]:
        """The labels of each of its objects."""
        return {**self._selector, "app.kubernetes.io/part-of": "vcenter-source"}

    @property
    def _selector(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": self.name}

    @property
    def _config_name(self) -> str:
        return f"{self.name}-handler"

    def _build(self, version: str, kind: str, **content: Any) -> Object:
        metadata = {"name": self.name, "namespace": self.namespace, "labels": self.labels}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}

    def _build_service(self) -> Object:
        ports = [{"name": "http", "port": 80, "targetPort": "http"}]
        return self._build("v1", "Service", spec={"selector": self._selector, "ports": ports})

    def _build_ksvc(self) -> Object:
        ksvc = self._build("serving.knative.dev/v1", "Service", spec={"template": self._describe_template()})
        # Only the Broker calls it, so that it gets no address outside of the cluster.
        ksvc["metadata"]["labels"] |= {"networking.knative.dev/visibility": "cluster-local"}
        return ksvc

    def _describe_template(self) -> Object:
        metadata: Object = {"labels": self.labels}
        if self.source is not None:
            # A change of the files is one of the template, so that Kubernetes makes new pods.
            metadata["annotations"] = {"vcenter-source/handler-sha256": self.source.digest}
        return {"metadata": metadata, "spec": self._describe_pod()}

    def _describe_pod(self) -> Object:
        pod: Object = {"automountServiceAccountToken": False, "enableServiceLinks": False}
        if not self.is_ksvc:
            # fsGroup: only this group can read the Secret's files.
            pod["securityContext"] = self._user | {"fsGroup": _USER, "seccompProfile": {"type": "RuntimeDefault"}}
        volumes = self._list_volumes()
        pod["containers"] = [self._describe_container([mount for mount, _ in volumes])]
        pod["volumes"] = [volume for _, volume in volumes]
        return pod

    @property
    def _user(self) -> Object:
        return {"runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER}

    def _describe_container(self, mounts: Sequence[Object]) -> Object:
        container: Object = {"name": self.name, "image": self.image}
        if self.source is not None:
            container["args"] = [f"{_FOLDER}/{self.source.main}"]
        container["envFrom"] = self._list_sources()
        container["env"] = self._list_variables()
        # Knative Serving gives names of ports a meaning of its own, and sets PORT itself.
        port = _PORT if self.is_ksvc else "http"
        container["ports"] = [{"containerPort": _PORT} if self.is_ksvc else {"name": "http", "containerPort": _PORT}]
        container["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": port}, "periodSeconds": 5}
        live = {"httpGet": {"path": "/healthz", "port": port}, "periodSeconds": 10, "failureThreshold": 6}
        container["livenessProbe"] = live
        limits = {"cpu": "500m", "memory": "192Mi"}
        container["resources"] = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": limits}
        container["securityContext"] = self._describe_security()
        container["volumeMounts"] = list(mounts)
        return container

    def _describe_security(self) -> Object:
        restricted = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        # Knative Serving takes no security context of the pod unless an administrator has allowed it.
        return restricted | self._user | {"seccompProfile": {"type": "RuntimeDefault"}} if self.is_ksvc else restricted

    def _list_sources(self) -> list[Object]:
        has_one = self.has_vcenter and not self.vcenters
        sources: list[Object] = [{"configMapRef": {"name": "vcenter"}}] if has_one else []
        if self.secret is not None:
            optional = {} if self.secret else {"optional": True}
            sources.append({"secretRef": {"name": self.name, **optional}})
        return [*sources, {"configMapRef": {"name": "telemetry", "optional": True}}]

    def _list_variables(self) -> list[Object]:
        variables = self._vcenter_variables if self.has_vcenter else {}
        variables |= {"LOG_FORMAT": "json"} if self.is_ksvc else {"LOG_FORMAT": "json", "PORT": str(_PORT)}
        variables |= dict(self.environment)
        listed: list[Object] = [{"name": name, "value": value} for name, value in variables.items()]
        attributes = f"k8s.namespace.name={self.namespace}"
        if not self.is_ksvc:  # it allows no fieldRef
            fields = {name: {"fieldRef": {"fieldPath": path}} for name, path in _POD_VARIABLES.items()}
            listed += [{"name": name, "valueFrom": field} for name, field in fields.items()]
            attributes = "k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME)"
        telemetry = {"OTEL_SERVICE_NAME": self.name, "OTEL_RESOURCE_ATTRIBUTES": attributes}
        return [*listed, *({"name": name, "value": value} for name, value in telemetry.items())]

    def _list_volumes(self) -> list[tuple[Object, Object]]:
        """List the mounts, each with its volume."""
        volumes: list[tuple[Object, Object]] = []
        if self.source is not None:
            volumes.append(_mount("handler", _FOLDER, configMap={"name": self._config_name}))
        if self.has_vcenter:
            volumes += self._list_vcenter_volumes()
        return [*volumes, ({"name": "tmp", "mountPath": "/tmp"}, {"name": "tmp", "emptyDir": {}})]  # noqa: S108

    @property
    def _vcenter_variables(self) -> dict[str, str]:
        if self.vcenters:
            return {"VCENTERS_FILE": "/etc/vcenters/vcenters.yaml"}
        return {"VCENTER_SECRET_PATH": "/etc/vcenter"}

    def _list_vcenter_volumes(self) -> list[tuple[Object, Object]]:
        # Without fsGroup, a file that only root can read would be no use.
        mode = {"defaultMode": 0o444 if self.is_ksvc else 0o440}
        if self.vcenters:
            return [_mount("vcenters", "/etc/vcenters", secret={"secretName": self.vcenters, **mode})]
        secret = {"secretName": "vcenter-credentials", **mode}
        authority = {"name": "vcenter-ca", "optional": True}
        return [
            _mount("vcenter-credentials", "/etc/vcenter", secret=secret),
            _mount("vcenter-ca", "/etc/vcenter-ca", configMap=authority),
        ]

    def _describe_network(self) -> Object:
        broker = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "knative-eventing"}}}
        # A replay may send dead letters to one function alone.
        letters = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "dead-letters"}}}
        # Serving's gateway is in a namespace of the network layer's choice.
        anywhere: Object = {"namespaceSelector": {}}
        ingress = _open(_QUEUE_PROXY) if self.is_ksvc else _open([_PORT])
        return {
            "podSelector": {"matchLabels": self._selector},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [anywhere] if self.is_ksvc else [broker, letters], "ports": ingress}],
            "egress": [
                {"ports": list(_DNS)},
                {"ports": _open(dict.fromkeys([443, *self.ports]))},
                {"to": [{"namespaceSelector": {}}], "ports": _open([_OTLP])},
            ],
        }


def _mount(name: str, path: str, **volume: Any) -> tuple[Object, Object]:
    return {"name": name, "mountPath": path, "readOnly": True}, {"name": name, **volume}


def _open(ports: "Sequence[int] | Mapping[int, Any]") -> list[Object]:
    return [{"port": port, "protocol": "TCP"} for port in ports]
