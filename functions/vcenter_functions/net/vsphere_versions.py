"""Choose the version of the vSphere API to speak. No I/O."""

from pyVmomi.VmomiSupport import GetServiceVersions, versionIdMap

OLDEST_VERSION = "vim.version.version9"
"""vSphere 5.5: spoken until vCenter's version is known."""


def list_releases(oldest: str) -> tuple[str, ...]:
    """Return the releases of the API that pyVmomi knows, ``9.0.0.0``, from the newest down to ``oldest``."""
    releases = [versionIdMap[version] for version in GetServiceVersions("vim25")]
    return tuple(release for release in releases if parse_version(release) >= parse_version(oldest))


def choose_version(api_version: str) -> str:
    """Return the newest version that both pyVmomi and a vCenter of ``api_version`` speak."""
    wanted = parse_version(api_version)
    for version in GetServiceVersions("vim25"):  # newest first
        known = parse_version(versionIdMap[version])
        if known and known <= wanted:
            return str(version)
    return OLDEST_VERSION


def parse_version(version_id: str) -> tuple[int, ...]:
    """Read ``8.0.3.0`` as numbers; internal ids, which are no numbers, become empty."""
    parts = version_id.split(".")
    return tuple(map(int, parts)) if all(map(str.isdigit, parts)) else ()
