"""What the adapter and the functions share of OpenTelemetry: its variables, and the session that OTLP is sent with."""
