"""vcenter.tags and vcenter.rest: vCenter's REST API, against the simulator, on the wire."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pytag.settings import Settings
from tests.support.pytag import BOTH, POOL, RestVcenter, rest_vcenter, settings
from vcenter_functions.errors import (
    ForbiddenError,
    FunctionError,
    LoginRefusedError,
    NotFoundError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.tags import SETTLE_SECONDS, Tags
from vcenter_functions.vcenter.transport import create_http_client
from vcenter_simulator.accounts import READER
from vcenter_simulator.rest.dialect import DialectName

REFERENCE = ManagedObjectReference(*POOL)
NEW_POOL = ManagedObjectReference("ResourcePool", "resgroup-101")
"""The id that the simulator gives the next pool."""


async def no_sleep(_: float) -> None:
    pytest.fail("nothing to wait for")


class Session:
    """A client and its tags in one event loop, with a clock that stands still, and pytag's way to use them."""

    def __init__(self, given: Settings, sleep: Callable[[float], Awaitable[Any]] = no_sleep) -> None:
        self.now = 0.0
        telemetry = Tracing("pytag")
        self.client = VcenterClient(
            create_http_client(given.target), Account(given.credentials, clock=lambda: self.now), telemetry
        )
        self.tags = Tags(self.client, telemetry, maker="pytag", sleep=sleep)
        self._given = given

    async def attach(self, reference: ManagedObjectReference) -> None:
        await self.tags.attach(reference, self._given.tag, create=self._given.tag_create)

    async def detach(self, reference: ManagedObjectReference) -> None:
        await self.tags.detach(reference, self._given.tag)


def run(
    vcenter: RestVcenter,
    work: Callable[[Session], Awaitable[Any]],
    sleep: Callable[[float], Awaitable[Any]] = no_sleep,
    **given: Any,
) -> None:
    async def inner() -> None:
        session = Session(settings(vcenter.base, **given), sleep)
        try:
            await work(session)
        finally:
            await session.client.close()

    asyncio.run(inner())


def attach(session: Session) -> Awaitable[None]:
    return session.attach(REFERENCE)


def detach(session: Session) -> Awaitable[None]:
    return session.detach(REFERENCE)


def refused(
    vcenter: RestVcenter, kind: type[FunctionError], match: str, work: Any = attach, **given: Any
) -> FunctionError:
    with pytest.raises(kind, match=match) as caught:
        run(vcenter, work, **given)
    return caught.value


@pytest.mark.parametrize("dialects", [("api",), ("rest",)])
def test_a_tag_is_attached_and_detached_in_both_dialects(
    vcenter: RestVcenter, dialects: tuple[DialectName, ...]
) -> None:
    vcenter.renew(dialects)
    tag = vcenter.tag()
    run(vcenter, attach)
    run(vcenter, attach)
    assert vcenter.tagging.tags_on(POOL) == [tag.id]
    run(vcenter, detach)
    run(vcenter, detach)
    assert vcenter.tagging.tags_on(POOL) == []
    assert not len(vcenter.vcenter.sessions), "it logs out at the end"


@pytest.mark.parametrize("dialects", [("api",), ("rest",)])
def test_a_missing_tag_is_made_when_asked_for(vcenter: RestVcenter, dialects: tuple[DialectName, ...]) -> None:
    vcenter.renew(dialects)
    run(vcenter, attach, TAG_CREATE="true")
    (category,) = vcenter.tagging.categories.values()
    (tag,) = vcenter.tagging.tags.values()
    assert (category.name, category.cardinality, category.associable_types) == ("owner", "MULTIPLE", ())
    assert (tag.name, vcenter.tagging.tags_on(POOL)) == ("pytag", [tag.id])


def test_a_tag_is_made_in_a_category_that_is_there(vcenter: RestVcenter) -> None:
    vcenter.tag(name="other")
    run(vcenter, attach, TAG_CREATE="true")
    assert [tag.name for tag in vcenter.tagging.tags.values()] == ["other", "pytag"]


@pytest.mark.parametrize("resource", ["category", "tag"])
def test_what_another_replica_made_a_moment_before_is_used(vcenter: RestVcenter, resource: str) -> None:
    def make_it_first(request: Request) -> None:
        if request.method == "POST" and request.url.path.endswith(f"/{resource}") and not request.url.query:
            (category,) = vcenter.tagging.categories or [vcenter.tagging.create_category("owner").id]
            if resource == "tag":
                vcenter.tagging.create_tag(category, "pytag")

    vcenter.hook = make_it_first
    run(vcenter, attach, TAG_CREATE="true")
    (tag,) = vcenter.tagging.tags.values()
    assert vcenter.tagging.tags_on(POOL) == [tag.id]


def test_a_missing_tag_is_refused_otherwise(vcenter: RestVcenter) -> None:
    refused(vcenter, NotFoundError, "^vCenter has no category 'owner'; create it")
    vcenter.tag(name="other")
    refused(vcenter, NotFoundError, "^vCenter has no tag 'pytag' in the category 'owner'; create it")
    refused(vcenter, NotFoundError, "^vCenter has no tag", detach, TAG_CREATE="true")
    assert len(vcenter.tagging.tags) == 1


@pytest.mark.parametrize("dialects", [("api",), ("rest",)])
def test_a_tag_can_be_named_by_its_urn(vcenter: RestVcenter, dialects: tuple[DialectName, ...]) -> None:
    vcenter.renew(dialects)
    tag = vcenter.tag(category="a/b")
    run(vcenter, attach, TAG=tag.id)
    assert vcenter.tagging.tags_on(POOL) == [tag.id]
    vcenter.tagging.delete_tag(tag.id)
    refused(vcenter, NotFoundError, f"^vCenter has no tag {tag.id}", TAG=tag.id)


def test_one_login_and_one_look_up_serve_many_events(vcenter: RestVcenter) -> None:
    vcenter.tag()

    async def work(session: Session) -> None:
        await asyncio.gather(*(session.attach(REFERENCE) for _ in range(20)))

    run(vcenter, work)
    assert vcenter.calls("/api/session?") == 2  # in and out
    assert vcenter.calls("list-tags-for-category") == 1
    assert vcenter.calls("action=attach") == 20


def test_an_expired_session_is_opened_again_once(vcenter: RestVcenter) -> None:
    vcenter.tag()

    async def work(session: Session) -> None:
        await session.attach(REFERENCE)
        vcenter.vcenter.sessions.close_all()
        await asyncio.gather(*(session.detach(REFERENCE) for _ in range(10)))

    run(vcenter, work)
    assert vcenter.tagging.tags_on(POOL) == []
    assert vcenter.calls("/api/session?") == 3


def test_a_rotated_password_is_read_at_the_next_login(vcenter: RestVcenter, tmp_path: Any) -> None:
    vcenter.tag()
    (tmp_path / "username").write_text("administrator@vsphere.local")
    (tmp_path / "password").write_text("old")

    async def work(session: Session) -> None:
        with pytest.raises(
            LoginRefusedError, match=r"refuses the user name or password of administrator@vsphere\.local"
        ):
            await session.attach(REFERENCE)
        (tmp_path / "password").unlink()
        with pytest.raises(LoginRefusedError, match="VCENTER_SECRET_PATH: cannot read"):
            await session.attach(REFERENCE)
        (tmp_path / "password").write_text("VMware1!\n")
        await session.attach(REFERENCE)

    run(vcenter, work, VCENTER_SECRET_PATH=str(tmp_path))
    assert len(vcenter.tagging.tags_on(POOL)) == 1


def test_a_refused_password_is_not_tried_until_the_account_is_locked(vcenter: RestVcenter) -> None:
    async def work(session: Session) -> None:
        for now, tries, pause in ((0, 1, 60), (20, 1, 40), (60, 2, 125), (184, 2, 1), (185, 3, 240)):
            session.now = now
            with pytest.raises(LoginRefusedError) as caught:
                await session.attach(REFERENCE)
            assert (vcenter.calls("/api/session"), caught.value.delay) == (tries, pause)

    run(vcenter, work, VCENTER_PASSWORD="wrong")


def test_a_tag_that_was_made_anew_is_found_again(vcenter: RestVcenter) -> None:
    tag = vcenter.tag()

    async def work(session: Session) -> None:
        await session.attach(REFERENCE)
        vcenter.tagging.delete_category(tag.category_id)
        with pytest.raises(NotFoundError, match="vCenter has no category 'owner'"):
            await session.attach(REFERENCE)
        anew = vcenter.tag()
        await session.attach(REFERENCE)
        assert vcenter.tagging.tags_on(POOL) == [anew.id]

    run(vcenter, work)


def test_a_tag_deleted_while_it_is_looked_for_is_passed_over(vcenter: RestVcenter) -> None:
    tag = vcenter.tag()
    gone = PlainTextResponse("404 page not found\n", 404)  # vcsim's answer
    vcenter.answers.extend([("/category/", gone)])
    other = vcenter.tag(category="first")
    vcenter.tagging.categories = dict(reversed(vcenter.tagging.categories.items()))
    run(vcenter, attach)
    assert vcenter.tagging.tags_on(POOL) == [tag.id]
    assert other.objects == {}


@pytest.mark.parametrize("dialects", [("api",), ("rest",)])
def test_the_other_tag_of_a_single_category_goes_first(vcenter: RestVcenter, dialects: tuple[DialectName, ...]) -> None:
    vcenter.renew(dialects)
    tag = vcenter.tag(cardinality="SINGLE")
    before = vcenter.tagging.create_tag(tag.category_id, "before")
    elsewhere = vcenter.tag(category="elsewhere")
    vcenter.tagging.attach(before.id, POOL)
    vcenter.tagging.attach(elsewhere.id, POOL)
    run(vcenter, attach)
    run(vcenter, attach)
    assert vcenter.tagging.tags_on(POOL) == [tag.id, elsewhere.id]
    assert vcenter.calls("action=detach") == 1


def test_an_object_keeps_its_tag_when_it_cannot_have_the_other(vcenter: RestVcenter) -> None:
    tag = vcenter.tag(cardinality="SINGLE")
    before = vcenter.tagging.create_tag(tag.category_id, "before")
    vcenter.tagging.attach(before.id, POOL)
    body = {"error_type": "INVALID_ARGUMENT", "messages": []}
    vcenter.answers.append((f"tag-association/{tag.id}", JSONResponse(body, 400)))
    refused(vcenter, VcenterRefusedError, "invalid_argument")
    assert vcenter.tagging.tags_on(POOL) == [before.id]


def test_a_type_that_the_category_does_not_admit_is_refused(vcenter: RestVcenter) -> None:
    vcenter.tag(types=["VirtualMachine"])
    refused(vcenter, VcenterRefusedError, "is not eligible for objects of type ResourcePool")


def test_a_new_object_is_tried_again_a_moment_later(vcenter: RestVcenter) -> None:
    tag = vcenter.tag()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        inventory = vcenter.vcenter.inventory
        inventory.create_pool(inventory.root_pool, "new")

    run(vcenter, lambda session: session.attach(NEW_POOL), sleep)
    assert slept == [SETTLE_SECONDS]
    assert vcenter.tagging.tags_on((NEW_POOL.type, NEW_POOL.value)) == [tag.id]


@pytest.mark.parametrize("who", [{"VCENTER_USERNAME": READER}, {}], ids=["no privilege", "no object"])
def test_a_refusal_that_stays_is_permanent_and_names_both_reasons(vcenter: RestVcenter, who: dict[str, str]) -> None:
    vcenter.tag()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    reference = REFERENCE if who else ManagedObjectReference("VirtualMachine", "vm-999")
    with pytest.raises(ForbiddenError, match=r"attach owner/pytag on .*: the object is gone, or the account lacks"):
        run(vcenter, lambda session: session.attach(reference), sleep, **who)
    assert len(slept) == 1


@pytest.mark.parametrize("dialects", [("api",), ("rest",)])
def test_a_reader_may_not_create_and_the_event_waits(vcenter: RestVcenter, dialects: tuple[DialectName, ...]) -> None:
    vcenter.renew(dialects)
    message = "^owner/pytag cannot be looked up: .*: 403 Unable to authorize user"
    refused(vcenter, VcenterUnavailableError, message, VCENTER_USERNAME=READER, TAG_CREATE="true")


@pytest.mark.parametrize(
    ("answer", "match", "retry_after"),
    [
        (Response(status_code=503, headers={"retry-after": "7"}), "503 Service Unavailable", 7.0),
        (PlainTextResponse("no healthy upstream", 503), "503 Service Unavailable", None),
        (Response(status_code=504, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}), "504", None),
        (Response(status_code=429), "429 Too Many Requests", None),
        (Response(status_code=302, headers={"location": "/ui"}), "302 Found", None),
        (JSONResponse({"error_type": "RESOURCE_BUSY", "messages": []}, 400), "400 resource_busy", None),
        (JSONResponse({"type": "x.internal_server_error", "value": {"messages": ["?"]}}, 500), "500 internal", None),
        (JSONResponse([], 500), "500", None),
        (
            JSONResponse(
                {
                    "error_type": "NOT_FOUND",
                    "messages": [
                        {"id": "com.vmware.vapi.rest.httpNotFound", "default_message": "Not found.", "args": []}
                    ],
                },
                404,
            ),
            "404 Not found.",
            None,
        ),
    ],
)
def test_not_now_is_retryable(vcenter: RestVcenter, answer: Response, match: str, retry_after: float | None) -> None:
    vcenter.tag()
    vcenter.answers.append(("/tag-association", answer))
    error = refused(vcenter, VcenterUnavailableError, f"vCenter is not ready: POST .*: {match}")
    assert isinstance(error, VcenterUnavailableError)
    assert error.delay == retry_after


def test_a_session_that_vcenter_will_not_take_is_not_tried_for_ever(vcenter: RestVcenter) -> None:
    vcenter.tag()
    vcenter.answers.extend([("/category", Response(status_code=401)), ("/category", Response(status_code=401))])
    refused(vcenter, VcenterUnavailableError, "not ready: GET /api/cis/tagging/category: 401")


def test_something_else_than_a_vcenter_is_named(vcenter: RestVcenter) -> None:
    vcenter.renew(())
    refused(vcenter, VcenterUnavailableError, "no REST API at http://.*: is VCENTER_URL a vCenter, and is it up?")
    vcenter.answers.append(("/api/session", PlainTextResponse("<html>welcome</html>")))
    refused(vcenter, VcenterUnavailableError, "not a vCenter's answer to POST /api/session: .* is VCENTER_URL right?")


def test_no_answer_at_all_is_retryable() -> None:
    with rest_vcenter() as gone:
        pass
    refused(gone, VcenterUnavailableError, r"no answer from vCenter at http://127\.0\.0\.1:\d+")


def test_a_vcenter_that_goes_away_does_not_stop_the_log_out() -> None:
    async def inner(given: Settings) -> Session:
        session = Session(given)
        await session.attach(REFERENCE)
        return session

    with rest_vcenter() as brief, asyncio.Runner() as runner:
        brief.tag()
        session = runner.run(inner(settings(brief.base)))
        brief.answers.append(("/api/session", PlainTextResponse("gone", 503)))
        runner.run(session.client.close())
        assert len(brief.tagging.tags_on(POOL)) == 1


@pytest.mark.parametrize("dialect", BOTH)
def test_a_check_keeps_and_renews_the_session(vcenter: RestVcenter, dialect: DialectName) -> None:
    vcenter.renew((dialect,))

    async def work(session: Session) -> None:
        await session.client.check()
        await session.client.check()
        assert len(vcenter.vcenter.sessions) == 1
        vcenter.vcenter.sessions.close_all()
        await session.client.check()
        assert len(vcenter.vcenter.sessions) == 1

    run(vcenter, work)
