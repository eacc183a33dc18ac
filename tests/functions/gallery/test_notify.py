"""notify, on the wire: what each kind of webhook is sent, what its answers become, and what stays secret."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from tests.functions.gallery.handlers import load_function, serve_function
from tests.functions.gallery.webhook import Webhook, serve_webhook
from tests.support.kit import VM_POWERED_ON, post
from vcenter_functions.errors import FunctionError
from vcenter_functions.tracing import Tracing

EVERYONE = "<!channel> & <users/all>"
TEXT = {"EVENT_TYPES": "VmPoweredOnEvent", "NOTIFY_TEXT": "*{vm.name}* {user}\n{time:%H:%M} {data.vm.vm}"}


@pytest.fixture(scope="module")
def module_webhook() -> Iterator[Webhook]:
    with serve_webhook() as webhook:
        yield webhook


@pytest.fixture
def webhook(module_webhook: Webhook) -> Webhook:
    module_webhook.bodies.clear()
    module_webhook.answers.clear()
    return module_webhook


def named(name: str) -> dict[str, Any]:
    return {"data": VM_POWERED_ON | {"vm": VM_POWERED_ON["vm"] | {"name": name}}}  # type: ignore[operator]


def text_for(webhook: Webhook, **more: str) -> dict[str, str]:
    return {**TEXT, "NOTIFY_URL": webhook.url, **more}


LINES = ["*<!channel> & <users/all>* VSPHERE.LOCAL\\Administrator", "08:00 vm-15"]
ATTRIBUTES = {
    "id": "42",
    "source": "https://vcenter.test/sdk",
    "type": "com.vmware.event.vm.poweredon",
    "name": "VmPoweredOnEvent",
    "subject": "VirtualMachine:vm-15",
    "time": "2026-01-31 08:00:00+00:00",
    "severity": "INFO",
    "user": "VSPHERE.LOCAL\\Administrator",
    "message": "web-1 is powered on",
}


@pytest.mark.parametrize(
    ("format_", "body"),
    [
        ("slack", {"text": "*&lt;!channel&gt; &amp; &lt;users/all&gt;* " + "\n".join(LINES).partition("* ")[2]}),
        ("google-chat", {"text": "\n".join(LINES).replace("<", "<\u200b")}),
        ("telegram", {"chat_id": "@ops", "text": "\n".join(LINES)}),
        ("json", {"text": "\n".join(LINES), "event": ATTRIBUTES}),
    ],
)
def test_each_webhook_gets_its_format(webhook: Webhook, format_: str, body: dict[str, Any]) -> None:
    with serve_function("notify", text_for(webhook, NOTIFY_FORMAT=format_, NOTIFY_CHAT="@ops")) as client:
        assert post(client, **named(EVERYONE)).status_code == 204
        assert post(client, type="com.vmware.event.vm.poweredoff", eventname="x", eventancestors="x").status_code == 204
    assert webhook.bodies == [body]


def test_teams_gets_a_card_of_plain_text(webhook: Webhook) -> None:
    with serve_function("notify", text_for(webhook, NOTIFY_FORMAT="teams")) as client:
        assert post(client, **named(EVERYONE)).status_code == 204
    (body,) = webhook.bodies
    ((attachment),) = body["attachments"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [block["inlines"] for block in card["body"]] == [[{"type": "TextRun", "text": line}] for line in LINES]


@pytest.mark.parametrize(
    ("url", "format_"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://prod-12.westeurope.logic.azure.com:443/workflows/x/triggers/manual/paths/invoke?sig=x", "teams"),
        ("https://a1.b2.environment.api.powerplatform.com:443/powerautomate/x?sig=x", "teams"),
        ("https://chat.googleapis.com/v1/spaces/x/messages?key=x&token=x", "google-chat"),
        ("https://api.telegram.org/bot1:x/sendMessage", "telegram"),
        ("https://hooks.slack.com.example.com/x", "json"),
        ("http://mattermost:8065/hooks/x", "json"),
    ],
)
def test_the_host_decides_the_format(url: str, format_: str) -> None:
    registry = load_function("notify", {"NOTIFY_URL": url, "NOTIFY_CHAT": "1"})
    settings_class: Any = registry.handlers[0].parameters.settings_class
    assert settings_class.load(NOTIFY_URL=url, NOTIFY_CHAT="1").find_format() == format_


def test_an_event_is_one_message_however_often_it_comes(webhook: Webhook) -> None:
    with serve_function("notify", text_for(webhook)) as client, ThreadPoolExecutor(4) as senders:
        assert list(senders.map(lambda _: post(client).status_code, range(4))) == [204] * 4
    assert len(webhook.bodies) == 1


def test_answers_become_outcomes_and_the_address_stays_secret(webhook: Webhook) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    echo = f"Cannot POST {webhook.url}".encode()
    webhook.answers[:] = [
        (429, echo, {"Retry-After": "17"}), (503, b"", {}), (404, echo, {}), (302, b"", {"Location": webhook.url}),
    ]  # fmt: skip
    tracing = Tracing("notify", provider)
    with capture_logs() as logs, serve_function("notify", text_for(webhook), tracing) as client:
        answers = [post(client) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503, 503, 422, 422, 204]
    assert [answer.headers.get("retry-after") for answer in answers[:2]] == ["17", "5"]
    assert answers[2].json() == {"error": f"127.0.0.1 answers 404: Cannot POST http://{host_of(webhook)}/…/…/…"}
    spans = [span.to_json() for span in exporter.get_finished_spans()]
    assert len(spans) == 15
    assert "secret" not in f"{logs}{spans}{[answer.text for answer in answers]}"


def host_of(webhook: Webhook) -> str:
    return webhook.url.split("/")[2]


def test_a_webhook_that_is_away_gets_the_message_later(webhook: Webhook) -> None:
    with serve_function("notify", {**TEXT, "NOTIFY_URL": "http://127.0.0.1:1/secret"}) as client:
        answer = post(client)
    assert answer.status_code == 503
    assert answer.json() == {"error": "127.0.0.1 cannot be reached: All connection attempts failed"}


TELEGRAM = "https://api.telegram.org/bot1:secret/sendMessage"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("NOTIFY_URL", "", "not set"),
        ("NOTIFY_URL", "hooks.slack.com/secret", "set the whole address, https://host/path"),
        ("NOTIFY_URL", "https://hooks.slack.com:x/secret", "set the whole address, https://host/path"),
        ("NOTIFY_FORMAT", "irc", "'irc': set 'slack', 'teams', 'google-chat', 'telegram' or 'json'"),
        ("NOTIFY_TEXT", "{mesage}", "'{mesage}': no event has a field {mesage}; did you mean message?"),
        ("NOTIFY_TEXT", "{vn.name}", "'{vn.name}': no event has a field {vn.name}; write {{ for a brace"),
        ("NOTIFY_TEXT", "{user.__class__}", "'{user.__class__}': no event has a field {user.__class__}"),
        ("NOTIFY_TEXT", "{message!r}", "'{message!r}': {message} is followed by what cannot be used here"),
        ("NOTIFY_TEXT", "{message:{user}}", "'{message:{user}}': {message} is followed by what cannot be used here"),
        ("NOTIFY_TEXT", "{message", "'{message': expected '}' before end of string"),
        ("NOTIFY_CHAT", "", "not set; set it to the number of a Telegram chat, or to @channel"),
        (
            "EVENT_TYPES",
            "VmPowerdOnEvent",
            "vCenter has no event type 'VmPowerdOnEvent'; did you mean VmPoweredOnEvent",
        ),
    ],
)
def test_a_wrong_setting_is_named(variable: str, value: str, message: str) -> None:
    with pytest.raises(FunctionError) as caught:
        load_function("notify", {"NOTIFY_URL": TELEGRAM, "NOTIFY_CHAT": "1", variable: value})
    assert f"{variable}: {message}" in str(caught.value)
    assert "secret" not in str(caught.value)
