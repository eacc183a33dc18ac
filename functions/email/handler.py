"""Send an email about an event: by default when an alarm changes, and when HA has restarted a VM."""

import hashlib
from email.message import EmailMessage
from email.policy import SMTP
from typing import Annotated

from vcenter_functions import Event, on
from vcenter_functions.event_types import read_event_types
from vcenter_functions.server_settings import either
from vcenter_functions.smtp import Addresses, SmtpSettings, clean_header, send_message
from vcenter_functions.text_template import TextTemplate

EVENT_TYPES = read_event_types(
    "AlarmStatusChangedEvent", "VmRestartedOnAlternateHostEvent", "com.vmware.vc.ha.VmRestartedByHAEvent"
)
"""Which events: edit them here, or set the variable EVENT_TYPES. vCenter reports HA's restarts by the last one; the one
before it is of vSphere 4."""

TEXT = """{message}

Object:   {object} ({subject})
Severity: {severity}
User:     {user}
Time:     {time}
vCenter:  {source}
"""


class Settings(SmtpSettings):
    """The mail server, and what is sent to whom."""

    sender: Annotated[Addresses, either("MAIL_FROM")]
    """The sender: `vcenter@example.com`, or `vCenter <vcenter@example.com>`. Required."""

    recipients: Annotated[Addresses, either("MAIL_TO")]
    """The recipients, separated by commas. Required."""

    subject: Annotated[TextTemplate, either("MAIL_SUBJECT")] = TextTemplate("[vCenter] {message:.150}")
    """The subject, with fields of the event in braces: `severity`, `object`, `message`, `user`, `time`, `name`, `type`,
    `source`, `id`, `subject`, and properties of its data, such as `vm.name`, or an alarm's `to`."""

    text: Annotated[TextTemplate | None, either("MAIL_TEXT")] = None
    """The text, with the same fields. Unset: the message, then object, severity, user, time and vCenter."""


@on(*EVENT_TYPES, once=True)
def send_email(event: Event, settings: Settings) -> None:
    """Send one message. A repeated delivery of the event sends no other one."""
    send_message(compose(event, settings), settings)


def compose(event: Event, settings: Settings) -> EmailMessage:
    """Return the message. Its id is made of the event and the recipients: mail programs show a repeated one once."""
    parts = (event.source, event.id, event.time.isoformat(), settings.recipients)
    identity = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]
    domain = settings.sender.rstrip("> ").rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{identity}@{domain}>"
    message["Date"] = event.time
    message["From"], message["To"] = settings.sender, settings.recipients
    message["Subject"] = clean_header(settings.subject.render(event))
    message["Auto-Submitted"] = "auto-generated"  # no answers of people on holiday (RFC 3834)
    message.set_content((settings.text or TextTemplate(TEXT)).render(event))
    return message
