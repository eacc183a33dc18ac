"""Why there is no release."""


class ReleaseError(Exception):
    """The release cannot be made. The message is one line: what is wrong, and what to do."""
