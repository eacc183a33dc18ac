"""What tests of several areas share, a module a concept: servers to talk to, processes to start, events to send."""
