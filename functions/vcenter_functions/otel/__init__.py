"""What the adapter and the functions share of OpenTelemetry: its variables, the SDK's set-up, how spans are sent."""
