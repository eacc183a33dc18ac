"""What a Knative Trigger's filters can match, and Triggers as YAML. The commands and the viewer build on this.

``event_catalog`` knows what the attributes of the adapter's events can be, ``event_types`` lists their types, and
``conditions`` decides whether a filter fits them. ``manifests`` finds Triggers in files; ``filters`` and ``cesql`` read
their filters. ``values`` checks single values, ``router`` filters written for VMware's event router, ``linter`` whole
Triggers. ``builder`` makes new ones.
"""
