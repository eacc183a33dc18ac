"""What every package stands on: events, errors, back-off, connection status, tracing, logs, HTTP server, files."""
