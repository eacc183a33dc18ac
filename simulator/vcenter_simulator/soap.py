"""SOAP outwards: pyVmomi's own serializer, so that the types on the wire are genuine, with ready event XML."""

from io import StringIO
from typing import Any

from vcenter_simulator.event_page import EventPage, SingleEvent
from vcenter_simulator.vmomi import API_VERSION, NAMESPACE, VERSION, types, wire, wire_name

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<soapenv:Body>\n'
)
_TAIL = "\n</soapenv:Body>\n</soapenv:Envelope>"


class Writer(wire.SoapSerializer):  # type: ignore[misc]  # it has no annotations
    """pyVmomi's serializer, knowing records and writing references in anyType as vCenter does."""

    def __init__(self, out: StringIO, version: str = VERSION) -> None:
        super().__init__(out, version, {**wire.SOAP_NSMAP, NAMESPACE: ""})
        self.outermostAttrs = ""

    def _Serialize(self, val: Any, info: Any, defNS: str) -> None:  # noqa: N802,N803  pyVmomi's names
        untyped = info.type is object
        if isinstance(val, EventPage):
            self._write_page(val, info.name, untyped=untyped)
        elif isinstance(val, SingleEvent):
            self.writer.write(val.__dict__["record"].xml(info.name))
        elif untyped and isinstance(val, types.ManagedObject):
            self.writer.write(
                f'<{info.name} type="{wire_name(type(val))}" xsi:type="ManagedObjectReference">{val._GetMoId()}'  # noqa: SLF001  pyVmomi's only way
                f"</{info.name}>"
            )
        else:
            super()._Serialize(val, info, defNS)

    def _write_page(self, page: EventPage, tag: str, *, untyped: bool) -> None:
        if untyped:
            self.writer.write(f'<{tag} xsi:type="ArrayOfEvent">')
        name = "Event" if untyped else tag
        self.writer.writelines(record.xml(name, full_message=page.full_message) for record in page)
        if untyped:
            self.writer.write(f"</{tag}>")


def serialise(value: Any, tag: str, kind: Any = object, version: str = VERSION) -> str:
    """A value as XML in an element of this name; with an xsi:type wherever ``kind`` does not say it already."""
    out = StringIO()
    Writer(out, version).Serialize(value, types.Object(name=tag, type=kind, version=version, flags=types.F_OPTIONAL))
    return out.getvalue()


def _envelope(body: str) -> bytes:
    return f"{_HEAD}{body}{_TAIL}".encode()


class SoapWire:
    """SOAP as a way to write an answer down: the HTTP status and the body."""

    name = "soap"
    media_type = "text/xml; charset=utf-8"

    def write_result(self, method: str, kind: Any, result: Any) -> tuple[int, bytes]:
        """Write what a method gave back."""
        return 200, response(method, kind, result)

    def write_fault(self, error: Any) -> tuple[int, bytes]:
        """Write the fault that a method ended with."""
        return 500, fault(error)


def response(method: str, kind: Any, result: Any) -> bytes:
    """The answer to a method whose result has this type; a result of None is an answer without a value."""
    value = "" if result is None else serialise(result, "returnval", kind)
    return _envelope(f'<{method}Response xmlns="{NAMESPACE}">{value}</{method}Response>')


def fault(error: Any) -> bytes:
    """A SOAP fault with the pyVmomi fault in its detail."""
    name = wire_name(type(error))
    message = error.msg or name
    error.msg = None  # said in faultstring; the detail has no such field
    out = StringIO()
    writer = Writer(out)
    writer.SerializeFaultDetail(error, types.Object(name=f"{name}Fault", type=object, version=VERSION, flags=0))
    detail = out.getvalue().replace(f"<{name}Fault", f'<{name}Fault xmlns="{NAMESPACE}"', 1)
    error.msg = message
    return _envelope(
        f"<soapenv:Fault><faultcode>ServerFaultCode</faultcode>{serialise(message, 'faultstring', str)}"
        f"<detail>{detail}</detail></soapenv:Fault>"
    )


def service_versions() -> bytes:
    """vimServiceVersions.xml: what a client asks first, to choose the API version that it speaks."""
    prior = "".join(f"<version>{number}</version>" for number in ("8.0.2.0", "8.0.1.0", "8.0.0.1", "7.0.3.0", "6.7.3"))
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<namespaces version="1.0"><namespace>'
        f"<name>{NAMESPACE}</name><version>{API_VERSION}</version><priorVersions>{prior}</priorVersions>"
        "</namespace></namespaces>"
    ).encode()


def service_description(address: str) -> bytes:
    """vimService.wsdl: where the service is. The types are the client's own."""
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"'
        ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" targetNamespace="urn:vim25Service">'
        '<import location="vim.wsdl" namespace="urn:vim25"/><service name="VimService"><port name="VimPort">'
        f'<soap:address location="{address}"/></port></service></definitions>'
    ).encode()
