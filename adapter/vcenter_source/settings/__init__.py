"""The environment and mounted secrets, read into frozen values nested by area."""
