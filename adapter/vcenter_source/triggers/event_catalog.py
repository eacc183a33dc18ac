"""What the adapter's events can be: their types, and what else their attributes hold (see ``events.conversion``)."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from vcenter_source.events.adapter_events import GAP_TYPE, PING_TYPE
from vcenter_source.events.catalog import NAMED_BY_ID, all_classes, event_class
from vcenter_source.events.formats import EVENT_ID_PREFIX, TYPE_PREFIX, VEBA_PREFIX, EventFormat, veba_type
from vcenter_source.events.metadata import object_types, vsphere_type
from vcenter_source.triggers.conditions import AttributeDomains, Domain

_JSON = Domain(frozenset({"application/json"}))
# What a Broker's ingress adds, and what the events carry that come out of a dead letter.
_BROKER_ATTRIBUTES = ("knativearrivaltime", "knativeerrordest", "knativeerrorcode", "knativeerrordata")


@dataclass(frozen=True)
class EventCatalog:
    """The events of one EVENT_FORMAT.

    ``ids`` are the event type ids that a vCenter lists, empty if none was asked. ``extensions`` are the attributes that
    K_CE_OVERRIDES adds, with any value.
    """

    event_format: EventFormat = "vcenter"
    ids: frozenset[str] = frozenset()
    extensions: Collection[str] = field(default=())

    @cached_property
    def classes(self) -> dict[str, str]:
        """The class of each CloudEvents type that stands for a class, base classes included."""
        return {self.type_of(name): name for name in all_classes() if name not in NAMED_BY_ID}

    @cached_property
    def types(self) -> list[str]:
        """Every type that is known to be sent, sorted."""
        sent = (type_ for type_, name in self.classes.items() if not event_class(name).abstract)
        return sorted([*sent, GAP_TYPE, PING_TYPE, *map(self.type_of_id, self.ids)])

    @cached_property
    def kinds(self) -> list[AttributeDomains]:
        """The kinds of event, each as what its attributes can be."""
        return list(self._build_kinds())

    @cached_property
    def attributes(self) -> list[str]:
        """Every attribute that an event can have."""
        return sorted({name for kind in self.kinds for name in kind})

    def type_of(self, class_name: str) -> str:
        """Return the type of an event class."""
        return event_class(class_name).type if self.event_format == "vcenter" else veba_type(class_name)

    def type_of_id(self, event_type_id: str) -> str:
        """Return the type of an EventEx or ExtendedEvent with this eventTypeId."""
        return f"{EVENT_ID_PREFIX}{event_type_id}" if self.event_format == "vcenter" else veba_type(event_type_id)

    def id_of(self, type_name: str) -> str | None:
        """Return the eventTypeId in the type of an EventEx or ExtendedEvent; None for a type of another form."""
        before, _, after = self.type_of_id("*").partition("*")
        if not (type_name.startswith(before) and type_name.endswith(after)):
            return None
        return type_name.removeprefix(before).removesuffix(after)

    def _build_kinds(self) -> Iterator[AttributeDomains]:
        adapter = {"eventclass": constant("adapter"), "partitionkey": constant("adapter")}
        yield self._kind(type=constant(GAP_TYPE), eventname=constant("Gap"), **adapter)
        yield self._kind(type=constant(PING_TYPE), eventname=constant("Ping"), **adapter)
        for name, entry in all_classes().items():
            lineage = constant(",".join(entry.lineage))
            if name in NAMED_BY_ID:
                eventclass = constant(name.lower())
                yield self._kind(**self._any_type(EVENT_ID_PREFIX), eventclass=eventclass, eventancestors=lineage)
            elif not entry.abstract:
                own = {"type": constant(self.type_of(name)), "eventname": constant(name)}
                yield self._kind(
                    **own, eventclass=constant("event"), eventancestors=lineage, subject=_subject_domain(name)
                )
        newer = Domain(suffix=",Event")
        unknown = self._any_type(f"{TYPE_PREFIX}unknown.")
        yield self._kind(**unknown, eventclass=constant("event"), eventancestors=newer)

    def _any_type(self, prefix: str) -> dict[str, Domain]:
        """Return the domains of events whose type and name are in no table."""
        if self.event_format == "veba":
            return {"type": Domain(prefixes=(VEBA_PREFIX,), suffix=".v0"), "eventname": Domain()}
        return {"type": Domain(prefixes=(prefix,)), "eventname": Domain()}

    def _kind(self, **own: Domain) -> AttributeDomains:
        """Return what the attributes of all events can be, with those of one kind."""
        common = {
            "specversion": constant("1.0"),
            "id": Domain(),
            "source": Domain(prefixes=("https://", "http://"), suffix="/sdk"),
            "subject": Domain(optional=True),
            "time": Domain(),
            "datacontenttype": _JSON,
            "datamediatype": _JSON,  # Knative's filters know it, though it is no attribute
            "severitytext": Domain(frozenset({"INFO", "WARN", "ERROR"})),
            "vsphereapiversion": Domain(),
            "partitionkey": Domain(),
            "vcentername": Domain(optional=True),
            "traceparent": Domain(prefixes=("00-",), optional=True),
            "tracestate": Domain(optional=True),
        }
        added = {name: Domain(optional=True) for name in (*self.extensions, *_BROKER_ATTRIBUTES)}
        return common | own | added


def event_type_ids(names: Collection[str]) -> frozenset[str]:
    """Select those of vCenter's names that are event type ids: they have a dot, and are not classes."""
    return frozenset(name for name in names if "." in name and name not in all_classes())


def constant(value: str) -> Domain:
    """Return the domain of an attribute that is always the same."""
    return Domain(frozenset({value}))


def subject_types(class_name: str) -> list[str]:
    """List the object types that an event of this class can be about, the likeliest first; ``ManagedEntity`` is any."""
    return list(dict.fromkeys(_type_at(class_name, path) for path in event_class(class_name).subjects))


def _type_at(class_name: str, path: tuple[str, ...]) -> str:
    for step in path:
        vsphere = vsphere_type(class_name)
        declared = vsphere.properties.get(step) if vsphere else None
        class_name = declared.type_name if declared else ""
    return class_name


def _subject_domain(class_name: str) -> Domain:
    types = (derived for base in subject_types(class_name) for derived in object_types(base))
    return Domain(prefixes=tuple(f"{type_}:" for type_ in types) or ("",), optional=True)
