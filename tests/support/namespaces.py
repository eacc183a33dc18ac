"""Whether mount namespaces can be had on this machine."""

import shutil
import subprocess


def has_namespaces() -> bool:
    """Whether a mount namespace can be had here."""
    unshare = shutil.which("unshare")
    apart = ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/run"]
    return unshare is not None and not subprocess.run([unshare, *apart], capture_output=True, check=False).returncode
