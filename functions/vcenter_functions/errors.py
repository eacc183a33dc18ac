"""What can go wrong in a function, named for what to do about it.

    FunctionError
    ├── SettingsError                a setting is missing or wrong: say which, exit 2
    ├── HandlerError                 a handler cannot be loaded: say why, exit 2
    ├── UnexpectedError              a handler raised what it does not name: 500, which a Broker retries
    ├── TemporaryError               answered 503 with Retry-After: the Broker delivers the event again
    │   ├── VcenterUnavailableError      no answer, or one that means "not now"
    │   └── LoginRefusedError            vCenter refuses the credentials, until someone changes them
    └── PermanentError               delivering the event again cannot help
        ├── BadRequestError              not a CloudEvent that can be read: 400, 413, 415; or its body does not come in
        │                                time: 408, which a Broker retries all the same
        ├── OtherVcenterError            the event is another vCenter's: 422
        ├── NoObjectError                the event is about no object: 422
        └── VcenterRefusedError          vCenter understood and refuses: 422
            ├── ForbiddenError               a missing privilege, or a missing object (vCenter does not tell which)
            └── NotFoundError                no such object, or no such path

Only a call about the event's own object can refuse the event. What is refused before that, at the log-in or while
something else is looked up, becomes a VcenterUnavailableError. Foreign exceptions become these in
``vcenter_functions.vcenter``, with the original as ``__cause__``.
"""


class FunctionError(Exception):
    """Base of every failure that a function names. The message is one line that says what to do, without secrets."""


class SettingsError(FunctionError):
    """A setting is missing or wrong. The message names it."""


class HandlerError(FunctionError):
    """A handler.py, or what it says of a handler, is wrong. The message says where and why."""


class UnexpectedError(FunctionError):
    """A handler raised an exception that says nothing of whether to deliver the event again."""


class TemporaryError(FunctionError):
    """A failure that may pass. ``delay`` is how many seconds to ask for, None for the usual one."""

    def __init__(self, message: str, delay: float | None = None) -> None:
        super().__init__(message)
        self.delay = delay


class VcenterUnavailableError(TemporaryError):
    """vCenter could not be reached, or is not ready."""


class LoginRefusedError(TemporaryError):
    """vCenter refuses the user name or the password. The event can wait until they are put right."""


class PermanentError(FunctionError):
    """A failure that delivering the event again cannot mend. ``status`` is the HTTP status that says so."""

    status = 422


class BadRequestError(PermanentError):
    """The request is not a CloudEvent that can be read. ``status`` says why."""

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


class NotFoundError(VcenterRefusedError):
    """vCenter has no such object, or no such path."""
