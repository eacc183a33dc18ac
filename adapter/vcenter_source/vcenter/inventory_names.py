"""The names of objects in the inventory. Calls block: see ``client``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyVmomi import VmomiSupport, vim, vmodl

from vcenter_source.core.event import ManagedObjectReference
from vcenter_source.vcenter.session import Session

NAMESPACE = "urn:vim25"


def read_names(session: Session, references: Iterable[ManagedObjectReference]) -> Mapping[ManagedObjectReference, str]:
    """Read the name of each object; one that is gone, or hidden from the account, is left out."""
    query = vmodl.query.PropertyCollector
    asked = [query.ObjectSpec(obj=entity) for entity in to_entities(session, references)]
    names: dict[ManagedObjectReference, str] = {}
    if not asked:
        return names
    wanted = query.FilterSpec(
        propSet=[query.PropertySpec(type=vim.ManagedEntity, pathSet=["name"])],
        objectSet=asked,
        reportMissingObjectsInResults=True,
    )
    collector = session.content.propertyCollector
    with session.errors():
        page = collector.RetrievePropertiesEx([wanted], query.RetrieveOptions())
        while page is not None:
            names |= {
                get_reference(content.obj): str(content.propSet[0].val) for content in page.objects if content.propSet
            }
            page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None
    return names


def to_entities(session: Session, references: Iterable[ManagedObjectReference]) -> Iterator[Any]:
    """Convert the references to inventory objects for pyVmomi; a tag may also be on an item of a content library."""
    for reference in references:
        try:
            kind = VmomiSupport.GetWsdlType(NAMESPACE, reference.type)
        except KeyError:
            continue
        if issubclass(kind, vim.ManagedEntity):
            yield kind(reference.value, session.stub)


def get_reference(entity: Any) -> ManagedObjectReference:
    """Convert pyVmomi's object to a reference."""
    return ManagedObjectReference(VmomiSupport.GetWsdlName(type(entity)), entity._GetMoId())  # noqa: SLF001  the only way
