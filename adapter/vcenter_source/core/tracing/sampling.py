"""OpenTelemetry's samplers: whether a trace is recorded is decided first, from its id and its parent alone. Pure."""

from collections.abc import Callable, Mapping

from vcenter_source.core.tracing.spans import Span

Sampler = Callable[[bytes, Span | None], bool]
"""Decides on a span by the id of its trace, and the parent; None for a root."""

_PARENT_BASED = "parentbased_"


def choose_sampler(environ: Mapping[str, str]) -> Sampler:
    """Return the sampler of OTEL_TRACES_SAMPLER, whose value has been checked."""
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() or "parentbased_always_on"
    root = name.removeprefix(_PARENT_BASED)
    ratio = float(environ.get("OTEL_TRACES_SAMPLER_ARG") or 1) if root == "traceidratio" else float(root == "always_on")
    bound = round(ratio * 2**64)
    decide = {0: never, 2**64: always}.get(bound) or by_ratio(bound)
    return prefer_parent(decide) if name != root else decide


def always(_trace_id: bytes, _parent: Span | None) -> bool:
    """Record each trace."""
    return True


def never(_trace_id: bytes, _parent: Span | None) -> bool:
    """Record no trace."""
    return False


def by_ratio(bound: int) -> Sampler:
    """Return a sampler for a share of traces: those whose last 64 bits are below ``bound``, as all SDKs decide it."""
    return lambda trace_id, _: int.from_bytes(trace_id[8:]) < bound


def prefer_parent(root: Sampler) -> Sampler:
    """Return a sampler that does as the parent does, and without a parent as ``root``."""
    return lambda trace_id, parent: root(trace_id, None) if parent is None else parent.is_sampled
