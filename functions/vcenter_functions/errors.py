"""What can go wrong in pytag, named for what to do about it.

    PytagError
    ├── SettingsError                a setting is missing or wrong: say which, exit 2
    ├── RetryableError               answered 503 with Retry-After: the Broker delivers the event again
    │   ├── VcenterUnavailableError      no answer, or one that means "not now"
    │   └── LoginRefusedError            vCenter refuses the credentials, until someone changes them
    └── PermanentError               delivering the event again cannot help
        ├── RequestRefusedError          the request is no CloudEvent that we take: 400, 413, 415; or it does not come:
        │                                408, which a Broker retries all the same
        ├── OtherVcenterError            the event is another vCenter's: 422
        ├── NoObjectError                the event is about no object: 422
        └── VcenterRefusedError          vCenter understood and says no: 422
            ├── ForbiddenError               a missing privilege, or a missing object (vCenter does not tell which)
            └── UnknownError                 no such category, tag, or path
                └── MissingTagError              TAG names none that vCenter has, and it is not to be made

Only what is asked about the event's own object can refuse the event. A refusal before that, at the log-in or while the
tag is looked up, becomes a VcenterUnavailableError; but a MissingTagError stays, so that a typing error in TAG shows.
Foreign exceptions become these in ``vcenter_functions.client``, with the original as ``__cause__``.
"""


class PytagError(Exception):
    """Base of every failure pytag names. The message is one line that says what to do, and holds no secret."""


class SettingsError(PytagError):
    """A setting is missing or wrong. The message names it."""


class RetryableError(PytagError):
    """A failure that may pass. ``retry_after`` is the delay in seconds to ask for, None for the usual one."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class VcenterUnavailableError(RetryableError):
    """vCenter could not be reached, or is not ready."""


class LoginRefusedError(RetryableError):
    """vCenter refuses the user name or the password. The event can wait until they are put right."""


class PermanentError(PytagError):
    """A failure that delivering the event again cannot mend. ``status`` is the HTTP status that says so."""

    status = 422


class RequestRefusedError(PermanentError):
    """The request is not a CloudEvent that pytag takes."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class OtherVcenterError(PermanentError):
    """The event is of another vCenter, where its object's id means another object."""


class NoObjectError(PermanentError):
    """The event names no managed object."""


class VcenterRefusedError(PermanentError):
    """vCenter refused a request. ``kind`` is the vAPI error's name in lower case, empty where it gave none."""

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class ForbiddenError(VcenterRefusedError):
    """A missing privilege, or a missing object."""


class UnknownError(VcenterRefusedError):
    """vCenter knows no such category or tag."""


class MissingTagError(UnknownError):
    """vCenter has no tag, or no category, of the name in TAG."""
