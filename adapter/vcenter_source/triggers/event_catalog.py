"""What the adapter's events can be: their types, and what else their attributes hold (see ``events.conversion``)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from vcenter_source.events.adapter_events import GAP_TYPE, PING_TYPE
from vcenter_source.events.catalog import NAMED_BY_ID, all_classes, event_class
from vcenter_source.events.formats import TYPE_PREFIX, EventFormat
from vcenter_source.events.metadata import object_types, vsphere_type
from vcenter_source.triggers.conditions import Shape, Values

_JSON = Values(frozenset({"application/json"}))


@dataclass(frozen=True)
class World:
    """The events of one EVENT_FORMAT. ``ids`` are the event type ids that a vCenter lists, empty if none was asked.

    ``extensions`` are the attributes that K_CE_OVERRIDES adds, with whatever value.
    """

    event_format: EventFormat = "vcenter"
    ids: frozenset[str] = frozenset()
    extensions: Collection[str] = field(default=())

    @cached_property
    def classes(self) -> dict[str, str]:
        """CloudEvents type -> class, of every class that a type stands for, base classes included."""
        return {self.type_of(name): name for name in all_classes() if name not in NAMED_BY_ID}

    @cached_property
    def types(self) -> list[str]:
        """Every type that is known to be sent, sorted."""
        sent = (each for each, name in self.classes.items() if not event_class(name).abstract)
        return sorted([*sent, GAP_TYPE, PING_TYPE, *map(self.type_of_id, self.ids)])

    @cached_property
    def shapes(self) -> list[Shape]:
        """What the attributes of each kind of event can be."""
        return list(self._shapes())

    @cached_property
    def attributes(self) -> list[str]:
        """Every attribute that an event can have."""
        return sorted({name for shape in self.shapes for name in shape})

    def type_of(self, class_name: str) -> str:
        """The type of an event class."""
        return event_class(class_name).type if self.event_format == "vcenter" else f"com.vmware.vsphere.{class_name}.v0"

    def type_of_id(self, event_type_id: str) -> str:
        """The type of an EventEx or ExtendedEvent with this eventTypeId."""
        return f"{TYPE_PREFIX}ex.{event_type_id}" if self.event_format == "vcenter" else self.type_of(event_type_id)

    def _shapes(self) -> Iterator[Shape]:
        own = {"eventclass": one("adapter"), "partitionkey": one("adapter")}
        yield self._shape(type=one(GAP_TYPE), eventname=one("Gap"), **own)
        yield self._shape(type=one(PING_TYPE), eventname=one("Ping"), **own)
        for name, each in all_classes().items():
            lineage = one(",".join(each.lineage))
            if name in NAMED_BY_ID:
                yield self._shape(**self._any_type("ex."), eventclass=one(name.lower()), eventancestors=lineage)
            elif not each.abstract:
                named = {"type": one(self.type_of(name)), "eventname": one(name), "eventclass": one("event")}
                yield self._shape(**named, eventancestors=lineage, subject=_subject(name))
        newer = Values(tail=",Event")
        yield self._shape(**self._any_type("unknown."), eventclass=one("event"), eventancestors=newer)

    def _any_type(self, within: str) -> dict[str, Values]:
        """Events whose type and name no table has."""
        if self.event_format == "veba":
            return {"type": Values(heads=("com.vmware.vsphere.",), tail=".v0"), "eventname": Values()}
        return {"type": Values(heads=(TYPE_PREFIX + within,)), "eventname": Values()}

    def _shape(self, **own: Values) -> Shape:
        """What all events have, plus what is ``own`` to these."""
        common = {
            "specversion": one("1.0"),
            "id": Values(),
            "source": Values(heads=("https://", "http://"), tail="/sdk"),
            "subject": Values(optional=True),
            "time": Values(),
            "datacontenttype": _JSON,
            "datamediatype": _JSON,  # Knative's filters know it, though it is no attribute
            "severitytext": Values(frozenset({"INFO", "WARN", "ERROR"})),
            "vsphereapiversion": Values(),
            "partitionkey": Values(),
            "traceparent": Values(heads=("00-",), optional=True),
            "tracestate": Values(optional=True),
        }
        added = {name: Values(optional=True) for name in (*self.extensions, *_BROKERS_OWN)}
        return common | own | added


# What a Broker's ingress adds, and what events carry that come out of a dead letter.
_BROKERS_OWN = ("knativearrivaltime", "knativeerrordest", "knativeerrorcode", "knativeerrordata")


def event_type_ids(named: Mapping[str, str]) -> frozenset[str]:
    """Those of these names that are no classes: the event type ids, which have a dot."""
    return frozenset(name for name in named if "." in name and name not in all_classes())


def one(value: str) -> Values:
    """An attribute that is always the same."""
    return Values(frozenset({value}))


def subject_types(class_name: str) -> list[str]:
    """The types of object that an event of this class can be about, the likeliest first; ``ManagedEntity`` is any."""
    return list(dict.fromkeys(_type_at(class_name, path) for path in event_class(class_name).subjects))


def _type_at(class_name: str, path: tuple[str, ...]) -> str:
    for step in path:
        known = vsphere_type(class_name)
        declared = known.properties.get(step) if known else None
        class_name = declared.type_name if declared else ""
    return class_name


def _subject(class_name: str) -> Values:
    types = (each for declared in subject_types(class_name) for each in object_types(declared))
    return Values(heads=tuple(f"{each}:" for each in types) or ("",), optional=True)
