"""``vcenter-source function manifest``: all that a handler.py needs in a cluster, ready for kubectl apply -f -."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import yaml

from vcenter_functions.errors import HandlerError
from vcenter_functions.registry import Registry, load
from vcenter_source.commands.function.names import check_function_name
from vcenter_source.commands.function.sources import MAX_APPLIED_BYTES, read_source
from vcenter_source.commands.function.standard import IMAGE, NO_REGISTRY
from vcenter_source.commands.function.subscriptions import build_subscriptions
from vcenter_source.commands.function.variables import (
    check_assignments,
    check_values,
    describe_misspelt,
    list_own_variables,
    needs_vcenter,
    read_assignments,
    set_environment,
)
from vcenter_source.commands.function.workload import Workload
from vcenter_source.commands.output import print_lines
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.formats import EventFormat
from vcenter_source.triggers.builder import TriggerRequest, validate_name
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.values import ValueChecker


@dataclass(frozen=True, slots=True)
class ManifestRequest:
    """What the command is given. ``image`` has the handler; ``base_image`` is one that gets it from a ConfigMap.

    ``vcenters`` is the Secret with many vCenters, empty for the one of config/knative.
    """

    path: str
    image: str | None = None
    base_image: str | None = None
    name: str | None = None
    namespace: str = "vcenter-source"
    broker: str = "default"
    ksvc: bool = False
    environment: Sequence[str] = ()
    ports: Sequence[int] = ()
    event_format: EventFormat = "vcenter"
    vcenters: str = ""


@dataclass(frozen=True, slots=True)
class FunctionManifest:
    """The objects of a function, and what its user has to know about them."""

    objects: Sequence[dict[str, Any]]
    notes: Sequence[str]

    def format(self) -> str:
        """Return it as YAML; the notes are comments."""
        comments = "".join(f"# {note}\n" for note in self.notes)
        return comments + yaml.dump_all(self.objects, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def print_manifest(request: ManifestRequest, out: TextIO = sys.stdout, err: TextIO = sys.stderr) -> None:
    """Print the objects as YAML, and the notes on ``err``. Raises ConfigurationError."""
    manifest = build_manifest(request)
    print_lines(manifest.format().removesuffix("\n").split("\n"), out)
    for note in manifest.notes:
        print(f"vcenter-source: {note}", file=err)


def build_manifest(request: ManifestRequest) -> FunctionManifest:
    """Build the objects of a handler.py. Raises ConfigurationError where it cannot run in a cluster so."""
    if request.image and request.base_image:
        raise ConfigurationError("--image and --base-image: an image that has the handler gets no ConfigMap; name one")
    given = read_assignments(request.environment)
    registry = _load(request.path, given)
    path = Path(request.path)
    source = None if request.image else read_source(path / "handler.py" if path.is_dir() else path)
    variables = list_own_variables(registry)
    check_assignments(given, variables)
    check_values(given, registry)
    secrets = [variable for variable in variables if variable.is_secret]
    workload = Workload(
        _find_name(request, registry),
        validate_name("--namespace", request.namespace),
        request.image or request.base_image or IMAGE,
        source,
        given,
        needs_vcenter(registry),
        any(variable.is_required for variable in secrets) if secrets else None,
        request.ports,
        request.ksvc,
        validate_name("--vcenters", request.vcenters) if request.vcenters else "",
    )
    triggers = _build_triggers(request, registry, workload)
    notes = _describe_secret(workload, [variable.names[0] for variable in secrets])
    notes += describe_misspelt(given, variables)
    if NO_REGISTRY in workload.image:
        notes.append("no registry is set: --base-image says where vcenter-source-function is")
    if source is not None and source.size > MAX_APPLIED_BYTES:
        notes.append(f"the ConfigMap has {source.size} bytes: apply it with kubectl apply --server-side")
    return FunctionManifest([*workload.build(), *triggers], notes)


def _load(path: str, given: Mapping[str, str]) -> Registry:
    try:
        with redirect_stdout(sys.stderr), set_environment(given):  # it may print, and read variables
            return load(path)
    except HandlerError as exc:
        raise ConfigurationError(str(exc)) from exc


def _find_name(request: ManifestRequest, registry: Registry) -> str:
    if request.name is not None:
        return check_function_name("--name", request.name)
    name = registry.name.lower().replace("_", "-")
    try:
        return check_function_name("--name", name)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{request.path}: {exc}") from exc


def _build_triggers(request: ManifestRequest, registry: Registry, workload: Workload) -> list[dict[str, Any]]:
    subscriber = f"{'ksvc' if request.ksvc else 'svc'}/{workload.name}"
    template = TriggerRequest((), subscriber, request.broker, workload.namespace, workload.name)
    triggers = build_subscriptions(registry, template, ValueChecker(EventCatalog(request.event_format)))
    for trigger in triggers:
        trigger["metadata"]["labels"] = workload.labels
    return triggers


def _describe_secret(workload: Workload, names: Iterable[str]) -> list[str]:
    literals = " ".join(f"--from-literal={name}=…" for name in names)
    command = f"kubectl -n {workload.namespace} create secret generic {workload.name} {literals}"
    return [f"its secrets come from a Secret: {command}"] if literals else []


class _Dumper(yaml.SafeDumper):
    """Writes each object whole, and text of several lines as it is."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # YAML takes the first three for line ends as well, and folds them; only quoted they are what they are.
    style = '"' if set(text) & {"\x85", "\u2028", "\u2029", "\ufeff"} else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
