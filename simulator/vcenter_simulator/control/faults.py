"""The faults that a test may inject by name, each with the options of its JSON body."""

from collections.abc import Callable

from vcenter_simulator.accounts import Lockout
from vcenter_simulator.control.options import Options
from vcenter_simulator.event_manager import EventCollector
from vcenter_simulator.faults import Fault
from vcenter_simulator.history import Body
from vcenter_simulator.vcenter import Vcenter

MOST_BYTES = 100_000_000
"""The largest event that may be asked for."""

# A class, a property and an enum value that no client has types for.
_UNKNOWN = Body(
    "VmQuantumEntangledEvent",
    "<userName>administrator@vsphere.local</userName>"
    '<datacenter><name>DC0</name><datacenter type="Datacenter">datacenter-2</datacenter></datacenter>'
    '<vm><name>web-1</name><vm type="VirtualMachine">vm-15</vm></vm>'
    "<fullFormattedMessage>web-1 on esx-1 in DC0 is entangled</fullFormattedMessage><template>false</template>"
    '<entanglement xsi:type="QuantumEntanglementInfo"><qubits>2</qubits><peer type="VirtualMachine">vm-16</peer>'
    "</entanglement><spin>strange</spin>"
    '<powerState xsi:type="VirtualMachinePowerState">superposed</powerState>',
    ',"userName":"administrator@vsphere.local","datacenter":{"_typeName":"DatacenterEventArgument","name":"DC0",'
    '"datacenter":{"_typeName":"ManagedObjectReference","type":"Datacenter","value":"datacenter-2"}},'
    '"vm":{"_typeName":"VmEventArgument","name":"web-1",'
    '"vm":{"_typeName":"ManagedObjectReference","type":"VirtualMachine","value":"vm-15"}},'
    '"fullFormattedMessage":"web-1 on esx-1 in DC0 is entangled","template":false,'
    '"entanglement":{"_typeName":"QuantumEntanglementInfo","qubits":2,'
    '"peer":{"_typeName":"ManagedObjectReference","type":"VirtualMachine","value":"vm-16"}},'
    '"spin":"strange","powerState":"superposed"}',
    names=frozenset({"VmQuantumEntangledEvent"}),
    kinds=frozenset({"VmQuantumEntangledEvent", "VmEvent", "Event"}),
    user="administrator@vsphere.local",
    about="vm-15",
    within=frozenset({"datacenter-2", "group-v3", "group-d1"}),
)


def _expire_sessions(vcenter: Vcenter, _options: Options) -> None:
    vcenter.sessions.close_all()


def _drop_connections(vcenter: Vcenter, options: Options) -> None:
    vcenter.faults.pending.append(Fault("drop", options.integer("count", 1), options.text("path", "/")))


def _answer_status(vcenter: Vcenter, options: Options) -> None:
    status = options.integer("status", 503, 400, 599)
    fault = Fault("status", options.integer("count", 1), options.text("path", "/"), status=status)
    vcenter.faults.pending.append(fault)


def _delay_answers(vcenter: Vcenter, options: Options) -> None:
    fault = Fault("delay", options.integer("count", 1), options.text("path", "/"), seconds=options.seconds())
    vcenter.faults.pending.append(fault)


def _cut_connections(vcenter: Vcenter, options: Options) -> None:
    vcenter.faults.cut(options.seconds())


def _lose_answers(vcenter: Vcenter, options: Options) -> None:
    fault = Fault("lose", options.integer("count", 1), method=options.text("method"))
    vcenter.faults.pending.append(fault)


def _trickle_answers(vcenter: Vcenter, options: Options) -> None:
    fault = Fault("trickle", options.integer("count", 1), seconds=options.seconds(), method=options.text("method"))
    vcenter.faults.pending.append(fault)


def _slow_down_pages(vcenter: Vcenter, options: Options) -> None:
    vcenter.faults.per_event = options.seconds()


def _delay_cookies(vcenter: Vcenter, _options: Options) -> None:
    vcenter.faults.late_cookies = True


def _become_host(vcenter: Vcenter, _options: Options) -> None:
    vcenter.is_host = True


def _speak_soap_only(vcenter: Vcenter, _options: Options) -> None:
    vcenter.releases = ()


def _refuse_logins(vcenter: Vcenter, options: Options) -> None:
    vcenter.accounts.refuse_logins(options.integer("count", 1))


def _lock_out(vcenter: Vcenter, options: Options) -> None:
    vcenter.accounts.lockout = Lockout(options.integer("failures", 5), options.seconds())


def _post_large_events(vcenter: Vcenter, options: Options) -> None:
    vcenter.load.post_large(options.integer("count", 1), options.integer("bytes", most=MOST_BYTES))


def _post_unknown_class(vcenter: Vcenter, _options: Options) -> None:
    vcenter.events.post_body(_UNKNOWN)


def _post_hidden_events(vcenter: Vcenter, options: Options) -> None:
    vcenter.load.post(options.integer("count"), hidden=True)


def _post_late_events(vcenter: Vcenter, options: Options) -> None:
    vcenter.load.post(options.integer("count", 1), late=options.seconds())


def _rewind_keys(vcenter: Vcenter, options: Options) -> None:
    vcenter.events.history.rewind_keys(options.integer("to", None, -(2**31), 2**31 - 1))


def _step_clock(vcenter: Vcenter, options: Options) -> None:
    vcenter.events.history.step_clock(options.number("seconds"))


def _destroy_collectors(vcenter: Vcenter, _options: Options) -> None:
    for session in vcenter.sessions:
        for collector in session.of_kind(EventCollector):
            del session.objects[collector.moid]


def _purge(vcenter: Vcenter, options: Options) -> None:
    vcenter.events.history.purge(options.integer("keep", least=0))


FAULTS: dict[str, Callable[[Vcenter, Options], None]] = {
    "expire-sessions": _expire_sessions,
    "drop-connections": _drop_connections,
    "status": _answer_status,
    "delay": _delay_answers,
    "cut-connections": _cut_connections,
    "lose-answers": _lose_answers,
    "trickle": _trickle_answers,
    "slow-pages": _slow_down_pages,
    "large-events": _post_large_events,
    "refuse-logins": _refuse_logins,
    "late-cookies": _delay_cookies,
    "esxi-host": _become_host,
    "soap-only": _speak_soap_only,
    "lock-out": _lock_out,
    "unknown-class": _post_unknown_class,
    "hide-events": _post_hidden_events,
    "late-events": _post_late_events,
    "rewind-keys": _rewind_keys,
    "step-clock": _step_clock,
    "destroy-collectors": _destroy_collectors,
    "purge": _purge,
}
