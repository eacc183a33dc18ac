"""``python -m docs.tools.function_manifests``: write config/functions/NAME, which is what ``function manifest`` prints.

A kustomization stands beside it, so that settings can be patched: ``kubectl apply -k config/functions/NAME``.
"""

from collections.abc import Mapping
from pathlib import Path

from vcenter_source.commands.function.manifest import ManifestRequest, build_manifest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config" / "functions"
_IMAGE = "kubectl-apply-k://vcenter-source-function"
_MAIL = ("SMTP_HOST=smtp.example.com", "MAIL_FROM=vcenter@example.com", "MAIL_TO=ops@example.com")

OPTIONS: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "archive": ((), (5432,)),
    "email": (_MAIL, (587,)),
    "maintenance": ((), ()),
    "notify": ((), ()),
    "pyattr": ((), ()),
}
"""The settings of each function, and the ports that it calls beside 443. Those of example.com are to be patched."""


def render(name: str) -> dict[str, str]:
    """Return the text of each file of a function's folder."""
    environment, ports = OPTIONS[name]
    handler = str(ROOT / "functions" / name / "handler.py")
    manifest = build_manifest(ManifestRequest(handler, base_image=_IMAGE, environment=environment, ports=ports))
    first = f"# vcenter-source function manifest functions/{name}/handler.py; make docs writes it anew.\n"
    return {
        "function.yaml": first + manifest.format(),
        "kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "components:\n  - ../../images\nresources:\n  - function.yaml\n",
    }


if __name__ == "__main__":
    for name in OPTIONS:
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        for file, text in render(name).items():
            (FOLDER / name / file).write_text(text, encoding="utf-8")
