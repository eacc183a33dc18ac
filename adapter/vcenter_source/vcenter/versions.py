"""Which version of the vSphere API to speak. Pure."""

from pyVmomi.VmomiSupport import GetServiceVersions, versionIdMap

OLDEST_VERSION = "vim.version.version9"
"""vSphere 5.5: what is spoken until vCenter has told its version."""


def choose_version(api_version: str) -> str:
    """The newest version that both pyVmomi and a vCenter of ``api_version`` speak."""
    wanted = parse_version(api_version)
    for version in GetServiceVersions("vim25"):  # newest first
        known = parse_version(versionIdMap[version])
        if known and known <= wanted:
            return str(version)
    return OLDEST_VERSION


def parse_version(version_id: str) -> tuple[int, ...]:
    """``8.0.3.0`` as numbers; empty for the internal ids that are none."""
    parts = version_id.split(".")
    return tuple(map(int, parts)) if all(map(str.isdigit, parts)) else ()
