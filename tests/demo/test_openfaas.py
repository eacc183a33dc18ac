"""``make demo-openfaas`` as a user runs it, and what is read of a stack.yml."""

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from demo.gateway_api import too_large
from demo.listener import listen
from demo.manifests import ManifestError
from demo.openfaas_scenario import STACK, write_secrets
from demo.processes import ROOT, Processes
from demo.stack import read_stack
from tests.demo.demo_process import demo, left_behind, run_forked, steps, trace_of
from tests.support import loopback
from vcenter_functions.otel.span_receiver import Receiver
from vcenter_functions.otel.waterfall import is_incomplete

SUMMARY = re.compile(
    r"^tagged ResourcePool:resgroup-\d+ with demo/created-by-event \d+ ms after it was created; "
    r"1 trace, (\d+) spans, 2 processes$",
    re.MULTILINE,
)
ECHO = """
import http.server, os, sys

class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(int(body))
        said = "|".join([self.path, *(self.headers[name] or "" for name in ("x-call-id", "x-start-time", "host"))])
        self.send_header("x-said", said)
        self.end_headers()
        print(said, file=sys.stderr, flush=True)

    def log_message(self, *_):
        pass

with http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Echo) as server:
    assert open(os.environ["SECRETS"] + "/username").read() == os.environ["WHO"]
    print(f"echo ready: http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
"""
ECHO_STACK = """
functions:
  echo:
    image: echo:1
    annotations: {topic: "a, b"}
    environment: {SECRETS: /var/openfaas/secrets}
    secrets: [vcenter-credentials]
"""


def test_the_story_is_told_through_a_gateway_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with Receiver() as users:
        done = demo(tmp_path, "--openfaas", OTEL_EXPORTER_OTLP_ENDPOINT=users.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [step[0] for step in steps(done.stdout)] == ["1", "2", "3", "4", "5", "6"]
    for said in (
        "com.vmware.event.resourcepool.created",
        "functions/pytag/stack.yml:3",
        "POST /function/pytag.openfaas-fn",
        "attach tag",
        "VmPoweredOnEvent",
        "nobody was invoked",
    ):
        assert said in done.stdout
    summary = SUMMARY.search(done.stdout)
    assert summary, done.stdout
    spans = users.trace(trace_of(done.stdout))
    assert len(spans) == int(summary[1]) >= 6
    assert {span.service for span in spans} == {"vcenter-source", "pytag"}
    assert not is_incomplete(spans)
    assert done.stderr == ""
    assert left_behind(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("resourcepool.created", "resourcepool.moved", "it is the topic of no function in "),
        ("    secrets:\n      - vcenter", "    secrets:\n      - other", "there is no secret other-credentials"),
    ],
)
@pytest.mark.guarantees
def test_a_stack_that_leads_nowhere_is_the_reason_that_is_given(
    tmp_path: Path, before: str, after: str, reason: str
) -> None:
    stack = tmp_path / "stack.yml"
    stack.write_text(STACK.read_text().replace(before, after))
    done = run_forked(tmp_path, "--openfaas", str(stack))
    assert done.returncode == 1
    assert reason in done.stdout
    assert None not in done.children.values()


def test_the_gateway_speaks_the_api_and_runs_functions_as_processes(tmp_path: Path) -> None:
    (tmp_path / "fns").mkdir()
    (tmp_path / "fns" / "echo.py").write_text(ECHO)
    (tmp_path / "stack.yml").write_text(ECHO_STACK)
    secrets = write_secrets(tmp_path / "secrets")
    arguments = ["--stack", f"{tmp_path}/stack.yml", "--secrets", str(secrets), "--package", "fns", "--logs"]
    arguments += [str(tmp_path), "--env", f"PYTHONPATH={tmp_path}", "--env", "WHO=administrator@vsphere.local"]
    environment = {"basic_auth": "1", "secret_mount_path": str(secrets / "basic-auth")}
    with listen("127.0.0.1", 0) as listener, Processes(tmp_path, 20) as processes:
        arguments += ["--fd", str(listener.fileno())]
        gateway = processes.start("gateway", ["demo.gateway", *arguments], environment, fd=listener.fileno())
        with loopback.Client(base_url=processes.wait_until_ready(gateway), trust_env=False) as client:
            lists(client)
            invokes(client)
            client.post("/async-function/echo.openfaas-fn", content="200", headers={"x-call-id": "queued"})
            processes.wait(
                lambda: "|queued|" in (tmp_path / "echo.log").read_text() or None, "the queue-worker invoked nobody"
            )


def lists(client: httpx.Client) -> None:
    refused = client.get("/system/functions")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Basic realm="Restricted"')
    admin = httpx.BasicAuth("admin", "demo")
    assert client.get("/system/namespaces", auth=admin).json() == ["openfaas-fn"]
    (listed,) = client.get("/system/functions?namespace=openfaas-fn", auth=admin).json()
    assert (listed["name"], listed["namespace"], listed["annotations"]) == ("echo", "openfaas-fn", {"topic": "a, b"})
    assert client.get("/system/functions?namespace=other", auth=admin).json() == []
    assert client.get("/system/function/echo", auth=admin).json() == listed
    assert client.get("/system/function/other", auth=admin).status_code == 404


def invokes(client: httpx.Client) -> None:
    answer = client.post("/function/echo.openfaas-fn/a/path", content="201", headers={"x-call-id": "mine"})
    path, call_id, start, host = answer.headers["x-said"].split("|")
    assert (answer.status_code, path, call_id, start) == (201, "/a/path", "mine", answer.headers["x-start-time"])
    assert f"http://{host}" != str(client.base_url).rstrip("/")
    assert "x-call-id" not in answer.headers
    answer = client.post("/function/echo", content="500")
    assert (answer.status_code, answer.headers["x-said"].split("|")[1]) == (500, answer.headers["x-call-id"])
    unknown = client.post("/function/echo.other", content="200")
    assert (unknown.status_code, "x-start-time" in unknown.headers) == (404, False)
    queued = client.post("/async-function/nobody", content="200")
    assert (queued.status_code, queued.content) == (202, b"")
    larger = client.post("/async-function/nobody", content=b"x" * 256_001)
    assert (larger.status_code, larger.content) == (500, too_large(256_001).body)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version: 1.0", "has no functions"),
        ("functions: {pytag: {}}", "stack.yml:1: function pytag has no image"),
        ("functions: {pytag: {image: x, annotations: [a]}}", "annotations is not a mapping"),
        ("functions: {", "stack.yml: "),
    ],
)
def test_a_stack_that_cannot_be_read_is_told_in_a_line(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "stack.yml").write_text(text)
    with pytest.raises(ManifestError, match=re.escape(reason)) as told:
        read_stack(tmp_path / "stack.yml")
    assert "\n" not in str(told.value)


def test_pytags_own_stack_is_what_is_played() -> None:
    (pytag,) = read_stack(STACK)
    assert pytag.annotations["topic"] == "com.vmware.event.resourcepool.created"
    assert pytag.secrets == ("vcenter-credentials",)
    environment = pytag.environment_with(Path("/here"))
    assert (environment["VCENTER_SECRET_PATH"], environment["TAG_CREATE"]) == ("/here", "true")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_demo_openfaas_plays_it() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "--assume-old=.venv/.ready", "demo-openfaas"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, cwd=ROOT).stdout
    assert printed.strip().endswith("-m demo --openfaas")
