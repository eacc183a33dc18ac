"""Functions that act on the CloudEvents; none of them knows the adapter."""

__version__ = "0.1.0"
"""That of the distribution, which the functions' image comes without."""
