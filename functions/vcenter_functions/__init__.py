"""What functions share: events, the HTTP contract, sessions with vCenter, tracing, errors."""

__version__ = "0.1.0"
"""The version of the whole distribution: here, since the functions' image comes without its metadata."""
