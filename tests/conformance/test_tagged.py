"""``vcenter-source tagged`` against vcsim, which speaks the older dialect of REST alone."""

import ssl
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from pyVim.connect import Disconnect, SmartConnect

from tests.conformance import vcsim
from tests.support.processes import clean_environment

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(120)]

LOGIN = {"VCENTER_USERNAME": "user", "VCENTER_PASSWORD": "pass", "VCENTER_INSECURE": "true"}
TAGGING = "/rest/com/vmware/cis/tagging"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with vcsim.run_vcsim(vcsim.binary()) as address:
        yield address


def machine(url: str) -> str:
    """The id of a virtual machine."""
    host, _, port = url.removeprefix("https://").removesuffix("/sdk").partition(":")
    context = ssl._create_unverified_context()
    connection = SmartConnect(host=host, port=int(port), user="user", pwd="pass", sslContext=context)
    try:
        return str(connection.content.rootFolder.childEntity[0].vmFolder.childEntity[0]._GetMoId())
    finally:
        Disconnect(connection)


def tag_a_machine_and_what_is_none(url: str) -> None:
    base = url.removesuffix("/sdk")
    with httpx.Client(base_url=base, verify=False, trust_env=False) as client:
        token = client.post("/rest/com/vmware/cis/session", auth=("user", "pass")).json()["value"]
        client.headers["vmware-api-session-id"] = token
        spec = {"name": "events", "description": "", "cardinality": "MULTIPLE", "associable_types": []}
        category = client.post(f"{TAGGING}/category", json={"create_spec": spec}).json()["value"]
        spec = {"name": "created", "description": "", "category_id": category}
        tag = client.post(f"{TAGGING}/tag", json={"create_spec": spec}).json()["value"]
        for moid in (machine(url), "vm-0"):
            body = {"object_id": {"type": "VirtualMachine", "id": moid}}
            client.post(f"{TAGGING}/tag-association/id:{tag}?~action=attach", json=body).raise_for_status()


def tagged(url: str, tag: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vcenter_source", "tagged", tag],
        env=clean_environment(VCENTER_URL=url, **LOGIN),
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_carries_a_tag_is_listed_also_when_it_is_gone(url: str) -> None:
    tag_a_machine_and_what_is_none(url)
    done = tagged(url, "events/created")
    assert (done.returncode, done.stderr) == (0, "")
    gone, there = (line.split("\t") for line in done.stdout.splitlines())
    assert gone == ["VirtualMachine", "vm-0", ""]
    assert there[0] == "VirtualMachine"
    assert there[2].startswith("DC0_")
    missing = tagged(url, "events/craeted")
    assert (missing.returncode, "did you mean created?" in missing.stderr) == (1, True)
