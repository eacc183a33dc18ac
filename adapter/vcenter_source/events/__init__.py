"""What is known of event types, and how an event becomes a CloudEvent."""
