"""Post a message about an event to Slack, Microsoft Teams, Google Chat, Telegram, or any other webhook."""

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

import httpx
from pydantic import SecretStr, field_validator, model_validator

from vcenter_functions import Event, TemporaryError, on
from vcenter_functions.event_types import read_event_types
from vcenter_functions.http_answers import check_answer
from vcenter_functions.server_settings import ServerSettings, either
from vcenter_functions.text_template import TextTemplate

EVENT_TYPES = read_event_types("AlarmStatusChangedEvent", "com.vmware.vc.HA.DasHostFailedEvent")
"""Which events: edit them here, or set the variable EVENT_TYPES."""
MAX_TEXT = 4000  # characters; Telegram and Google Chat take 4,096
HOSTS = {
    "hooks.slack.com": "slack", "chat.googleapis.com": "google-chat", "api.telegram.org": "telegram",
    "logic.azure.com": "teams", "api.powerplatform.com": "teams", "webhook.office.com": "teams",
}  # fmt: skip
"""The format that a host takes, and each host under it."""
Format = Literal["slack", "teams", "google-chat", "telegram", "json"]
ESCAPES: dict[str, Callable[[str], str]] = {
    "slack": lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
    "google-chat": lambda text: text.replace("<", "<\u200b"),  # it has no escape; this is a space of no width
}
"""Without these, a VM's name could address everybody: ``<!channel>``, ``<users/all>``."""


class Settings(ServerSettings):
    """Where the messages go, and what they say."""

    secret_variables: ClassVar[frozenset[str]] = frozenset({"NOTIFY_URL"})

    url: Annotated[SecretStr, either("NOTIFY_URL")]
    """The webhook's address, a secret; for Telegram `https://api.telegram.org/bot<token>/sendMessage`. Required."""

    format: Annotated[Format | None, either("NOTIFY_FORMAT")] = None
    """`slack`, `teams`, `google-chat`, `telegram`, or `json` for any other. Unset: the host of the URL decides."""

    chat: Annotated[str | None, either("NOTIFY_CHAT")] = None
    """Telegram's chat: its number, or `@channel`. Required for Telegram."""

    text: Annotated[TextTemplate, either("NOTIFY_TEXT")] = TextTemplate("{severity} {object}: {message}")
    """The text, with fields of the event in braces: `severity`, `object`, `message`, `user`, `time`, `name`, `type`,
    `source`, `id`, `subject`, and properties of its data, such as `vm.name`."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"https?://[\w.-]+(:\d{1,5})?(/\S*)?", value.get_secret_value()):
            raise ValueError("set the whole address, https://host/path")
        return value

    @model_validator(mode="after")
    def _check_chat(self) -> Self:
        if self.find_format() == "telegram" and not self.chat:
            raise ValueError("NOTIFY_CHAT: not set; set it to the number of a Telegram chat, or to @channel")
        return self

    def find_format(self) -> str:
        """Return the format that is set, or the one of the host."""
        host = f".{httpx.URL(self.url.get_secret_value()).host}"
        return self.format or next((name for end, name in HOSTS.items() if host.endswith(f".{end}")), "json")


@on(*EVENT_TYPES, once=True)
async def notify(event: Event, http: httpx.AsyncClient, settings: Settings) -> None:
    """Post one message. A repeated delivery of the event posts no other one."""
    url = httpx.URL(settings.url.get_secret_value())
    try:
        answer = await http.post(url, json=compose(event, settings))
    except httpx.TransportError as exc:
        raise TemporaryError(f"{url.host} cannot be reached: {str(exc) or type(exc).__name__}") from exc
    check_answer(answer)


def compose(event: Event, settings: Settings) -> dict[str, Any]:
    """Return what the webhook takes."""
    kind = settings.find_format()
    text = settings.text.render(event, ESCAPES.get(kind, str))[:MAX_TEXT]
    match kind:
        case "telegram":  # without parse_mode, the text is plain
            return {"chat_id": settings.chat, "text": text}
        case "teams":
            return wrap_in_card(text)
        case "json":
            names = ("id", "source", "type", "name", "subject", "time", "severity", "user", "message")
            return {"text": text, "event": {name: str(getattr(event, name) or "") for name in names}}
    return {"text": text}


def wrap_in_card(text: str) -> dict[str, Any]:
    """Return an Adaptive Card for a workflow of Teams. A TextRun is plain text, where a TextBlock reads Markdown."""
    lines = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in text.splitlines()]
    card = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4"}
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": {**card, "body": lines}}
    return {"type": "message", "attachments": [{**content, "contentUrl": None}]}
