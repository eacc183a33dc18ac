"""A vCenter to develop against: events and inventory over SOAP, tagging over REST, faults on demand."""
