"""The commands in the README of a function do what it says."""

import re
import shlex

import pytest
import yaml

from tests.docs.pages import ROOT, blocks, text
from tests.functions.gallery.handlers import serve_function
from tests.functions.gallery.smtp_server import serve_mail
from tests.functions.gallery.webhook import serve_webhook
from tests.support.processes import command

STRUCTURED = {"content-type": "application/cloudevents+json"}


def run(name: str, beginning: str) -> str:
    """Run the one command of a README that begins so, and return what it prints."""
    lines = "\n".join(blocks(text(ROOT / "functions" / name / "README.md"), "console")).replace("\\\n", "")
    (found,) = re.findall(rf"^\$ vcenter-source ({beginning}[^|\n]*)", lines, re.MULTILINE)
    ended = command(*shlex.split(found.replace("functions/", f"{ROOT}/functions/")))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("name", "port", "secret"),
    [("notify", None, "NOTIFY_URL"), ("email", 587, "SMTP_PASSWORD"), ("archive", 5432, "DATABASE_URL")],
)
def test_it_is_deployed_without_an_image_of_its_own(name: str, port: int | None, secret: str) -> None:
    manifests = {each["kind"]: each for each in yaml.safe_load_all(run(name, "function manifest"))}
    assert manifests["ConfigMap"]["data"]["handler.py"] == (ROOT / "functions" / name / "handler.py").read_text()
    assert {"Deployment", "Service", "NetworkPolicy", "Trigger"} <= set(manifests)
    opened = [each["port"] for rule in manifests["NetworkPolicy"]["spec"]["egress"] for each in rule["ports"]]
    assert port is None or port in opened
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert [each["secretRef"]["name"] for each in container["envFrom"] if "secretRef" in each] == [name]
    assert f"create secret generic {name} --from-literal={secret}=" in text(ROOT / "functions" / name / "README.md")


@pytest.mark.parametrize("name", ["maintenance", "pyattr"])
def test_what_acts_in_vcenter_gets_its_account(name: str) -> None:
    manifests = {each["kind"]: each for each in yaml.safe_load_all(run(name, "function manifest"))}
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    sources = [each[kind]["name"] for each in container["envFrom"] for kind in each]
    assert "vcenter" in sources
    assert "vcenter-credentials" in str(manifests["Deployment"])


def test_a_sample_becomes_a_message() -> None:
    sample = run("notify", "sample")
    with serve_webhook() as webhook, serve_function("notify", {"NOTIFY_URL": webhook.url}) as client:
        assert client.post("/", content=sample, headers=STRUCTURED).status_code == 204
    assert webhook.bodies[0]["text"].startswith("INFO web-1: ")


def test_a_sample_becomes_an_email() -> None:
    sample = run("email", "sample")
    with serve_mail() as mailbox:
        settings = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mailbox.port), "SMTP_SECURITY": "plain"}
        addresses = {"MAIL_FROM": "vcenter@example.com", "MAIL_TO": "ops@example.com"}
        with serve_function("email", {**settings, **addresses}) as client:
            assert client.post("/", content=sample, headers=STRUCTURED).status_code == 204
    assert mailbox.envelopes[0].rcpt_tos == ["ops@example.com"]
