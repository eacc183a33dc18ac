"""The display of dead letters: a real process, fed as a Broker feeds it."""

import base64
import json
import os
import subprocess
import sys

import pytest

from tests.support import loopback
from tests.support.demo_broker import broker, subscriber
from tests.support.display import display
from tests.support.manifest_files import KNATIVE

LETTER = {
    "ce-specversion": "1.0",
    "ce-id": "17",
    "ce-source": "https://vc/sdk",
    "ce-type": "com.vmware.event.vm.poweredon",
    "ce-knativeerrorcode": "422",
    "content-type": "application/json",
}


def test_each_event_is_a_line_of_json_and_the_answer_has_no_body() -> None:
    with display() as (url, process):
        answer = loopback.post(url, headers=LETTER, content=b'{"a": 1}')
        assert (answer.status_code, answer.content) == (204, b"")
        assert process.stdout is not None
        shown = json.loads(process.stdout.readline())
        assert loopback.get(f"{url}/healthz").status_code == 200
        refused = loopback.post(url, content=b"no event")
    assert (shown["id"], shown["knativeerrorcode"], shown["data"]) == ("17", "422", {"a": 1})
    assert refused.status_code == 400


def test_what_pytag_refuses_is_shown_by_way_of_the_broker_in_the_manifests() -> None:
    with display() as (url, process), subscriber() as pytag:
        pytag.answers.append((422, {}, b"the event is about no object"))
        addresses = ("--subscriber", f"pytag={pytag.url}", "--subscriber", f"dead-letters={url}")
        with broker(KNATIVE, *addresses) as ingress:
            created = {"ce-type": "com.vmware.event.resourcepool.created"}
            assert loopback.post(ingress, headers={**LETTER, **created}, content=b"{}").status_code == 202
            assert process.stdout is not None
            shown = json.loads(process.stdout.readline())
    assert (shown["type"], shown["knativeerrordest"]) == (created["ce-type"], pytag.url)
    assert base64.b64decode(shown["knativeerrordata"]) == b"the event is about no object"


@pytest.mark.parametrize("port", ["nonsense", "65536"])
def test_a_port_that_cannot_be_had_is_one_line(port: str) -> None:
    command = [sys.executable, "-m", "display"]
    done = subprocess.run(
        command, env=os.environ | {"PORT": port}, capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("display: PORT: cannot listen: ")
