"""Event collectors and waiting for events, through pyVmomi's own client against a running simulator."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from tests.support import loopback
from tests.support.simulator_control import post_events, read_state
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator, service_instance
from vcenter_simulator.vmomi import wire_name

Query = vmodl.query.PropertyCollector
Filter = vim.event.EventFilterSpec


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with run_simulator(backlog=40) as made:
        yield made


@pytest.fixture(scope="module")
def past() -> Iterator[Any]:
    """A session on a simulator where nothing happens but the 40 events before it and its own login."""
    with run_simulator(backlog=40) as made, service_instance(made) as session:
        yield session


def entity(service: Any, path: str) -> Any:
    found = service.content.searchIndex.FindByInventoryPath(path)
    assert found is not None
    return found


def watch(service: Any, obj: Any, *paths: str) -> Any:
    spec = Query.FilterSpec(
        objectSet=[Query.ObjectSpec(obj=obj)], propSet=[Query.PropertySpec(type=type(obj), pathSet=list(paths))]
    )
    return service.content.propertyCollector.CreateFilter(spec, True)


def wait(service: Any, version: str, seconds: int) -> Any:
    return service.content.propertyCollector.WaitForUpdatesEx(version, Query.WaitOptions(maxWaitSeconds=seconds))


def test_a_collector_reads_from_the_oldest_and_goes_on_after_the_end(simulator: Simulator, service: Any) -> None:
    collector = service.content.eventManager.CreateCollectorForEvents(Filter())
    keys = [event.key for event in collector.ReadNextEvents(30)] + [event.key for event in collector.ReadNextEvents(30)]
    assert keys == list(range(1, 42))
    assert list(collector.ReadNextEvents(30)) == []
    post_events(simulator, 2)
    assert [event.key for event in collector.ReadNextEvents(30)] == [42, 43]


def test_the_backlog_is_about_as_many_objects_as_are_asked_for() -> None:
    with run_simulator(backlog=4 * 20 + 4, objects=20) as made, service_instance(made) as session:
        manager = session.content.eventManager
        posted = manager.QueryEvents(Filter(eventTypeId=["VmPoweredOnEvent"]))
        machines = [event.vm.vm._moId for event in posted]
        assert (len(machines), len(set(machines))) == (21, 20)
        names = {each.name for each in (event.vm.vm for event in posted)}
        assert {"web-1", "batch-1", "vm-0", "vm-15"} <= names, "each is in the inventory"


def test_the_backlog_is_dated_in_the_past(past: Any) -> None:
    events = past.content.eventManager.QueryEvents(Filter())
    assert past.CurrentTime() - events[0].createdTime > timedelta(seconds=39)
    assert len({event.createdTime for event in events}) == 41


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_page_has_one_to_a_thousand_events(past: Any, count: int) -> None:
    collector = past.content.eventManager.CreateCollectorForEvents(Filter())
    for read in (collector.ReadNextEvents, collector.ReadPreviousEvents, collector.SetCollectorPageSize):
        with pytest.raises(vmodl.fault.InvalidArgument) as wrong:
            read(count)
        assert wrong.value.invalidProperty == "maxCount"


def selected(service: Any, spec: Any) -> list[Any]:
    return list(service.content.eventManager.CreateCollectorForEvents(spec).ReadNextEvents(1000))


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (Filter(eventTypeId=["VmPoweredOnEvent"]), {"VmPoweredOnEvent"}),
        (Filter(eventTypeId=["com.vmware.vc.vm.VmStateRevertedToSnapshot"]), {"EventEx"}),
        (Filter(eventTypeId=["VmEvent"]), set()),
        (Filter(type=[vim.event.VmEvent]), {"VmPoweredOnEvent"}),
        (Filter(category=["user"]), set()),
        (Filter(userName=Filter.ByUsername(systemUser=False, userList=["nobody"])), set()),
    ],
)
def test_filters_by_type_category_and_user(past: Any, spec: Any, names: set[str]) -> None:
    assert {wire_name(type(event)) for event in selected(past, spec)} == names


def test_filters_by_time(past: Any) -> None:
    everything = selected(past, Filter())
    begin, end = everything[10].createdTime, everything[19].createdTime
    keys = [event.key for event in selected(past, Filter(time=Filter.ByTime(beginTime=begin, endTime=end)))]
    assert keys == list(range(11, 21))


def test_filters_by_chain_and_maximum(service: Any) -> None:
    machine = entity(service, "DC0/vm/web-1")
    machine.PowerOnVM_Task()
    chain = selected(service, Filter())[-1].chainId
    assert len(selected(service, Filter(eventChainId=chain))) == 3
    collector = service.content.eventManager.CreateCollectorForEvents(Filter(maxCount=7))
    assert len(collector.latestPage) == 7


@pytest.mark.parametrize(
    ("path", "recursion", "machines"),
    [
        ("DC0/vm/web-1", "self", {"web-1"}),
        ("DC0/vm/web-1", "all", {"web-1"}),
        ("DC0/vm/web-1", "children", set()),
        ("DC0/host/Cluster0/esx-1", "children", {"web-1", "db-1"}),
        ("DC0/host/Cluster0/esx-1", "self", set()),
        ("DC0/host/Cluster0/Resources/production", "all", {"web-1", "web-2"}),
        ("DC0/vm", "children", {"web-1", "web-2", "db-1", "batch-1"}),
    ],
)
def test_filters_by_entity(past: Any, path: str, recursion: str, machines: set[str]) -> None:
    spec = Filter(entity=Filter.ByEntity(entity=entity(past, path), recursion=recursion))
    assert {event.vm.name for event in selected(past, spec)} == machines


def test_the_root_folder_has_every_event_and_a_missing_entity_none(past: Any) -> None:
    by_root = Filter(entity=Filter.ByEntity(entity=past.content.rootFolder, recursion="all"))
    assert len(selected(past, by_root)) == 41
    by_nothing = Filter(entity=Filter.ByEntity(entity=vim.VirtualMachine("vm-999"), recursion="all"))
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        selected(past, by_nothing)


def test_full_messages_can_be_left_out(past: Any) -> None:
    assert {event.fullFormattedMessage for event in selected(past, Filter(disableFullMessage=True))} == {None}


def test_the_latest_page_follows_and_its_size_changes_nothing_else(simulator: Simulator, service: Any) -> None:
    collector = service.content.eventManager.CreateCollectorForEvents(Filter())
    assert [event.key for event in collector.latestPage] == list(range(41, 31, -1))
    collector.ReadNextEvents(5)
    collector.SetCollectorPageSize(3)
    post_events(simulator)
    assert [event.key for event in collector.latestPage] == [42, 41, 40]
    assert collector.ReadNextEvents(1)[0].key == 6
    assert collector.filter.entity is None


def test_reset_and_rewind_move_the_position_as_the_reference_says(past: Any) -> None:
    collector = past.content.eventManager.CreateCollectorForEvents(Filter())
    collector.ReadNextEvents(20)
    collector.RewindCollector()
    assert collector.ReadNextEvents(1)[0].key == 1
    collector.ResetCollector()
    assert [event.key for event in collector.ReadPreviousEvents(3)] == [31, 30, 29]
    collector.ResetCollector()
    assert [event.key for event in collector.ReadNextEvents(1000)] == list(range(32, 42))
    assert [event.key for event in collector.ReadPreviousEvents(1000)] == list(range(41, 0, -1))
    assert list(collector.ReadPreviousEvents(1000)) == []


def test_a_session_has_32_collectors_and_they_die_with_it(simulator: Simulator, service: Any) -> None:
    manager = service.content.eventManager
    collectors = [manager.CreateCollectorForEvents(Filter()) for _ in range(manager.maxCollector)]
    with pytest.raises(vim.fault.InvalidState):
        manager.CreateCollectorForEvents(Filter())
    collectors[0].DestroyCollector()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        collectors[0].ReadNextEvents(1)
    manager.CreateCollectorForEvents(Filter())
    with service_instance(simulator) as other:
        foreign = vim.event.EventHistoryCollector(collectors[1]._moId, other._stub)
        with pytest.raises(vmodl.fault.ManagedObjectNotFound):
            foreign.ReadNextEvents(1)
        other.content.eventManager.CreateCollectorForEvents(Filter())
    assert read_state(simulator)["collectors"] == 32


def test_a_matching_event_wakes_the_wait_at_once(simulator: Simulator, service: Any) -> None:
    collector = service.content.eventManager.CreateCollectorForEvents(Filter(eventTypeId=["VmPoweredOnEvent"]))
    watch(service, collector, "latestPage")
    first = wait(service, "", 0)
    change = first.filterSet[0].objectSet[0].changeSet[0]
    assert (change.name, change.op, len(change.val)) == ("latestPage", "assign", 10)
    assert wait(service, first.version, 0) is None
    posted: list[float] = []

    def power_on() -> None:
        posted.append(time.monotonic())
        post_events(simulator, 4)

    with threading_timer(0.2, power_on):
        update = wait(service, first.version, 30)
    woken = time.monotonic()
    assert woken - posted[0] < 5, "not by the event"
    assert update.filterSet[0].objectSet[0].changeSet[0].val[0].key > 41


class threading_timer(threading.Timer):  # noqa: N801  used like a function
    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_exc: object) -> None:
        self.join()


def test_an_event_that_does_not_match_wakes_nobody(simulator: Simulator, service: Any) -> None:
    collector = service.content.eventManager.CreateCollectorForEvents(Filter(eventTypeId=["HostAddedEvent"]))
    watch(service, collector, "latestPage")
    version = wait(service, "", 0).version
    with threading_timer(0.1, post_events, [simulator, 10]):
        assert wait(service, version, 1) is None


def test_a_wait_is_cancelled_by_another_call(service: Any) -> None:
    watch(service, entity(service, "DC0"), "name")
    version = wait(service, "", 0).version
    with threading_timer(0.5, service.content.propertyCollector.CancelWaitForUpdates):  # it must wait by then
        started = time.monotonic()
        with pytest.raises(vmodl.fault.RequestCanceled):
            wait(service, version, 30)
    assert time.monotonic() - started < 5


def test_a_wait_ends_with_its_session(simulator: Simulator, service: Any) -> None:
    watch(service, entity(service, "DC0"), "name")
    version = wait(service, "", 0).version
    expire = {"fault": "expire-sessions"}
    later = threading_timer(0.1, loopback.post, [f"{simulator.base}/simulator/faults"], {"json": expire})
    with later, pytest.raises(vim.fault.NotAuthenticated):
        wait(service, version, 30)


def test_changes_of_the_inventory_are_told_once_and_again_from_the_last_version(service: Any) -> None:
    machine = entity(service, "DC0/vm/web-1")
    made = watch(service, machine, "name", "runtime.powerState")
    first = wait(service, "", 0)
    assert first.filterSet[0].objectSet[0].kind == "enter"
    machine.PowerOnVM_Task()
    second = wait(service, first.version, 0)
    change = second.filterSet[0].objectSet[0]
    assert (change.kind, [(each.name, each.val) for each in change.changeSet]) == (
        "modify",
        [("runtime.powerState", "poweredOn")],
    )
    again = wait(service, first.version, 0)
    assert again.filterSet[0].objectSet[0].changeSet[0].val == "poweredOn"
    with pytest.raises(vmodl.query.InvalidCollectorVersion):
        wait(service, "99", 0)
    made.Destroy()
    assert wait(service, again.version, 0) is None


def test_an_object_that_goes_leaves_the_filter(service: Any) -> None:
    pool = entity(service, "DC0/host/Cluster0/Resources/test")
    watch(service, pool, "name")
    version = wait(service, "", 0).version
    pool.Destroy_Task()
    assert wait(service, version, 0).filterSet[0].objectSet[0].kind == "leave"


def test_property_collectors_are_independent(simulator: Simulator, service: Any) -> None:
    own = service.content.propertyCollector.CreatePropertyCollector()
    machine = entity(service, "DC0")
    spec = Query.FilterSpec(
        objectSet=[Query.ObjectSpec(obj=machine)], propSet=[Query.PropertySpec(type=vim.Datacenter, all=True)]
    )
    own.CreateFilter(spec, False)
    assert own.CheckForUpdates("").filterSet
    assert service.content.propertyCollector.CheckForUpdates("") is None
    own.Destroy()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        own.CheckForUpdates("")


def test_events_arrive_at_the_rate_asked_for() -> None:
    with run_simulator(rate=500) as simulator:
        history = simulator.vcenter.events.history
        while not len(history):
            time.sleep(0.01)
        begun, before = time.monotonic(), len(history)
        time.sleep(1)  # the rate is one of real time
        assert 300 < (len(history) - before) / (time.monotonic() - begun) < 700


def test_the_events_of_the_rate_are_of_some_twenty_kinds() -> None:
    with run_simulator(rate=500) as simulator:
        history = simulator.vcenter.events.history
        while len(history) < 8 * 20:
            time.sleep(0.01)
        posted = [record.body for record in history.after(0)][: 8 * 20]
    categories = {name: body.category for body in posted for name in body.names}
    kinds = {tuple(sorted(body.names)) for body in posted}
    assert len(kinds) == 20
    assert {"warning", "error", "info"} == set(categories.values())
    assert len({body.about for body in posted if "VmPoweredOffEvent" in body.names}) == 4, "each VM in turn"
