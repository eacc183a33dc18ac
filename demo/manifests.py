"""The Broker and the Triggers in config/knative, read as kubectl apply -f does: files in name order."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from demo.filters import FilterError, check_trigger, describe, trigger_matches

_DURATION = re.compile(
    r"P(?!$)(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where PyYAML has it: eight times as fast
_SECONDS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


class ManifestError(ValueError):
    """A manifest that cannot be used. The message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One YAML document and where it stands, so that a message can point at it."""

    path: Path
    line: int
    document: Mapping[str, Any]

    @property
    def where(self) -> str:
        """Such as ``600-trigger.yaml:1``; the line is that of the document's first key."""
        return f"{self.path.name}:{self.line}"

    @property
    def kind(self) -> str:
        """Such as ``Trigger``."""
        return str(self.document.get("kind", ""))

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return str((self.document.get("metadata") or {}).get("name", ""))

    @property
    def namespace(self) -> str:
        """``metadata.namespace``, Kubernetes' ``default`` where it is left out."""
        return str((self.document.get("metadata") or {}).get("namespace", "default"))

    @property
    def spec(self) -> Mapping[str, Any]:
        """``spec``, empty where it is left out."""
        return self.document.get("spec") or {}


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery settings of a Broker or a Trigger: how often to try again, and how long to wait (seconds).

    ``dead_letter_sink`` is the Service or the address that gets what could not be delivered, empty where none is named.
    """

    retry: int = 0
    backoff_policy: str = "exponential"
    backoff_delay: float = 0.0
    dead_letter_sink: str = ""

    def delay(self, attempt: int) -> float:
        """Return the seconds before the retry that follows failed ``attempt`` (0 is the first).

        As Knative's code counts, not as its API comment says: linear's first retry comes at once.
        """
        factor = float(attempt) if self.backoff_policy == "linear" else 2.0**attempt
        return self.backoff_delay * factor


@dataclass(frozen=True, slots=True)
class Trigger:
    """A Trigger of our Broker: which events it wants, who gets them, and where it is written down."""

    name: str
    subscriber: str
    where: str
    spec: Mapping[str, Any]
    delivery: Delivery

    def wants(self, attributes: Mapping[str, str]) -> bool:
        """Tell whether its filter passes an event with these attributes."""
        return trigger_matches(self.spec, attributes)

    @property
    def filter_text(self) -> str:
        """The filter in one line."""
        return describe(self.spec)


@dataclass(frozen=True, slots=True)
class Broker:
    """The Broker and its Triggers. Its ingress is reached under ``/namespace/name``, as Knative's is."""

    name: str
    namespace: str
    triggers: tuple[Trigger, ...] = field(default=())

    @property
    def path(self) -> str:
        """The path of its ingress."""
        return f"/{self.namespace}/{self.name}"

    def find_triggers(self, attributes: Mapping[str, str]) -> list[Trigger]:
        """Return the Triggers that want an event with these attributes."""
        return [trigger for trigger in self.triggers if trigger.wants(attributes)]


def read_manifests(folder: Path) -> list[Manifest]:
    """Read every document of the folder's YAML files, in the order of kubectl apply -f.

    Raises ManifestError.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix in {".yaml", ".yml"})
    if not paths:
        raise ManifestError(f"no YAML files in {folder}")
    return [manifest for path in paths for manifest in documents(path)]


def load_broker(folder: Path) -> Broker:
    """Read the one Broker that the folder declares, with the Triggers that name it.

    Raises ManifestError.
    """
    manifests = read_manifests(folder)
    brokers = [manifest for manifest in manifests if manifest.kind == "Broker"]
    if len(brokers) != 1:
        raise ManifestError(f"{folder} declares {len(brokers)} Brokers; the local Broker plays exactly one")
    broker = brokers[0]
    own = _delivery(broker, Delivery())
    triggers = (m for m in manifests if m.kind == "Trigger" and m.spec.get("broker") == broker.name)
    return Broker(broker.name, broker.namespace, tuple(_trigger(manifest, own) for manifest in triggers))


def seconds(duration: str) -> float:
    """Parse an ISO 8601 duration such as ``PT0.5S``, into seconds. Months and years have no fixed length.

    Raises ValueError.
    """
    match = _DURATION.fullmatch(duration)
    if not match:
        raise ValueError(f"{duration!r} is not an ISO 8601 duration such as PT0.5S")
    return sum(float(value) * _SECONDS[unit] for unit, value in match.groupdict().items() if value)


def documents(path: Path) -> Iterator[Manifest]:
    """Read the documents of one YAML file. Raises ManifestError, and OSError."""
    loader = _Loader(path.read_text(encoding="utf-8"))
    try:
        while loader.check_node() and (node := loader.get_node()):
            document = loader.construct_document(node)
            if isinstance(document, Mapping):
                yield Manifest(path, node.start_mark.line + 1, document)
    except yaml.YAMLError as exc:
        raise ManifestError(f"{path.name}: {' '.join(str(exc).split())}") from exc
    finally:
        loader.dispose()


def _trigger(manifest: Manifest, inherited: Delivery) -> Trigger:
    try:
        check_trigger(manifest.spec)
    except FilterError as exc:
        raise ManifestError(f"{manifest.where}: Trigger {manifest.name}: {exc}") from exc
    ref = (manifest.spec.get("subscriber") or {}).get("ref") or {}
    if not ref.get("name"):
        raise ManifestError(f"{manifest.where}: Trigger {manifest.name} has no subscriber.ref.name")
    return Trigger(manifest.name, ref["name"], manifest.where, manifest.spec, _delivery(manifest, inherited))


def _delivery(manifest: Manifest, inherited: Delivery) -> Delivery:
    """Read a delivery. A Trigger's replaces its Broker's whole, so only a missing one inherits."""
    spec = manifest.spec.get("delivery")
    if not spec:
        return inherited
    unknown = sorted(set(spec) - {"retry", "backoffPolicy", "backoffDelay", "deadLetterSink"})
    if unknown:
        raise ManifestError(
            f"{manifest.where}: the local Broker does not support delivery.{', delivery.'.join(unknown)}"
        )
    policy = spec.get("backoffPolicy", "exponential")
    if policy not in {"linear", "exponential"}:
        raise ManifestError(f"{manifest.where}: delivery.backoffPolicy is linear or exponential, not {policy!r}")
    try:
        delay = seconds(str(spec.get("backoffDelay", "PT0S")))
        return Delivery(int(spec.get("retry", 0)), policy, delay, _dead_letter_sink(spec))
    except ValueError as exc:
        raise ManifestError(f"{manifest.where}: delivery: {exc}") from exc


def _dead_letter_sink(delivery: Mapping[str, Any]) -> str:
    """Return the Service or the address that it names. Raises ValueError."""
    sink = delivery.get("deadLetterSink")
    if sink is None:
        return ""
    named = (sink.get("ref") or {}).get("name") or sink.get("uri")
    if not named:
        raise ValueError("deadLetterSink has neither ref.name nor uri")
    return str(named)
