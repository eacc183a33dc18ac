"""The way of an event: reader, cursor, processor, dispatcher; and dead letters sent again."""
