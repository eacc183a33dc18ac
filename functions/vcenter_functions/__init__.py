"""What functions share, so that a function is its settings and the handler of its events.

    function     a function, run: settings, log, trace and vCenter session around its handler
    server       HTTP: routes, probes, and the status that a failure becomes; http_limits bounds each request
    vcenter/     sessions with vCenter's REST API
    tracing      the spans of an event
    cloudevent   reading a CloudEvent, and finding the object that it is about
    origin       which vCenter an event is of
    settings     what can be set; logs sets the log up
    login        credentials, and when to try again after a refusal
    errors       what can go wrong, named for what to do about it
    otel/, net/  OpenTelemetry's variables; TLS, proxies and sockets

The adapter uses ``otel``, ``net``, ``login`` and ``spelling`` as well.

Importing this module imports none of them.
"""

__version__ = "0.1.0"
"""The version of the whole distribution: here, since the functions' image comes without its metadata."""
