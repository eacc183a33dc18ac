"""display: prints the events that it gets."""
