"""The adapter and pytag, unmodified, against a vCenter simulator that somebody else wrote."""

import json
import signal
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVim.task import WaitForTask
from pyVmomi import vim

from tests.conformance import vcsim
from tests.support.processes import process, wait_for_line
from tests.support.recording_sink import recording_sink

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(120)]

LOGIN = {"VCENTER_USERNAME": "user", "VCENTER_PASSWORD": "pass", "VCENTER_INSECURE": "true"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with vcsim.run_vcsim(vcsim.binary()) as address:
        yield address


@pytest.fixture
def vcenter(url: str) -> Iterator[Any]:
    context = ssl._create_unverified_context()
    host, _, port = url.removeprefix("https://").removesuffix("/sdk").partition(":")
    connection = SmartConnect(host=host, port=int(port), user="user", pwd="pass", sslContext=context)
    yield connection.content
    Disconnect(connection)


def first_of(vcenter: Any, kind: Any) -> Any:
    view = vcenter.viewManager.CreateContainerView(vcenter.rootFolder, [kind], recursive=True)
    found = view.view[0]
    view.Destroy()
    return found


def post_created(vcenter: Any, pool: Any) -> None:
    """vcsim posts no event when a resource pool is created, so this is the event vCenter would post."""
    about = vim.event.ResourcePoolEventArgument(name=pool.name, resourcePool=pool)
    event = vim.event.ResourcePoolCreatedEvent(
        key=0, chainId=0, createdTime=vcenter_time(vcenter), userName="", resourcePool=about, parent=about
    )
    vcenter.eventManager.PostEvent(event)


def vcenter_time(vcenter: Any) -> Any:
    return vim.ServiceInstance("ServiceInstance", vcenter.eventManager._stub).CurrentTime()


def test_a_first_look_prints_events_and_ends_cleanly_on_sigint(url: str) -> None:
    with process("vcenter_source", "run", "--sink", "-", VCENTER_URL=url, START_FROM="beginning", **LOGIN) as adapter:
        assert adapter.stdout is not None
        first = json.loads(adapter.stdout.readline())
        adapter.send_signal(signal.SIGINT)
        _, log = adapter.communicate(timeout=20)
    assert adapter.returncode == 0
    assert "Traceback" not in log
    assert first["type"].startswith("com.vmware.event.")
    assert first["source"] == url
    assert first["data"]["_typeName"] == first["eventname"]


def test_power_operations_arrive_in_order(url: str, vcenter: Any) -> None:
    vm = first_of(vcenter, vim.VirtualMachine)
    wanted = "VmPoweredOffEvent,VmPoweredOnEvent"
    with (
        recording_sink() as sink,
        process("vcenter_source", "run", VCENTER_URL=url, K_SINK=sink.url, EVENT_TYPES=wanted, **LOGIN) as adapter,
    ):
        wait_for_line(adapter, "reading events")
        WaitForTask(vm.PowerOff())
        WaitForTask(vm.PowerOn())
        arrived = [sink.take(), sink.take()]
    assert [event.get_type() for event in arrived] == [
        "com.vmware.event.vm.poweredoff",
        "com.vmware.event.vm.poweredon",
    ]
    assert {event.get_subject() for event in arrived} == {f"VirtualMachine:{vm._moId}"}


def test_a_resource_pool_is_tagged_over_rest(url: str, vcenter: Any) -> None:
    pool = first_of(vcenter, vim.ResourcePool)
    with process(
        "pytag", VCENTER_URL=url, TAG="demo/seen", TAG_CREATE="true", HOST="127.0.0.1", PORT="0", **LOGIN
    ) as pytag:
        assert pytag.stdout is not None
        address = pytag.stdout.readline().split()[-1]
        settings = {"VCENTER_URL": url, "K_SINK": address, "EVENT_TYPES": "com.vmware.event.resourcepool.created"}
        with process("vcenter_source", "run", **settings, **LOGIN) as adapter:
            wait_for_line(adapter, "reading events")
            post_created(vcenter, pool)
            wait_for_line(pytag, "tag attached")
    assert attached_tags(url, pool._moId) == ["seen"]


def attached_tags(url: str, pool: str) -> list[str]:
    base = url.removesuffix("/sdk") + "/rest/com/vmware/cis"
    with httpx.Client(verify=ssl._create_unverified_context()) as client:
        session = client.post(f"{base}/session", auth=("user", "pass")).json()["value"]
        client.headers["vmware-api-session-id"] = session
        about = {"object_id": {"type": "ResourcePool", "id": pool}}
        attached = client.post(f"{base}/tagging/tag-association?~action=list-attached-tags", json=about).json()["value"]
        return [client.get(f"{base}/tagging/tag/id:{tag}").json()["value"]["name"] for tag in attached]
