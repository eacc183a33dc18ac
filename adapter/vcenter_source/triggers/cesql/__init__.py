"""CESQL, the language of expressions in filters (CloudEvents SQL 1.0).

``grammar`` parses an expression into a tree, and ``evaluation`` evaluates the tree for an event, with the ``functions``
of the language. ``analysis`` makes a condition of it for the linter. ``like`` is the operator LIKE.
"""
