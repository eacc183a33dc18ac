"""A function's sessions with vCenter's REST API: the only package that talks to vCenter."""
