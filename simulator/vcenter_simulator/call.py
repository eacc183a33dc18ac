"""One call of a method, as its handler sees it."""

from dataclasses import dataclass
from typing import Any, Protocol

from vcenter_simulator.inventory import Entity
from vcenter_simulator.sessions import Session
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import reference, vim, vim_type, vmodl, wire_name


class Managed(Protocol):
    """Whatever has a managed object reference."""

    @property
    def type(self) -> str:
        """The type's name on the wire."""

    @property
    def moid(self) -> str:
        """The managed object id."""


@dataclass(frozen=True, slots=True)
class Singleton:
    """A managed object that each vCenter has one of, and that has no state of its own."""

    type: str
    moid: str


class MalformedError(Exception):
    """The request is not valid SOAP or JSON; the message says why."""


class Request(Protocol):
    """One call as it came in. ``method`` is its name on the wire; ``Fetch`` reads a single property."""

    @property
    def method(self) -> str:
        """The method's name on the wire."""

    @property
    def kind(self) -> str:
        """The type of the object called."""

    @property
    def moid(self) -> str:
        """The id of the object called."""

    def read_arguments(self, info: Any) -> list[Any]:
        """The arguments in the method's own order, None for what is not given.

        Raises InvalidRequest for what is wrong.
        """

    def read_property(self) -> str:
        """The property that ``Fetch`` reads."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: the session's token, None without one, the address and the User-Agent."""

    token: str | None
    address: str
    agent: str


@dataclass(slots=True)
class Call:
    """``target`` is the object called. A handler that logs in sets ``session``; its cookie then goes out.

    ``cookie`` is what the client sent. The first answer that it gets gives it one, which is its session's after it has
    logged in (vSphere Web Services SDK Programming Guide: RetrieveServiceContent establishes the HTTP session).
    """

    vcenter: Vcenter
    session: Session | None
    target: Any
    address: str = "127.0.0.1"
    agent: str = ""
    cookie: str | None = None

    @property
    def owner(self) -> Session:
        """The session of the call. Raises NotAuthenticated where there is none."""
        if self.session is None or self.session.ended:
            raise not_authenticated(self.target)
        return self.session

    def find_entity(self, of: Any) -> Entity:
        """The inventory object of a reference. Raises ManagedObjectNotFound."""
        entity = self.vcenter.inventory.objects.get(of._GetMoId())  # noqa: SLF001  pyVmomi's only way
        if entity is None:
            raise not_found(wire_name(type(of)), of._GetMoId())  # noqa: SLF001  as above
        return entity

    @property
    def user(self) -> str:
        """Who calls."""
        return self.owner.account.username


def not_authenticated(target: Managed) -> Any:
    """The fault of a call that needs a session and has none."""
    return vim.fault.NotAuthenticated(
        object=reference(target.type, target.moid), privilegeId="System.View", msg="The session is not authenticated."
    )


def not_found(kind: str, moid: str) -> Any:
    """The fault of a reference to something that is not there, or is there no more."""
    try:
        gone = reference(kind, moid)
    except KeyError:
        gone = vim_type("ManagedObject")(moid)
    return vmodl.fault.ManagedObjectNotFound(
        obj=gone, msg=f"The object '{kind}:{moid}' has already been deleted or has not been completely created"
    )
