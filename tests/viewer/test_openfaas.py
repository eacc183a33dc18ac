"""The viewer's "send again" where functions on OpenFaaS are behind K_SINK: they are invoked once more."""

from pathlib import Path
from typing import Any

from tests.support import loopback
from tests.support.demo_broker import broker
from tests.support.openfaas_gateway import fake_gateway
from tests.support.openfaas_shim import shim_at
from tests.support.viewer import run_viewer
from tests.support.waiting import eventually
from vcenter_simulator.testing import run_simulator

TRIGGER = """
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default, namespace: ns}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: functions, namespace: ns}
spec:
  broker: default
  subscriber: {ref: {apiVersion: v1, kind: Service, name: shim}}
"""


def test_sending_again_really_invokes_the_function_and_says_so_where_none_wants_it_any_more() -> None:
    with fake_gateway() as gateway, run_simulator(backlog=3) as simulator:
        tag = gateway.deploy("tag", "*")
        where = {"START_FROM": "beginning", "TOPIC_MAP_INTERVAL": "0.1"}
        with run_viewer(simulator, f"openfaas+{gateway.url}", **where) as url:
            event = eventually(lambda: delivered(f"{url}api/events/1"))
            assert again(url) == {"accepted": True, "why": ""}
            assert tag.ids().count(event["id"]) == 2
            gateway.remove("tag")
            eventually(lambda: again(url) == {"accepted": True, "why": "no function has a topic for it"})


def test_sending_again_through_a_shim_invokes_the_function_each_time() -> None:
    with fake_gateway() as gateway, run_simulator(backlog=3) as simulator, shim_at(gateway) as shim:
        tag = gateway.deploy("tag", "*", topic_invocation="sync")
        eventually(lambda: shim.get("/readyz").json()["functions"])
        with run_viewer(simulator, shim.url, START_FROM="beginning") as url:
            event = eventually(lambda: delivered(f"{url}api/events/1"))
            for times in (2, 3):
                assert again(url) == {"accepted": True, "why": ""}
                assert tag.ids().count(event["id"]) == times


def test_sending_again_through_a_broker_and_a_shim_invokes_the_function(tmp_path: Path) -> None:
    (tmp_path / "300-broker.yaml").write_text(TRIGGER)
    with (
        fake_gateway() as gateway,
        run_simulator(backlog=3) as simulator,
        shim_at(gateway) as shim,
        broker(tmp_path, "--subscriber", f"shim={shim.url}") as sink,
    ):
        tag = gateway.deploy("tag", "*", topic_invocation="sync")
        eventually(lambda: shim.get("/readyz").json()["functions"])
        with run_viewer(simulator, sink, START_FROM="beginning") as url:
            event = eventually(lambda: delivered(f"{url}api/events/1"))
            eventually(lambda: tag.ids().count(event["id"]) == 1)
            assert again(url) == {"accepted": True, "why": ""}
            eventually(lambda: tag.ids().count(event["id"]) == 2)


def delivered(url: str) -> Any:
    answer = loopback.get(url)
    found = answer.json() if answer.status_code == 200 else {}
    return found.get("event") if found.get("state") == "delivered" else None


def again(url: str) -> Any:
    return loopback.post(f"{url}api/events/1/replay", json={}).json()
