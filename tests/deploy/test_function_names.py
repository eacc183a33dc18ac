"""The names of functions, beside those of what config/knative brings."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.deploy.function_manifest import printed, write
from tests.support.manifest_files import FOLDERS
from vcenter_source.core.errors import ConfigurationError

HANDLER = "from vcenter_functions import on\n@on('VmPoweredOnEvent')\ndef stamp(event): ...\n"


def test_a_function_cannot_replace_what_config_knative_brings(tmp_path: Path) -> None:
    path = write(tmp_path, HANDLER)
    kinds = {manifest.kind for manifest in printed(path)}
    brought = {m.name for folder in ("knative", "knative-ha") for m in FOLDERS[folder] if m.kind in kinds}
    for name in {*brought, "vcenter-credentials"} - {"pytag"}:  # which may be deployed so
        with suppress(ConfigurationError):
            objects = {(manifest.kind, manifest.name) for manifest in printed(path, name=name)}
            assert not objects & {(m.kind, m.name) for folder in FOLDERS.values() for m in folder}
    with pytest.raises(ConfigurationError, match="--name: 'dead-letters' names an object of config/knative"):
        printed(path, name="dead-letters")
