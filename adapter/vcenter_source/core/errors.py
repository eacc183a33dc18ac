"""What can go wrong, named for what to do about it.

    VcenterSourceError
    ├── ConfigurationError          a setting is missing or wrong: say which, exit 2
    ├── RetryableError              try again later, lose nothing
    │   ├── VcenterUnavailableError     no answer, or an answer that means "not now"
    │   ├── SessionLostError            log in again, make a new collector, resume
    │   ├── ClockSetBackError           read again from the time that vCenter's clock shows now
    │   ├── KeysRewoundError            read again what only its time and key tell to have been read
    │   ├── CollectorStuckError         make a new collector, at last behind what it cannot pass
    │   ├── SinkUnavailableError        the sink did not accept the event; may name a delay
    │   │   └── SinkAccessError             its response is about the way there, not about the event
    │   ├── DeadLetterUnavailableError  the dead letter cannot store the event: hold it, never drop it
    │   ├── KubernetesUnavailableError  the API server gave no answer, or not the one it should
    │   ├── KubernetesForbiddenError    its RBAC does not let us; a Role may be granted any time
    │   └── KubernetesConflictError     someone else has written there first: read it again
    └── PermanentError              trying again cannot help
        ├── AuthenticationError         vCenter refuses the user name or password
        ├── CertificateError            vCenter's certificate is not trusted
        ├── VcenterRefusedError         vCenter understood the request and says no (a missing privilege, say)
        ├── OutputClosedError           nobody reads our standard output any more: end quietly
        ├── OvertakenError              another adapter does our work now: stop
        │   └── LeaseLostError              another adapter may do it soon: stop, and stand by
        └── EventRefusedError           the sink will never take this event

Exceptions of libraries are mapped to these where they enter (``vcenter.failures``, ``sinks``, ``state.kube``), with the
original as ``__cause__``. The other packages see no others.
"""

from collections.abc import Sequence
from datetime import datetime

from vcenter_source.core.event import Identity


class VcenterSourceError(Exception):
    """Base of every failure that this project names. The message is one line for an operator."""


class ConfigurationError(VcenterSourceError):
    """A setting is missing or wrong. The message names the setting and what to do."""


class RetryableError(VcenterSourceError):
    """A failure that may pass by itself."""


class VcenterUnavailableError(RetryableError):
    """vCenter could not be reached, or is not ready."""


class SessionLostError(RetryableError):
    """vCenter no longer knows our session or our collector."""


class CollectorStuckError(RetryableError):
    """The collector shows nothing more although vCenter has more: ``unread`` are the events known, oldest first."""

    def __init__(self, message: str, *, unread: Sequence[Identity]) -> None:
        super().__init__(message)
        self.unread = unread


class KeysRewoundError(RetryableError):
    """Keys have begun anew, and an event may look like an old one: read again what is not known by name."""


class ClockSetBackError(RetryableError):
    """vCenter's clock was set back: a collector of events created since some time may miss those that come now.

    No event since then was created before ``earliest``.
    """

    def __init__(self, message: str, *, earliest: datetime) -> None:
        super().__init__(message)
        self.earliest = earliest


class SinkUnavailableError(RetryableError):
    """The sink did not accept the event this time.

    ``retry_after`` is the delay in seconds that the sink asked for, None without one. ``status`` is its HTTP status
    code, None without a response, and ``body`` the beginning of that response. ``takers`` are those behind the sink
    that have the event already, if it knows of any.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        body: bytes = b"",
        takers: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.body = body
        self.takers = takers


class SinkAccessError(SinkUnavailableError):
    """The response is about the way to the sink (a log-in, a policy, a proxy, another address), not about the event.

    Every event should get it; if others get through meanwhile, the event is to blame after all.
    """


class DeadLetterUnavailableError(RetryableError):
    """The dead letter is full, out of reach or not configured. The message says which, and what would help."""


class DeadLetterFullError(DeadLetterUnavailableError):
    """There is no room for the letter: the disk is full, or the folder has reached its limit."""


class KubernetesUnavailableError(RetryableError):
    """The API server could not be reached, or did not do what it was asked to."""


class KubernetesForbiddenError(RetryableError):
    """The API server does not permit it. The message names the verb, the resource and the namespace."""


class KubernetesConflictError(RetryableError):
    """The object to be written has been changed, created or removed since it was read."""


class PermanentError(VcenterSourceError):
    """A failure that trying again cannot mend."""


class UnknownLetterError(PermanentError):
    """No dead letter has the id that was asked for."""


class OutputClosedError(PermanentError):
    """Nobody reads our standard output any more."""


class OvertakenError(PermanentError):
    """Another adapter has taken over what this one was doing. It must stop delivering at once."""


class LeaseLostError(OvertakenError):
    """The Lease is another's, or could not be renewed in time, so that it may be another's soon."""


class AuthenticationError(PermanentError):
    """vCenter refuses the user name or the password."""


class CertificateError(PermanentError):
    """vCenter's TLS certificate cannot be verified."""


class VcenterRefusedError(PermanentError):
    """vCenter understood a request and refused it."""


class EventRefusedError(PermanentError):
    """The sink will never take this event.

    ``status`` is its HTTP status code, None if it was not even asked, and ``body`` the beginning of its response.
    ``takers`` are those behind the sink that have the event all the same.
    """

    def __init__(
        self, message: str, *, status: int | None = None, body: bytes = b"", takers: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.takers = takers
