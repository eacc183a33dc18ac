"""pytag: puts a vSphere tag on, or takes it off, the object that an event is about."""
