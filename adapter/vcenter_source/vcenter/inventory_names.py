"""The names of objects in the inventory."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from pyVmomi import VmomiSupport, vim, vmodl

from vcenter_source.core.event import ManagedObjectReference
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.soap import SoapWire

NAMESPACE = "urn:vim25"


async def read_names(
    session: Session, references: Iterable[ManagedObjectReference]
) -> Mapping[ManagedObjectReference, str]:
    """Read the name of each object; one that is gone, or hidden from the account, is left out."""
    with session.errors():
        return await session.soap.run(partial(_read_names, session.soap, references))


def _read_names(wire: SoapWire, references: Iterable[ManagedObjectReference]) -> Mapping[ManagedObjectReference, str]:
    query = vmodl.query.PropertyCollector
    asked = [query.ObjectSpec(obj=entity) for entity in to_entities(wire, references)]
    names: dict[ManagedObjectReference, str] = {}
    if not asked:
        return names
    wanted = query.FilterSpec(
        propSet=[query.PropertySpec(type=vim.ManagedEntity, pathSet=["name"])],
        objectSet=asked,
        reportMissingObjectsInResults=True,
    )
    collector = wire.content.propertyCollector
    page = collector.RetrievePropertiesEx([wanted], query.RetrieveOptions())
    while page is not None:
        names |= {
            get_reference(content.obj): str(content.propSet[0].val) for content in page.objects if content.propSet
        }
        page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None
    return names


def to_entities(wire: SoapWire, references: Iterable[ManagedObjectReference]) -> Iterator[Any]:
    """Convert the references to inventory objects for pyVmomi; a tag may also be on an item of a content library."""
    for reference in references:
        try:
            kind = VmomiSupport.GetWsdlType(NAMESPACE, reference.type)
        except KeyError:
            continue
        if issubclass(kind, vim.ManagedEntity):
            yield kind(reference.value, wire.stub)


def get_reference(entity: Any) -> ManagedObjectReference:
    """Convert pyVmomi's object to a reference."""
    return ManagedObjectReference(VmomiSupport.GetWsdlName(type(entity)), entity._GetMoId())  # noqa: SLF001  the only way
