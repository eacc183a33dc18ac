"""The commands for those who write functions: ``function new``, ``manifest`` and ``run``.

    app             the commands; no logic
    required        whether what handlers need is installed
    new             the files of a new function; templates has their text, wanted their types of event
    run             a handler.py served; children has the processes, attempts what became of each event
    manifest        what a function needs in a cluster, put together from:
    workload        ConfigMap, NetworkPolicy, Deployment and Service, or Knative Service
    subscriptions   its Triggers; event_names has their types
    sources         its files; standard knows what the image has
    variables       its settings

Names are checked by ``names``.
"""
