"""What outlives the process: the checkpoint, dead letters, the Lease."""
