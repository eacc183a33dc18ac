"""The custom resources that the manifests use, as their CRDs and webhooks take them; see tests/manifest_schema.py.

From knative/eventing 1.22 (config/core/resources, pkg/apis), knative/serving (pkg/apis/serving) and the Prometheus
Operator 0.85 to 0.92 (example/prometheus-operator-crd). Fields that no manifest of ours could want, such as status, are
left out.
"""

from typing import Any

REFERENCE = {"apiVersion!": "str", "kind!": "str", "name!": "str", "namespace": "str"}
DESTINATION = {"ref": {**REFERENCE, "address": "str"}, "uri": "str", "CACerts": "str", "audience": "str"}
DELIVERY = {
    "retry": "int",
    "backoffPolicy": "str",
    "backoffDelay": "str",
    "timeout": "str",
    "deadLetterSink": DESTINATION,
}
OVERRIDES = {"extensions": "Dict[str, str]"}
RULE = {
    "alert!": "str",
    "expr!": "str",
    "for": "str",
    "keep_firing_for": "str",
    "labels": "Dict[str, str]",
    "annotations": "Dict[str, str]",
}
ENDPOINT = {"port": "str", "path": "str", "interval": "str", "scrapeTimeout": "str", "scheme": "str"}

CRDS: dict[tuple[str, str], dict[str, Any]] = {
    ("eventing.knative.dev/v1", "Broker"): {"spec": {"config": REFERENCE, "delivery": DELIVERY}},
    ("eventing.knative.dev/v1", "Trigger"): {
        "spec!": {
            "broker!": "str",
            "filter": {"attributes!": "Dict[str, str]"},
            "filters": "List[object]",
            "subscriber!": DESTINATION,
            "delivery": DELIVERY,
        }
    },
    ("eventing.knative.dev/v1beta2", "EventType"): {
        "spec!": {
            "type!": "str",
            "source": "str",
            "schema": "str",
            "schemaData": "str",
            "description": "str",
            "reference": REFERENCE,
        }
    },
    ("sources.knative.dev/v1", "ContainerSource"): {
        "spec!": {"template!": "V1PodTemplateSpec", "sink!": DESTINATION, "ceOverrides": OVERRIDES}
    },
    ("sources.knative.dev/v1", "SinkBinding"): {
        "spec!": {
            "subject!": {
                "apiVersion!": "str",
                "kind!": "str",
                "name": "str",
                "namespace": "str",
                "selector": "V1LabelSelector",
            },
            "sink!": DESTINATION,
            "ceOverrides": OVERRIDES,
        }
    },
    ("serving.knative.dev/v1", "Service"): {"spec": {"template": "V1PodTemplateSpec"}},
    ("monitoring.coreos.com/v1", "PodMonitor"): {
        "spec!": {
            "selector!": "V1LabelSelector",
            "namespaceSelector": "object",
            "podMetricsEndpoints": [ENDPOINT],
        }
    },
    ("monitoring.coreos.com/v1", "PrometheusRule"): {"spec": {"groups": [{"name!": "str", "rules!": [RULE]}]}},
}
