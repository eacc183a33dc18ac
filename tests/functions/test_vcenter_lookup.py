"""A tag among many: it is found within TIMEOUT, or over the tries of one event."""

import asyncio

from starlette.responses import Response

from tests.support.pytag import POOL, RestVcenter, binary, pytag, settings
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.lookup import ANSWER_SECONDS, CONCURRENT_CALLS, Lookup
from vcenter_functions.vcenter.transport import create_http_client


def crowd(vcenter: RestVcenter, categories: int) -> None:
    for n in range(categories - 1):
        vcenter.tagging.create_category(f"other-{n}")
    vcenter.tag()


def test_a_tag_among_500_categories_is_found_at_once(vcenter: RestVcenter) -> None:
    crowd(vcenter, 500)
    vcenter.delay = 0.05
    with pytag(vcenter.base, TIMEOUT="25") as client:  # one after another they take longer
        assert client.post("/", headers=binary()).status_code == 204
    assert len(vcenter.tagging.tags_on(POOL)) == 1


def test_a_try_that_is_cut_short_is_gone_on_with_by_the_next(vcenter: RestVcenter) -> None:
    crowd(vcenter, 200)
    vcenter.delay = 0.02
    answers: list[int] = []
    with pytag(vcenter.base, TIMEOUT="0.25") as client:
        while not answers or answers[-1] == 503:
            answers.append(client.post("/", headers=binary()).status_code)
            assert len(answers) < 100
    assert (answers[0], answers[-1]) == (503, 204)
    assert vcenter.calls("/category/") <= 200 + CONCURRENT_CALLS * len(answers)


def test_no_more_than_a_few_are_asked_for_at_once(vcenter: RestVcenter) -> None:
    crowd(vcenter, 50)
    vcenter.delay = 0.01
    with pytag(vcenter.base) as client:
        assert client.post("/", headers=binary()).status_code == 204
    assert vcenter.calls("/category/") == 50
    assert 1 < vcenter.most <= CONCURRENT_CALLS


def test_one_that_fails_takes_nothing_from_the_others(vcenter: RestVcenter) -> None:
    crowd(vcenter, 8)
    vcenter.answers.append(("/category/", Response(status_code=503)))
    with pytag(vcenter.base) as client:
        assert client.post("/", headers=binary()).status_code == 503
        assert client.post("/", headers=binary()).status_code == 204
    assert vcenter.calls("/category/") == 9


def test_what_was_learnt_is_not_believed_for_ever(vcenter: RestVcenter) -> None:
    now = 0.0
    ids = [vcenter.tagging.create_category(name).id for name in ("a", "b")]

    async def live() -> None:
        nonlocal now
        given = settings(vcenter.base)
        client = VcenterClient(create_http_client(given), Account(given.credentials), Tracing("pytag"))
        lookup = Lookup(client, clock=lambda: now)
        assert await lookup.find_by_name("category", "c", ids) is None
        assert await lookup.find_by_name("category", "c", ids) is None
        assert vcenter.calls("/category/") == 2
        now = ANSWER_SECONDS
        assert await lookup.find_by_name("category", "b", ids) is not None
        lookup.forget()
        assert await lookup.find_by_name("category", "b", ids) is not None
        assert vcenter.calls("/category/") == 6
        await client.close()

    asyncio.run(live())
