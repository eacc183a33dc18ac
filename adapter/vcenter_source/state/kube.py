"""Read, list, create and replace objects of a Kubernetes API server. No other module talks to one.

Objects are plain JSON. The ``kubernetes`` package provides configuration, credentials and HTTP; its classes for kinds
of objects are not imported, since they take a second to load, ten times as long as the rest.
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
    RetryableError,
)
from vcenter_source.core.proxies import check_proxy
from vcenter_source.core.quoting import quote_line
from vcenter_source.state.sharing import THREADS

log = structlog.get_logger()

Object = dict[str, Any]
"""An object in the API server's JSON, with its metadata."""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""The folder in which Kubernetes mounts the token, the authority's certificate and the namespace."""

API_TIMEOUT = 5.0
"""Seconds that the API server may take to answer."""


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of object; ``resource`` is its name in paths and in Roles."""

    api_version: str
    name: str
    resource: str

    @property
    def root(self) -> str:
        """The prefix of its API's paths: the core API has a prefix of its own."""
        return f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"


CONFIG_MAP = ObjectKind("v1", "ConfigMap", "configmaps")
LEASE = ObjectKind("coordination.k8s.io/v1", "Lease", "leases")


@dataclass(frozen=True, slots=True)
class KubernetesEndpoint:
    """What is asked of one kind of object in one namespace. Calls block for at most about ``timeout`` seconds.

    ``setting`` is the setting that names the objects, for messages.
    """

    client: ApiClient
    kind: ObjectKind
    namespace: str
    setting: str
    timeout: float

    @property
    def _collection(self) -> str:
        return f"{self.kind.root}/namespaces/{self.namespace}/{self.kind.resource}"

    def _request(
        self, method: str, path: str, body: Object | None = None, query: Mapping[str, str] | None = None
    ) -> tuple[int, Object]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            request = self.client.param_serialize(
                method, path, query_params=query, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = self.client.call_api(*request, _request_timeout=self.timeout)
            return response.status, parse_body(response.read())
        except (HTTPError, ApiException, ConfigException, OSError) as exc:  # ApiException is how it raises TLS failures
            reason = " ".join(str(getattr(exc, "reason", None) or exc).split())
            server = f"{self.client.configuration.host}{self._via_proxy()}"
            raise KubernetesUnavailableError(f"{self.setting}: cannot ask the API server {server}: {reason}") from exc

    def _build_error(self, verb: str, about: str, status: int, answer: Object, advice: str) -> RetryableError:
        """Build the error that the status of an answer and its Status mean."""
        reason = answer.get("message") or answer.get("reason") or "no reason given"
        if status == 403 and answer.get("kind") == "Status":  # noqa: PLR2004  a proxy's 403 is not about RBAC
            return KubernetesForbiddenError(
                f"{self.setting}: may not {verb} {self.kind.resource} in namespace {self.namespace}: {reason}; {advice}"
            )
        if status == 409:  # noqa: PLR2004
            return KubernetesConflictError(f"{self.setting}: {reason}")
        return KubernetesUnavailableError(
            f"{self.setting}: cannot {verb} {about}: the API server{self._via_proxy()} answers {status}: {reason}"
        )

    def _via_proxy(self) -> str:
        """Name the proxy in between, if there is one: it may be what has failed, or answered."""
        proxy = find_api_proxy(self.client.configuration)
        return f" through the proxy {proxy}" if proxy else ""


@dataclass(frozen=True, slots=True)
class KubernetesObject(KubernetesEndpoint):
    """One object of an API server, whether it exists or not."""

    name: str
    advice: str = ""
    """What to do where something is not permitted; empty for what is shipped in 210-checkpoint.yaml."""

    @property
    def title(self) -> str:
        """The object's kind, namespace and name, for messages."""
        return f"{self.kind.name} {self.namespace}/{self.name}"

    def read(self) -> Object | None:
        """Return the object as it is now, None if it does not exist."""
        status, answer = self._request("GET", f"{self._collection}/{self.name}")
        if self._is_missing(status, answer):
            return None
        return self._check_answer("get", status, answer)

    def create(self, content: Mapping[str, Any]) -> Object:
        """Create the object. Raises KubernetesConflictError if it exists already."""
        metadata = {"name": self.name, "namespace": self.namespace, **content.get("metadata", {})}
        body = {"apiVersion": self.kind.api_version, "kind": self.kind.name, **content, "metadata": metadata}
        status, answer = self._request("POST", self._collection, body)
        return self._check_answer("create", status, answer)

    def replace(self, changed: Object) -> Object:
        """Replace the version that was read. Raises KubernetesConflictError if that is no longer the current one.

        The ``resourceVersion`` in the metadata identifies the version.
        """
        status, answer = self._request("PUT", f"{self._collection}/{self.name}", changed)
        if self._is_missing(status, answer):
            raise KubernetesConflictError(f"{self.setting}: {self.title} has been deleted")
        return self._check_answer("update", status, answer)

    def _is_missing(self, status: int, answer: Object) -> bool:
        """Return whether the API server itself says that this object does not exist.

        A 404 may also come from a proxy, or mean an API that is not served just now; such an answer names no object.
        """
        details = answer.get("details") if answer.get("reason") == "NotFound" else None
        about = (details.get("kind"), details.get("name")) if isinstance(details, dict) else None
        return status == 404 and about == (self.kind.resource, self.name)  # noqa: PLR2004

    def _check_answer(self, verb: str, status: int, answer: Object) -> Object:
        """Return the object of a 2xx answer; otherwise raise the error that it means."""
        if 200 <= status < 300 and self._is_ours(answer):  # noqa: PLR2004
            return answer
        raise self._build_error(verb, self.title, status, answer, self._advise(verb))

    def _is_ours(self, answer: Object) -> bool:
        """Return whether an answer is the requested object, and not a proxy's page."""
        metadata = answer.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return (answer.get("kind"), name) == (self.kind.name, self.name)

    def _advise(self, verb: str) -> str:
        if verb == "create" and not self.advice:
            return f"{self.title} is not there: apply 210-checkpoint.yaml again, or let a Role allow create"
        return self.advice or f"a Role must allow get and update on {self.title}"


@dataclass(frozen=True, slots=True)
class KubernetesCollection(KubernetesEndpoint):
    """The objects of one kind in one namespace."""

    def read_all(self, label: str, value: str) -> list[Object]:
        """Return the objects with a label, from the API server's cache: they may be some moments old."""
        query = {"labelSelector": f"{label}={value}", "resourceVersion": "0"}
        status, answer = self._request("GET", self._collection, query=query)
        about, kind = f"{self.kind.resource} in namespace {self.namespace}", f"{self.kind.name}List"
        items = answer.get("items")
        if status != 200 or answer.get("kind") != kind or not isinstance(items, list):  # noqa: PLR2004
            raise self._build_error("list", about, status, answer, self._advice)
        # Within a list the API server leaves out what is the same for all; a write has to say it.
        return [{"apiVersion": self.kind.api_version, "kind": self.kind.name, **item} for item in items]

    def locate(self, name: str) -> KubernetesObject:
        """Return a handle on the object with this name."""
        return KubernetesObject(self.client, self.kind, self.namespace, self.setting, self.timeout, name, self._advice)

    @property
    def _advice(self) -> str:
        what = f"all {self.kind.resource} of namespace {self.namespace}"
        return f"a Role must allow list, get, create and update on {what}"


def parse_body(body: bytes) -> Object:
    """Read the JSON object of an answer; anything else, such as a proxy's page, becomes the ``message`` of one."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    return answer if isinstance(answer, dict) else {"message": quote_line(body, 200)}


def find_api_proxy(configuration: Configuration) -> Proxy | None:
    """Return the proxy to the API server, None if there is none. Raises ConfigurationError.

    The ``kubernetes`` package has read the same variables, ALL_PROXY, and ``proxy-url`` in a kubeconfig.
    """
    parts, given = urlsplit(configuration.host), configuration.proxy
    if not given or is_bypassed(parts.hostname or "", port_of(parts), configuration.no_proxy or ""):
        return None
    names = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    variable = next((name for name in names if os.environ.get(name) == given), "proxy-url in KUBECONFIG")
    check_proxy(variable, given, parts.hostname or "")
    return Proxy(given, variable)


def create_tls_context(configuration: Configuration) -> ssl.SSLContext:
    """Create the context that urllib3 adds the cluster's authority to; its own is as strict as the Python version."""
    context = relax_verification(create_urllib3_context())
    if not configuration.ssl_ca_cert and not configuration.ca_cert_data:
        context.load_default_certs()
    return context


class Cluster:
    """An API server, our credentials there, and the default namespace."""

    def __init__(self, configuration: Configuration, namespace: str) -> None:
        # The callers retry. A retry here could repeat a write that was carried out, and find a conflict.
        configuration.retries = False
        proxy = find_api_proxy(configuration)
        if proxy is None:
            configuration.proxy = None  # the package's own reading of NO_PROXY knows fewer forms
        else:
            configuration.proxy_headers = configuration.proxy_headers or dict(proxy.headers)
            log.info("the API server is reached through a proxy", server=configuration.host, proxy=str(proxy))
        configuration.connection_pool_maxsize = THREADS  # beyond that, each request would begin with a connection
        self._client = ApiClient(configuration)
        if configuration.verify_ssl:
            self._client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = create_tls_context(configuration)
        self._namespace = namespace

    def locate(self, kind: ObjectKind, address: str, setting: str, timeout: float = API_TIMEOUT) -> KubernetesObject:
        """Return a handle on the object with this address, ``[namespace/]name``; nothing is sent yet."""
        namespace, _, name = address.rpartition("/")
        return KubernetesObject(self._client, kind, namespace or self._namespace, setting, timeout, name)

    def locate_all(
        self, kind: ObjectKind, namespace: str, setting: str, timeout: float = API_TIMEOUT
    ) -> KubernetesCollection:
        """Return a handle on the objects of a kind in a namespace, the default one if it is empty."""
        return KubernetesCollection(self._client, kind, namespace or self._namespace, setting, timeout)


def connect() -> Cluster:
    """Configure the cluster in KUBECONFIG, else the one that this pod runs in, else the one in ``~/.kube/config``.

    Nothing is sent yet. Raises ConfigurationError.
    """
    file, configuration = os.environ.get("KUBECONFIG"), Configuration()
    if not file and "KUBERNETES_SERVICE_HOST" in os.environ:
        return connect_in_cluster(SERVICE_ACCOUNT)
    try:
        load_kube_config(file, client_configuration=configuration)
        context = list_kube_config_contexts(file)[1]["context"]
    except (ConfigException, YAMLError, OSError, TypeError, AttributeError) as exc:  # the last two: another shape
        raise ConfigurationError(f"KUBECONFIG: no usable kubeconfig found, and not running in a pod: {exc}") from exc
    return Cluster(configuration, context.get("namespace") or "default")


def connect_in_cluster(folder: Path) -> Cluster:
    """Configure the cluster that this pod runs in, by its mounted service account. Raises ConfigurationError."""
    token, configuration = folder / "token", Configuration()
    loader = InClusterConfigLoader(str(token), str(folder / "ca.crt"), try_refresh_token=False)

    def read_token(configuration: Configuration) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {token.read_text().strip()}"

    try:
        loader.load_and_set(configuration)
        namespace = (folder / "namespace").read_text().strip()
    except (ConfigException, OSError) as exc:
        raise ConfigurationError(f"cannot use the pod's service account in {folder}: {exc}") from exc
    # Called before each request: the kubelet rotates the token, usually every hour.
    configuration.refresh_api_key_hook = read_token  # type: ignore[assignment]  # declared as None alone
    return Cluster(configuration, namespace)
