"""``vcenter-source tagged``: a real process against the simulator, whose tags are made over its REST API."""

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tests.support import loopback
from tests.support.processes import clean_environment, command
from tests.support.pytag import POOL, RestVcenter, rest_vcenter
from tests.support.terminal import show_at_terminal
from tests.support.vcenter import session
from tests.support.web_server import web_server
from vcenter_functions.login import Credentials
from vcenter_functions.net.tls import create_client_context
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD, READER
from vcenter_simulator.rest.dialect import DialectName
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import service_instance
from vcenter_source.core.errors import (
    AuthenticationError,
    VcenterRefusedError,
    VcenterSourceError,
    VcenterUnavailableError,
)
from vcenter_source.core.event import ManagedObjectReference
from vcenter_source.vcenter.inventory_names import read_names
from vcenter_source.vcenter.rest_response import MAX_RESPONSE_BYTES
from vcenter_source.vcenter.tags import MAX_PARALLEL_REQUESTS, Tags, open_tags

CATEGORY, TAG = "events", "created in spring"


@contextmanager
def rest(simulator: Simulator) -> Iterator[httpx.Client]:
    """A session of the administrator's with the simulator's REST API."""
    with loopback.Client(base_url=simulator.base, trust_env=False) as client:
        token = client.post("/api/session", auth=(ADMINISTRATOR, PASSWORD)).json()
        client.headers["vmware-api-session-id"] = token
        yield client


@pytest.fixture(scope="module")
def urn(simulator: Simulator) -> str:
    """A tag on a machine, a pool of the same name and a folder."""
    with rest(simulator) as client:
        spec = {"name": CATEGORY, "description": "", "cardinality": "MULTIPLE", "associable_types": []}
        category = client.post("/api/cis/tagging/category", json=spec).json()
        spec = {"name": TAG, "description": "", "category_id": category}
        made = str(client.post("/api/cis/tagging/tag", json=spec).json())
        client.post("/api/cis/tagging/tag", json={**spec, "name": "free"})
        for kind, moid, _ in carriers(simulator):
            body = {"object_id": {"type": kind, "id": moid}}
            client.post(f"/api/cis/tagging/tag-association/{made}?action=attach", json=body).raise_for_status()
        return made


def carriers(simulator: Simulator) -> list[tuple[str, str, str]]:
    """Type, id and name of an object of each of three types, as pyVmomi tells them."""
    with service_instance(simulator) as service:
        datacenter = service.content.rootFolder.childEntity[0]
        pool = datacenter.hostFolder.childEntity[0].resourcePool
        found = [datacenter.vmFolder, pool, datacenter.vmFolder.childEntity[0]]
        return [(type(each).__name__.rpartition(".")[2], each._GetMoId(), each.name) for each in found]


def account(simulator: Simulator, **settings: str) -> dict[str, str]:
    usual = {"VCENTER_URL": f"{simulator.base}/sdk", "VCENTER_USERNAME": READER, "VCENTER_PASSWORD": PASSWORD}
    return {**usual, **settings}


def tagged(simulator: Simulator, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return command("tagged", *arguments, **account(simulator, **settings))


def test_whoever_may_read_sees_what_carries_the_tag(simulator: Simulator, urn: str) -> None:
    done = tagged(simulator, f"{CATEGORY}/{TAG}")
    assert (done.returncode, done.stderr) == (0, "")
    expected = sorted(carriers(simulator))
    assert [kind for kind, _, _ in expected] == ["Folder", "ResourcePool", "VirtualMachine"]
    assert [tuple(line.split("\t")) for line in done.stdout.splitlines()] == expected


def test_programs_get_json_and_the_tag_may_be_its_urn(simulator: Simulator, urn: str) -> None:
    done = tagged(simulator, urn, "--json")
    assert done.returncode == 0, done.stderr
    rows = [{"type": kind, "moid": moid, "name": name} for kind, moid, name in sorted(carriers(simulator))]
    assert [json.loads(line) for line in done.stdout.splitlines()] == rows


def test_people_get_a_table(simulator: Simulator, urn: str) -> None:
    environment = clean_environment(**account(simulator, TERM="dumb", COLUMNS="100"))
    lines = show_at_terminal(environment, "tagged", f"{CATEGORY}/{TAG}").splitlines()
    assert lines[0].split() == ["type", "moid", "name"]
    assert len(lines) == 4


def test_a_tag_on_nothing_is_no_failure(simulator: Simulator, urn: str) -> None:
    done = tagged(simulator, f"{CATEGORY}/free")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def fails(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """In one line that has these words."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("vcenter-source: ")
    assert [word for word in words if word not in line] == [], line
    assert PASSWORD not in line


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("evnets/created", "has no category evnets that this account may see; did you mean events?"),
        ("other/created", "has no category other that this account may see; there is events"),
        (
            f"{CATEGORY}/created in sprng",
            "no tag created in sprng in the category events that this account may see; did you mean created in",
        ),
        (
            f"{CATEGORY}/other",
            "no tag other in the category events that this account may see; there is created in spring, free",
        ),
        ("urn:vmomi:InventoryServiceTag:1:GLOBAL", "no tag urn:vmomi:InventoryServiceTag:1:GLOBAL"),
    ],
)
def test_a_tag_that_is_not_there_is_named_with_its_neighbours(
    simulator: Simulator, urn: str, tag: str, message: str
) -> None:
    fails(tagged(simulator, tag), 1, message)


@pytest.mark.parametrize("tag", ["created", "events/", "/created", "urn:vmomi:InventoryServiceTag:1"])
def test_what_is_no_tag_is_a_wrong_setting(simulator: Simulator, tag: str) -> None:
    fails(tagged(simulator, tag), 2, f"'{tag}' does not name a tag", "category/name")


def test_a_wrong_password_and_a_missing_address_are_named(simulator: Simulator, urn: str) -> None:
    fails(tagged(simulator, "a/b", VCENTER_PASSWORD="no"), 1, "VCENTER_PASSWORD")
    fails(tagged(simulator, "a/b", VCENTER_URL=""), 2, "VCENTER_URL")


def test_what_stands_at_a_mistyped_address_is_no_vcenter(simulator: Simulator) -> None:
    with web_server(200, b"<html>") as address:
        fails(tagged(simulator, "a/b", VCENTER_URL=address), 1, "check VCENTER_URL")


@pytest.fixture(scope="module")
def vcenter() -> Iterator[RestVcenter]:
    """The REST side alone, which can be made to answer otherwise."""
    with rest_vcenter() as made:
        yield made


def tags_at(vcenter: RestVcenter) -> AbstractContextManager[Tags]:
    return open_tags(f"{vcenter.base}/sdk", Credentials(READER, SecretStr(PASSWORD)), create_client_context())


@pytest.mark.parametrize("dialect", ["api", "rest"])
def test_both_dialects_are_spoken_and_the_session_is_ended(vcenter: RestVcenter, dialect: DialectName) -> None:
    vcenter.renew((dialect,))
    made = vcenter.tag("owner", "pytag")
    vcenter.tagging.attach(made.id, POOL)
    with tags_at(vcenter) as tags:
        assert tags.tags_of(tags.categories()["owner"]) == {"pytag": made.id}
        assert tags.objects_with(made.id) == [ManagedObjectReference(*POOL)]
        assert tags.objects_with("urn:vmomi:InventoryServiceTag:1:GLOBAL") is None
    assert (vcenter.requests[-1].method, vcenter.requests[-1].url.path.split("/")[1]) == ("DELETE", dialect)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 415])
def test_a_log_in_that_api_does_not_take_is_tried_at_rest(vcenter: RestVcenter, status: int) -> None:
    vcenter.renew(("rest",))
    made = vcenter.tag("owner", "pytag")
    vcenter.answers.append(("/api/session", Response(status_code=status)))
    with tags_at(vcenter) as tags:
        assert tags.tags_of(tags.categories()["owner"]) == {"pytag": made.id}
    vcenter.answers += [("/session", Response(status_code=status))] * 2
    with pytest.raises(VcenterUnavailableError, match=f"has no REST API.* answers {status}"), tags_at(vcenter):
        pass


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (Response(status_code=403), VcenterRefusedError, "refuses to show its tags: the account needs the role Read-"),
        (Response(status_code=401), AuthenticationError, "refuses the user name or password"),
        (Response(status_code=503), VcenterUnavailableError, "answers 503 to GET /api/cis/tagging/category"),
        (JSONResponse(7), VcenterUnavailableError, "does not answer like a vCenter"),
        (Response(b"<html>"), VcenterUnavailableError, "does not answer like a vCenter"),
        (HTMLResponse("<html>", 404), VcenterUnavailableError, "does not answer like a vCenter"),
        (HTMLResponse("<html>", 403), VcenterUnavailableError, "does not answer like a vCenter"),
        (Response(status_code=404), VcenterUnavailableError, "has no categories to ask for; is it still starting"),
        (JSONResponse("abc"), VcenterUnavailableError, "does not answer like a vCenter"),
        (JSONResponse([".."]), VcenterUnavailableError, "does not answer like a vCenter"),
        (Response(), VcenterUnavailableError, "does not answer like a vCenter"),
        (Response(b" " * (MAX_RESPONSE_BYTES + 1)), VcenterUnavailableError, "does not answer like a vCenter"),
    ],
)
def test_what_vcenter_refuses_is_named(
    vcenter: RestVcenter, answer: Response, kind: type[VcenterSourceError], message: str
) -> None:
    vcenter.renew()
    vcenter.answers.append(("/category", answer))
    with tags_at(vcenter) as tags, pytest.raises(kind, match=message):
        tags.categories()


@pytest.mark.parametrize("answer", [JSONResponse([7]), JSONResponse({"name": 7}), JSONResponse([{"type": "x"}])])
@pytest.mark.parametrize("at", ["/category/", "list-tags-for-category", "list-attached-objects"])
def test_an_answer_of_another_form_is_none_of_vcenters(vcenter: RestVcenter, answer: Response, at: str) -> None:
    vcenter.renew()
    made = vcenter.tag("owner", "pytag")

    def in_its_place(request: Request) -> None:
        if at in f"{request.url.path}?{request.url.query}":
            vcenter.answers.append(("", answer))

    vcenter.hook = in_its_place

    def read_all() -> None:
        with tags_at(vcenter) as tags:
            tags.tags_of(tags.categories()["owner"])
            tags.objects_with(made.id)

    with pytest.raises(VcenterUnavailableError, match="does not answer like a vCenter"):
        read_all()


@pytest.mark.parametrize("dialect", ["api", "rest"])
def test_an_id_stays_one_segment_of_the_path(vcenter: RestVcenter, dialect: DialectName) -> None:
    vcenter.renew((dialect,))
    with tags_at(vcenter) as tags:
        assert tags.objects_with("urn:vmomi:InventoryServiceTag:a/../b?c#d:GLOBAL") is None
    path = vcenter.requests[-2].scope["raw_path"].decode()
    assert path.endswith("urn:vmomi:InventoryServiceTag:a%2F..%2Fb%3Fc%23d:GLOBAL")


def test_a_page_at_api_is_followed_by_rest(vcenter: RestVcenter) -> None:
    vcenter.renew(("rest",))
    vcenter.answers.append(("/api/session", HTMLResponse("<html>")))
    with tags_at(vcenter) as tags:
        assert tags.categories() == {}


def test_several_categories_are_asked_for_at_once(vcenter: RestVcenter) -> None:
    vcenter.renew()
    names_of = [vcenter.tagging.create_category(f"category-{n}").name for n in range(40)]
    vcenter.delay = 0.01
    with tags_at(vcenter) as tags:
        assert list(tags.categories()) == names_of
    assert 1 < vcenter.most <= MAX_PARALLEL_REQUESTS


def test_a_vcenter_without_rest_is_named(vcenter: RestVcenter) -> None:
    vcenter.renew(())
    with pytest.raises(VcenterUnavailableError, match="has no REST API"), tags_at(vcenter):
        pass


def test_what_is_gone_or_of_no_inventory_has_no_name(simulator: Simulator) -> None:
    (kind, moid, name), *_ = carriers(simulator)
    there = ManagedObjectReference(kind, moid)
    gone, book = ManagedObjectReference("VirtualMachine", "vm-0"), ManagedObjectReference("com.vmware.Item", "1")
    alarms = ManagedObjectReference("AlarmManager", "AlarmManager")
    one = session(simulator.base)

    async def read(*references: ManagedObjectReference) -> Mapping[ManagedObjectReference, str]:
        try:
            await one.log_in()
            return await read_names(one, references)
        finally:
            await one.log_out()

    assert asyncio.run(read(gone, there, book, alarms)) == {there: name}
    assert asyncio.run(read(book)) == {}
