"""Where CloudEvents go. The only room that talks to a sink; each module has one kind of it."""
