"""The commands for those who write functions: ``function new``, ``manifest`` and ``run``.

app         the commands; no logic
required    whether what handlers need is installed
new         the files of a new function; templates has their text
"""
