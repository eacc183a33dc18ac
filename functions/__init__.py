"""Functions that act on the CloudEvents; none of them knows the adapter."""
