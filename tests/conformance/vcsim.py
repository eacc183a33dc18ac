"""vcsim, govmomi's simulator: found, built if need be, and run."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODULE = "github.com/vmware/govmomi/vcsim@v0.46.3"
"""The last version that go can install by name: later ones keep the program in a module of its own, without a tag."""


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vcenter-source"


def binary() -> Path:
    """On PATH, else in the cache folder, else built into the cache folder with go (it takes some minutes)."""
    found = shutil.which("vcsim") or shutil.which("vcsim", path=cache_folder())
    if found is None:
        if shutil.which("go") is None:
            raise RuntimeError(f"no vcsim on PATH or in {cache_folder()}, and no go to build it with")
        print(f"building vcsim into {cache_folder()} with go (once, some minutes)", flush=True)  # noqa: T201  so that a long wait is understood
        subprocess.run(["go", "install", MODULE], env=os.environ | {"GOBIN": str(cache_folder())}, check=True)
        found = str(cache_folder() / "vcsim")
    return Path(found)


@contextmanager
def run_vcsim(executable: Path) -> Iterator[str]:
    """Run it on a free port; yields ``https://127.0.0.1:PORT/sdk``. It takes any user name and password."""
    with subprocess.Popen([executable, "-l", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as vcsim:
        try:
            assert vcsim.stdout is not None
            address = re.search(r"GOVC_URL=https://[^@]*@([0-9.:]+)/sdk", vcsim.stdout.readline())
            assert address is not None, "vcsim printed no address"
            yield f"https://{address[1]}/sdk"
        finally:
            vcsim.terminate()
