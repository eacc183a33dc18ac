"""The viewer's "send again" where K_SINK is an OpenFaaS gateway: the functions are invoked once more."""

from typing import Any

import httpx

from simulator.testing import running
from tests.admin_support import eventually
from tests.openfaas_gateway import fake_gateway
from tests.viewer_support import viewed


def test_sending_again_really_invokes_the_function_and_says_so_where_none_wants_it_any_more() -> None:
    with fake_gateway() as gateway, running(backlog=3) as simulator:
        tag = gateway.deploy("tag", "*")
        where = {"START_FROM": "beginning", "TOPIC_MAP_INTERVAL": "0.1"}
        with viewed(simulator, f"openfaas+{gateway.url}", **where) as url:
            event = eventually(lambda: delivered(f"{url}api/events/1"))
            assert again(url) == {"accepted": True, "why": ""}
            assert tag.ids().count(event["id"]) == 2
            gateway.remove("tag")
            eventually(lambda: again(url) == {"accepted": True, "why": "no function has a topic for it"})


def delivered(url: str) -> Any:
    answer = httpx.get(url)
    found = answer.json() if answer.status_code == 200 else {}
    return found.get("event") if found.get("state") == "delivered" else None


def again(url: str) -> Any:
    return httpx.post(f"{url}api/events/1/replay", json={}).json()
