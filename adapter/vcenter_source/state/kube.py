"""The only room that talks to a Kubernetes API server: single objects, read, created and replaced.

Objects are plain JSON. The ``kubernetes`` package brings configuration, credentials and HTTP; its classes for the kinds
of objects stay out, since they take a second to load where the rest takes a tenth.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException, list_kube_config_contexts, load_kube_config
from kubernetes.config.incluster_config import InClusterConfigLoader
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context
from yaml import YAMLError

from vcenter_functions.net.addresses import port_of
from vcenter_functions.net.proxies import Proxy, is_bypassed
from vcenter_functions.net.tls import relax_verification
from vcenter_source.core.errors import (
    ConfigurationError,
    KubernetesConflictError,
    KubernetesForbiddenError,
    KubernetesUnavailableError,
)
from vcenter_source.core.proxies import check_proxy
from vcenter_source.core.quoting import quoted

log = structlog.get_logger()

Object = dict[str, Any]
"""An object as the API server writes it, metadata and all."""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts the token, the authority's certificate and the namespace."""

REQUEST_SECONDS = 5.0
"""How long the API server may take to answer."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object; ``resource`` is its name in paths and in Roles."""

    api_version: str
    name: str
    resource: str

    @property
    def root(self) -> str:
        """Where the paths of its API begin: the core API has a place of its own."""
        return f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"


CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """One object at one API server, whether it is there or not; its calls block, for at most about ``timeout`` seconds.

    ``setting`` is the setting that names it, for messages.
    """

    client: ApiClient
    kind: Kind
    namespace: str
    name: str
    setting: str
    timeout: float

    @property
    def title(self) -> str:
        """What an operator calls it."""
        return f"{self.kind.name} {self.namespace}/{self.name}"

    @property
    def _collection(self) -> str:
        return f"{self.kind.root}/namespaces/{self.namespace}/{self.kind.resource}"

    def read(self) -> Object | None:
        """The object as it is now, None where there is none."""
        status, answer = self._request("GET", f"{self._collection}/{self.name}")
        if self._says_missing(status, answer):
            return None
        return self._judge("get", status, answer)

    def create(self, content: Mapping[str, Any]) -> Object:
        """Make it. Raises KubernetesConflictError where it is there already."""
        metadata = {"name": self.name, "namespace": self.namespace}
        body = {"apiVersion": self.kind.api_version, "kind": self.kind.name, "metadata": metadata, **content}
        status, answer = self._request("POST", self._collection, body)
        return self._judge("create", status, answer)

    def replace(self, changed: Object) -> Object:
        """Put it in place of the one that was read. Raises KubernetesConflictError where that is not there any more.

        The ``resourceVersion`` in its metadata tells which one was read.
        """
        status, answer = self._request("PUT", f"{self._collection}/{self.name}", changed)
        if self._says_missing(status, answer):
            raise KubernetesConflictError(f"{self.setting}: {self.title} has been deleted")
        return self._judge("update", status, answer)

    def _request(self, method: str, path: str, body: Object | None = None) -> tuple[int, Object]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            request = self.client.param_serialize(
                method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = self.client.call_api(*request, _request_timeout=self.timeout)
            return response.status, parse(response.read())
        except (HTTPError, ApiException, ConfigException, OSError) as exc:  # ApiException is how it raises TLS failures
            reason = " ".join(str(getattr(exc, "reason", None) or exc).split())
            raise KubernetesUnavailableError(
                f"{self.setting}: cannot ask the API server {self.client.configuration.host}{self._way()}: {reason}"
            ) from exc

    def _says_missing(self, status: int, answer: Object) -> bool:
        """Whether the API server itself says that this object is not there.

        A 404 may also come from a proxy, or be about an API that is not served just now; such a one names no object.
        """
        details = answer.get("details") if answer.get("reason") == "NotFound" else None
        about = (details.get("kind"), details.get("name")) if isinstance(details, dict) else None
        return status == 404 and about == (self.kind.resource, self.name)  # noqa: PLR2004

    def _judge(self, verb: str, status: int, answer: Object) -> Object:
        """Return the object that a 2xx brings; raise what the status means otherwise. It brings a Status, mostly."""
        if 200 <= status < 300 and self._is_ours(answer):  # noqa: PLR2004
            return answer
        said = answer.get("message") or answer.get("reason") or "no reason given"
        if status == 403 and answer.get("kind") == "Status":  # noqa: PLR2004  a proxy's knows nothing of RBAC
            raise KubernetesForbiddenError(
                f"{self.setting}: may not {verb} {self.kind.resource} in namespace {self.namespace}: {said}; "
                f"{self._advice(verb)}"
            )
        if status == 409:  # noqa: PLR2004
            raise KubernetesConflictError(f"{self.setting}: {said}")
        raise KubernetesUnavailableError(
            f"{self.setting}: cannot {verb} {self.title}: the API server{self._way()} answers {status}: {said}"
        )

    def _way(self) -> str:
        """Where there is a proxy in between, which may be what has failed, or answered."""
        proxy = proxy_of(self.client.configuration)
        return f" through the proxy {proxy}" if proxy else ""

    def _is_ours(self, answer: Object) -> bool:
        """Whether an answer is the object that was asked for, and not, say, a proxy's page."""
        metadata = answer.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return (answer.get("kind"), name) == (self.kind.name, self.name)

    def _advice(self, verb: str) -> str:
        if verb == "create":
            return f"{self.title} is not there: apply 210-checkpoint.yaml again, or let a Role allow create"
        return f"a Role must allow get and update on {self.title}"


def parse(body: bytes) -> Object:
    """The JSON object of an answer; what is none, a proxy's page say, becomes one with the ``message``."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    return answer if isinstance(answer, dict) else {"message": quoted(body, 200)}


def proxy_of(configuration: Configuration) -> Proxy | None:
    """Return the proxy that leads to the API server; None where none does. Raises ConfigurationError.

    The ``kubernetes`` package has read the same variables, ALL_PROXY, and ``proxy-url`` in a kubeconfig.
    """
    parts, given = urlsplit(configuration.host), configuration.proxy
    if not given or is_bypassed(parts.hostname or "", port_of(parts), configuration.no_proxy or ""):
        return None
    names = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    variable = next((name for name in names if os.environ.get(name) == given), "proxy-url in KUBECONFIG")
    check_proxy(variable, given, parts.hostname or "")
    return Proxy(given, variable)


def tls_context(configuration: Configuration) -> ssl.SSLContext:
    """Return what urllib3 adds the cluster's authority to; its own would be as strict as the Python is."""
    context = relax_verification(create_urllib3_context())
    if not configuration.ssl_ca_cert and not configuration.ca_cert_data:
        context.load_default_certs()
    return context


class Cluster:
    """An API server, who we are there, and the namespace that is meant where none is named."""

    def __init__(self, configuration: Configuration, namespace: str) -> None:
        # The callers try again themselves: a retry here would repeat a write that has been done, and find a conflict.
        configuration.retries = False
        proxy = proxy_of(configuration)
        if proxy is None:
            configuration.proxy = None  # its own reading of NO_PROXY knows fewer forms
        else:
            configuration.proxy_headers = configuration.proxy_headers or dict(proxy.headers)
            log.info("the API server is reached through a proxy", server=configuration.host, proxy=str(proxy))
        self._client = ApiClient(configuration)
        if configuration.verify_ssl:
            self._client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = tls_context(configuration)
        self._namespace = namespace

    def object(self, kind: Kind, address: str, setting: str, timeout: float = REQUEST_SECONDS) -> KubernetesObject:
        """The object with this address, ``[namespace/]name``."""
        namespace, _, name = address.rpartition("/")
        return KubernetesObject(self._client, kind, namespace or self._namespace, name, setting, timeout)


def connect() -> Cluster:
    """The cluster that KUBECONFIG names, else the one that this pod is in, else that of ``~/.kube/config``.

    Nothing is sent yet. Raises ConfigurationError.
    """
    file, configuration = os.environ.get("KUBECONFIG"), Configuration()
    if not file and "KUBERNETES_SERVICE_HOST" in os.environ:
        return in_cluster(SERVICE_ACCOUNT)
    try:
        load_kube_config(file, client_configuration=configuration)
        context = list_kube_config_contexts(file)[1]["context"]
    except (ConfigException, YAMLError, OSError, TypeError, AttributeError) as exc:  # the last two: of another shape
        raise ConfigurationError(f"KUBECONFIG: names no usable configuration, and this is no pod: {exc}") from exc
    return Cluster(configuration, context.get("namespace") or "default")


def in_cluster(folder: Path) -> Cluster:
    """The cluster that this pod is in, by its service account, which is mounted there. Raises ConfigurationError."""
    token, configuration = folder / "token", Configuration()
    loader = InClusterConfigLoader(str(token), str(folder / "ca.crt"), try_refresh_token=False)

    def read_token(configuration: Configuration) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {token.read_text().strip()}"

    try:
        loader.load_and_set(configuration)
        namespace = (folder / "namespace").read_text().strip()
    except (ConfigException, OSError) as exc:
        raise ConfigurationError(f"cannot use the pod's service account in {folder}: {exc}") from exc
    # It is called before each request: the kubelet rotates the token, hourly as a rule.
    configuration.refresh_api_key_hook = read_token  # type: ignore[assignment]  # declared as never being one
    return Cluster(configuration, namespace)
