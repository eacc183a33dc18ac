"""A vCenter to develop against: events and inventory over SOAP and VI/JSON, tagging over REST, faults on demand."""
