"""What others can see: metrics, health, OTLP."""
