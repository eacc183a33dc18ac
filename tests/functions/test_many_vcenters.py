"""A function over several vCenters, those of VCENTERS_FILE: each over real HTTP, with the same ids of objects."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import Response
from structlog.testing import capture_logs

from pytag.settings import Settings
from tests.support.clock import Clock
from tests.support.kit import load_text, post, serve_handlers
from tests.support.pytag import POOL, RestVcenter, binary, pytag, rest_vcenter
from tests.support.pytag_process import post_event, pytag_environment, pytag_process, stop_pytag
from tests.support.waiting import eventually
from vcenter_functions.errors import OtherVcenterError, SettingsError
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.targets import REFRESH_SECONDS, Targets
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.sessions import VCenters
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD

REFERENCE = ManagedObjectReference(*POOL)
NONE: dict[str, str] = dict.fromkeys(("VCENTER_URL", "VCENTER_USERNAME", "VCENTER_PASSWORD", "VCENTER_ALIASES"), "")
Entry = dict[str, Any]


@pytest.fixture(scope="module")
def module_west() -> Iterator[RestVcenter]:
    with rest_vcenter() as vcenter:
        yield vcenter


@pytest.fixture
def west(module_west: RestVcenter) -> RestVcenter:
    module_west.renew()
    module_west.tag()
    return module_west


@pytest.fixture
def east(vcenter: RestVcenter) -> RestVcenter:
    vcenter.tag()
    return vcenter


class File:
    """A file of vCenters, which can be written anew."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, *entries: Entry) -> None:
        self.path.write_text(json.dumps(entries))

    def settings(self, **more: str) -> Settings:
        return Settings.load(TAG="owner/pytag", VCENTERS_FILE=str(self.path), **more)

    @contextmanager
    def pytag(self, **more: str) -> Iterator[httpx.Client]:
        with pytag("", None, VCENTERS_FILE=str(self.path), **NONE, **more) as client:
            yield client


def entry(name: str, base: str, password: str = PASSWORD) -> Entry:
    return {"name": name, "url": f"{base}/sdk", "username": ADMINISTRATOR, "password": password}


@pytest.fixture
def file(tmp_path: Path, east: RestVcenter, west: RestVcenter) -> File:
    """A file with two vCenters, east and west."""
    file = File(tmp_path / "vcenters.yaml")
    file.write(entry("east", east.base), entry("west", west.base))
    return file


def send(client: httpx.Client, source: str) -> httpx.Response:
    return client.post("/", headers=binary(ce_source=source))


def source(vcenter: RestVcenter) -> str:
    return f"{vcenter.base}/sdk"


def count_tags(*vcenters: RestVcenter) -> list[int]:
    return [len(vcenter.tagging.tags_on(POOL)) for vcenter in vcenters]


def test_a_tag_lands_in_the_vcenter_that_the_event_is_of(file: File, east: RestVcenter, west: RestVcenter) -> None:
    with file.pytag() as client:
        assert send(client, source(west)).status_code == 204
        assert count_tags(east, west) == [0, 1]
        assert send(client, source(east)).status_code == 204
        assert count_tags(east, west) == [1, 1]
    assert set(east.tagging.tags).isdisjoint(west.tagging.tags), "one tag has two ids, and each vCenter got its own"


def test_a_vcenter_that_no_event_was_of_is_not_logged_in_to(file: File, east: RestVcenter, west: RestVcenter) -> None:
    with file.pytag() as client:
        assert send(client, source(east)).status_code == 204
        assert (len(east.vcenter.sessions), west.requests) == (1, [])
    assert len(east.vcenter.sessions) == 0


def test_an_event_of_another_vcenter_is_refused_with_the_names_of_those_there_are(
    file: File, east: RestVcenter, west: RestVcenter
) -> None:
    with file.pytag() as client:
        refusal = send(client, "https://other.test/sdk")
    assert refusal.status_code == 422
    hosts = [vcenter.base.removeprefix("http://") for vcenter in (east, west)]
    assert refusal.json()["error"] == (
        f"the event is of the vCenter other.test, and VCENTERS_FILE has only east ({hosts[0]}), west ({hosts[1]}): "
        "add other.test to the file, or narrow the Trigger's filter to sources in it"
    )
    assert east.requests == west.requests == []


def test_an_event_that_names_no_vcenter_is_refused_if_there_are_several(file: File, east: RestVcenter) -> None:
    with file.pytag() as client:
        refusal = send(client, "/scripts/nightly")
        assert refusal.status_code == 422
        assert refusal.json()["error"].startswith("the event's source names no vCenter, and VCENTERS_FILE has several")
    file.write(entry("east", east.base))
    with file.pytag() as client:
        assert send(client, "/scripts/nightly").status_code == 204
    assert count_tags(east) == [1]


def test_a_long_list_is_cut_short_in_a_message(tmp_path: Path) -> None:
    file = File(tmp_path / "vcenters.yaml")
    file.write(*(entry(f"vc{number}", f"https://vc{number}") for number in range(12)))
    with pytest.raises(OtherVcenterError, match=r"has only vc0 \(vc0\), .*, vc9 \(vc9\) and 2 more: add"):
        VCenters(Targets(file.settings()), Tracing("test")).of("https://other.test/sdk")


def test_one_that_is_away_holds_up_no_other(file: File, east: RestVcenter) -> None:
    with rest_vcenter() as gone:
        base = gone.base
    file.write(entry("east", east.base), entry("gone", base))
    with file.pytag() as client:
        answers = [send(client, f"{base}/sdk"), send(client, source(east)), client.get("/readyz")]
    assert [answer.status_code for answer in answers] == [503, 204, 200]
    assert answers[2].text.startswith(f"ready\neast: ready\ngone: no answer from vCenter at {base}: ")


def test_without_any_that_answers_it_is_not_ready(file: File, east: RestVcenter, west: RestVcenter) -> None:
    for vcenter in (east, west):
        vcenter.answers.append(("/api/session", Response("<p>", 503, media_type="text/html")))
        vcenter.answers.append(("/rest/com", Response("<p>", 503, media_type="text/html")))
    with file.pytag() as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.text.startswith("no vCenter is ready: east: ")
        assert "is the url of west in VCENTERS_FILE a vCenter, and is it up?" in answer.text
        assert client.get("/readyz").text == "ready\neast: ready\nwest: ready\n"


def test_a_probe_does_not_wait_for_one_that_is_slow(file: File, west: RestVcenter) -> None:
    west.delay = 3.0
    with file.pytag(TIMEOUT="2") as client:
        began = time.monotonic()
        assert client.get("/readyz").text == "ready\neast: ready\nwest: no answer yet\n"
        assert client.get("/readyz").text == "ready\neast: ready\nwest: no answer yet\n"
        assert time.monotonic() - began < 1.5
        assert west.calls("/api/session") == 1, "it is asked again only when the last answer has come, or is overdue"
        west.delay = 0


def test_events_of_one_that_is_silent_take_no_slot_from_the_others(file: File, east: RestVcenter) -> None:
    with ThreadPoolExecutor(2) as senders, socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        file.write(entry("east", east.base), entry("silent", base))
        with file.pytag(MAX_CONCURRENCY="1") as client:
            waiting = [senders.submit(send, client, f"{base}/sdk") for _ in range(2)]
            connection, _ = silent.accept()
            assert send(client, source(east)).status_code == 204
            assert "vcenter_function_events_in_progress 1\n" in client.get("/metrics").text
            assert not any(each.done() for each in waiting)
            connection.close()
            silent.close()
            assert [each.result().status_code for each in waiting] == [503, 503]


def test_the_connectors_flat_body_goes_by_its_host(file: File, east: RestVcenter, west: RestVcenter) -> None:
    host = west.base.removeprefix("http://")
    reference = {"Type": POOL[0], "Value": POOL[1]}
    body = {"topic": "resource.pool.created", "source": host, "managedObjectReference": reference}
    with file.pytag() as client:
        assert client.post("/", json=body).status_code == 204
        assert client.post("/", json=body | {"source": "other.test"}).status_code == 422
    assert count_tags(east, west) == [0, 1]


def test_one_that_refuses_the_password_is_named(file: File, east: RestVcenter, west: RestVcenter) -> None:
    file.write(entry("east", east.base, password="wrong"), entry("west", west.base))
    with file.pytag() as client:
        refused, done, ready = send(client, source(east)), send(client, source(west)), client.get("/readyz")
    assert (refused.status_code, done.status_code, ready.status_code) == (503, 204, 200)
    why = "check the username and the password of east in VCENTERS_FILE; they are tried again in"
    assert why in refused.json()["error"]
    assert why in ready.text


def test_an_answer_that_is_not_vcenters_names_the_entry(file: File, east: RestVcenter) -> None:
    east.answers.append(("/category", Response("ok")))
    with file.pytag() as client:
        assert "is the url of east in VCENTERS_FILE right?" in send(client, source(east)).json()["error"]


def test_what_is_logged_of_an_event_names_its_vcenter(file: File, west: RestVcenter) -> None:
    with pytag_process(pytag_environment("", **NONE, VCENTERS_FILE=str(file.path))) as (running, url):
        assert post_event(url, ce_source=source(west)).status_code == 204
        _, _, lines = stop_pytag(running)
    assert [(line["vcenter"], line["event_id"]) for line in lines if line["event"] == "tag attached"] == [
        ("west", "42")
    ]


def test_a_repeated_event_is_one_of_the_same_vcenter(file: File, tmp_path: Path) -> None:
    seen: list[str] = []
    registry = load_text(tmp_path, "@on(once=True)\nasync def note(event):\n    seen.append(event.source)\n")
    registry.handlers[0].function.__globals__["seen"] = seen
    with serve_handlers(registry) as client:
        for host in ("east.test", "west.test", "east.test"):
            assert post(client, source=f"https://{host}/sdk").status_code == 204
    assert seen == ["https://east.test/sdk", "https://west.test/sdk"]


class World:
    """The sessions of a function, whose file is looked at when the clock goes on."""

    def __init__(self, file: File, **more: str) -> None:
        self.clock = Clock()
        self.targets = Targets(file.settings(**more), clock=self.clock)
        self.vcenters = VCenters(self.targets, Tracing("test"))

    async def tag(self, vcenter: RestVcenter) -> None:
        self.clock.now += REFRESH_SECONDS
        await self.vcenters.of(source(vcenter)).tags.attach(REFERENCE, "owner/pytag")


async def wait_for_log_out(vcenter: RestVcenter) -> None:
    await asyncio.to_thread(eventually, lambda: len(vcenter.vcenter.sessions) == 0)


def test_a_new_vcenter_works_and_one_that_is_gone_is_refused(file: File, east: RestVcenter, west: RestVcenter) -> None:
    file.write(entry("east", east.base))

    async def work() -> None:
        world = World(file, TIMEOUT="1")
        await world.tag(east)
        with pytest.raises(OtherVcenterError):
            await world.tag(west)
        file.write(entry("west", west.base))
        await world.tag(west)
        with pytest.raises(OtherVcenterError):
            await world.tag(east)
        await wait_for_log_out(east)
        assert len(west.vcenter.sessions) == 1
        await world.vcenters.close()
        assert len(west.vcenter.sessions) == 0

    asyncio.run(work())
    assert count_tags(east, west) == [1, 1]


def test_an_event_that_is_under_way_keeps_the_session_of_one_that_is_gone(
    file: File, east: RestVcenter, west: RestVcenter
) -> None:
    async def work() -> None:
        world = World(file)
        under_way = world.vcenters.of(source(east))
        await under_way.tags.attach(REFERENCE, "owner/pytag")
        file.write(entry("west", west.base))
        await world.tag(west)
        await under_way.tags.detach(REFERENCE, "owner/pytag")
        assert len(east.vcenter.sessions) == 1
        await world.vcenters.close()
        assert (len(east.vcenter.sessions), len(west.vcenter.sessions)) == (0, 0)

    asyncio.run(work())


def test_changed_credentials_are_used_at_the_next_log_in(file: File, east: RestVcenter) -> None:
    async def work() -> None:
        world = World(file)
        await world.tag(east)
        file.write(entry("east", east.base, password="wrong"))
        await world.tag(east)
        assert east.calls("/api/session") == 1, "the session goes on"
        file.write(entry("east", east.base))
        east.vcenter.sessions.close_all()
        await world.tag(east)
        assert east.calls("/api/session") == 2, "the log-in has neither tried the wrong password nor waited"
        await world.vcenters.close()

    asyncio.run(work())


def test_another_address_under_a_name_is_another_vcenter(file: File, east: RestVcenter, west: RestVcenter) -> None:
    file.write(entry("a", east.base))

    async def work() -> None:
        world = World(file, TIMEOUT="1")
        await world.tag(east)
        file.write(entry("a", west.base))
        await world.tag(west)
        await wait_for_log_out(east)
        await world.vcenters.close()

    asyncio.run(work())
    assert count_tags(east, west) == [1, 1]


def test_the_file_is_looked_at_once_a_second_at_most(file: File, east: RestVcenter, west: RestVcenter) -> None:
    clock = Clock()
    targets = Targets(file.settings(), clock=clock)
    file.write(entry("west", west.base))
    assert [target.name for target in targets.list()] == ["east", "west"]
    clock.now += REFRESH_SECONDS
    with capture_logs() as lines:
        assert [target.name for target in targets.list()] == ["west"]
    assert lines == [
        {"event": "the vCenters have changed", "log_level": "info", "added": [], "removed": ["east"]},
    ]


def test_a_broken_file_keeps_the_last_good_one_and_shows_in_readyz(file: File, east: RestVcenter) -> None:
    with file.pytag() as client, capture_logs() as lines:
        file.path.write_text("[]")
        eventually(lambda: "empty list" in client.get("/readyz").text)
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.text == (
            f"ready\neast: ready\nwest: ready\nVCENTERS_FILE: {file.path} is an empty list; "
            "write a list of vCenters, each with name, url, username and password\n"
        )
        assert send(client, source(east)).status_code == 204
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["the vCenters stay as they were"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"VCENTER_URL": "vc"}, "VCENTER_URL and VCENTERS_FILE are both set; unset one of them"),
        ({"GOVC_URL": "vc"}, "GOVC_URL and VCENTERS_FILE are both set; unset one of them"),
        ({"VCENTER_ALIASES": "vc"}, "VCENTER_ALIASES: other names of the vCenter of VCENTER_URL; with .* unset it"),
        ({"VCENTERS_FILE": "/nowhere"}, "VCENTERS_FILE: cannot read /nowhere: No such file or directory"),
        ({"VCENTERS_FILE": "/nowhere", "TAG": ""}, "VCENTERS_FILE: cannot read /nowhere: .*; TAG: not set"),
    ],
)
def test_settings_that_contradict_each_other_are_named(
    file: File, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], message: str
) -> None:
    for name, value in {"VCENTERS_FILE": str(file.path), "TAG": "owner/pytag", **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{message}"):
        Settings.load()


def test_a_password_in_the_file_shows_nowhere(file: File) -> None:
    targets = Targets(file.settings())
    assert PASSWORD not in repr((targets.list(), file.settings()))
