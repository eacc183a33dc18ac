"""A tag among many: it is found within TIMEOUT, or over the tries of one event."""

import asyncio
from dataclasses import replace

import pytest
from starlette.responses import Response

from tests.support.pytag import POOL, RestVcenter, binary, pytag, settings
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.targets import Targets
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.lookup import ANSWER_SECONDS, CONCURRENT_CALLS, Lookup
from vcenter_functions.vcenter.sessions import VCenters
from vcenter_functions.vcenter.tag_finder import MissingTagError
from vcenter_functions.vcenter.transport import create_http_client

REFERENCE = ManagedObjectReference(*POOL)


def crowd(vcenter: RestVcenter, categories: int) -> None:
    for n in range(categories - 1):
        vcenter.tagging.create_category(f"other-{n}")
    vcenter.tag()


@pytest.mark.guarantees
def test_a_tag_among_1000_categories_and_5000_tags_is_found_within_timeout(vcenter: RestVcenter) -> None:
    for n in range(999):
        category = vcenter.tagging.create_category(f"other-{n}")
        for m in range(4):
            vcenter.tagging.create_tag(category.id, f"tag-{m}")
    crowd(vcenter, 1)
    (owner,) = [category for category in vcenter.tagging.categories.values() if category.name == "owner"]
    for n in range(1003):
        vcenter.tagging.create_tag(owner.id, f"tag-{n}")
    assert (len(vcenter.tagging.categories), len(vcenter.tagging.tags)) == (1000, 5000)
    vcenter.delay = 0.02  # one after another they take 40 s
    with pytag(vcenter.base) as client:
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


def test_the_next_tag_of_a_category_is_found_in_a_few_calls(vcenter: RestVcenter) -> None:
    crowd(vcenter, 200)
    (category,) = [found for found in vcenter.tagging.categories.values() if found.name == "owner"]
    vcenter.tagging.create_tag(category.id, "second")

    async def work() -> None:
        vcenters = VCenters(Targets(settings(vcenter.base)), Tracing("pytag"))
        tags = vcenters.of("https://vcenter.test/sdk").tags
        await tags.attach(REFERENCE, "owner/pytag")
        before = len(vcenter.requests)
        await tags.attach(REFERENCE, "owner/second")
        assert len(vcenter.requests) - before <= 2 * CONCURRENT_CALLS
        vcenter.tagging.categories[category.id] = replace(category, name="renamed")
        with pytest.raises(MissingTagError):
            await tags.attach(REFERENCE, "owner/third")
        await vcenters.close()

    asyncio.run(work())
    assert len(vcenter.tagging.tags_on(POOL)) == 2


def test_one_that_fails_takes_nothing_from_the_others(vcenter: RestVcenter) -> None:
    crowd(vcenter, 8)
    vcenter.tagging.categories = dict(reversed(vcenter.tagging.categories.items()))
    vcenter.answers.append(("/category/", Response(status_code=503)))  # to the question for the one that is wanted
    with pytag(vcenter.base) as client:
        assert client.post("/", headers=binary()).status_code == 503
        assert client.post("/", headers=binary()).status_code == 204
    assert vcenter.calls("/category/") == 9


def test_one_that_fails_does_not_matter_if_another_is_the_one(vcenter: RestVcenter) -> None:
    crowd(vcenter, 8)
    vcenter.answers.append(("/category/", Response(status_code=503)))
    with pytag(vcenter.base) as client:
        assert client.post("/", headers=binary()).status_code == 204


def test_what_was_learnt_is_not_believed_for_ever(vcenter: RestVcenter) -> None:
    now = 0.0
    ids = [vcenter.tagging.create_category(name).id for name in ("a", "b")]

    async def live() -> None:
        nonlocal now
        given = settings(vcenter.base)
        client = VcenterClient(create_http_client(given.target), Account(given.credentials), Tracing("pytag"))
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
