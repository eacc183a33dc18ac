"""What can go wrong, named for what to do about it.

    VcenterSourceError
    ├── ConfigurationError          a setting is missing or wrong: say which, exit 2
    ├── RetryableError              try again later, lose nothing
    │   ├── VcenterUnavailableError     no answer, or an answer that means "not now"
    │   ├── SessionLostError            log in again, make a new collector, resume
    │   ├── ClockSetBackError           read again from the time that vCenter's clock shows now
    │   ├── KeysRewoundError            read again what only its time and key tell to have been read
    │   ├── CollectorStuckError         make a new collector, at last behind what it cannot pass
    │   ├── SinkUnavailableError        the sink did not take the event; may name a delay
    │   │   └── SinkAccessError             its answer speaks of the way there, not of the event
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

Foreign exceptions are mapped to these at the seam where they enter (``vcenter.failures``,
``sinks``, ``state.kube``), with the original as ``__cause__``; the other rooms know no others.
"""

from collections.abc import Sequence
from datetime import datetime

from vcenter_source.core.event import Identity


class VcenterSourceError(Exception):
    """Base of every failure this project names. The message is one line, fit for an operator to read."""


class ConfigurationError(VcenterSourceError):
    """A setting is missing or wrong. The message names the setting and what to do."""


class RetryableError(VcenterSourceError):
    """A failure that may pass by itself."""


class VcenterUnavailableError(RetryableError):
    """vCenter could not be reached, or is not ready."""


class SessionLostError(RetryableError):
    """vCenter no longer knows our session or our collector."""


class CollectorStuckError(RetryableError):
    """The collector shows nothing more although vCenter has more: ``unread`` is what is known of it, oldest first."""

    def __init__(self, message: str, *, unread: Sequence[Identity]) -> None:
        super().__init__(message)
        self.unread = unread


class KeysRewoundError(RetryableError):
    """Keys have begun anew, and an event may have been taken for an old one: read what is not known by name again."""


class ClockSetBackError(RetryableError):
    """vCenter's clock was set back: a collector of what was created since some time may miss what comes now.

    Nothing since then was created before ``earliest``.
    """

    def __init__(self, message: str, *, earliest: datetime) -> None:
        super().__init__(message)
        self.earliest = earliest


class SinkUnavailableError(RetryableError):
    """The sink did not take the event this time.

    ``retry_after`` is the delay in seconds that the sink asked for, None where it named none. ``status`` is its HTTP
    status code, None where it gave no answer, and ``body`` the beginning of that answer. ``takers`` are those behind
    the sink that have the event already, where it knows of any.
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
    """The answer speaks of the way to the sink (a log-in, a policy, a proxy, another address), not of the event.

    Whoever sends is answered so, as far as this answer can tell; where others get through, it is the event after all.
    """


class DeadLetterUnavailableError(RetryableError):
    """The dead letter is full, out of reach or not configured. The message says which, and what would help."""


class KubernetesUnavailableError(RetryableError):
    """The API server could not be reached, or did not do what it was asked."""


class KubernetesForbiddenError(RetryableError):
    """The API server does not permit it. The message names the verb, the resource and the namespace."""


class KubernetesConflictError(RetryableError):
    """What was to be written has been changed, made or removed since it was read."""


class PermanentError(VcenterSourceError):
    """A failure that trying again cannot mend."""


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

    ``status`` is its HTTP status code, None where it was not even asked, and ``body`` the beginning of its answer.
    ``takers`` are those behind the sink that have the event all the same.
    """

    def __init__(
        self, message: str, *, status: int | None = None, body: bytes = b"", takers: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.takers = takers
