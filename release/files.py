"""The files in dist/: the wheel, the sdist, the manifest, the bill of materials, and their checksums."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from release.bill import write_bill
from release.errors import ReleaseError
from release.manifest import NAME, render_manifest

SUMS = "SHA256SUMS"


def write_files(root: Path, version: str, tool: Path, digests: Mapping[str, str]) -> list[Path]:
    """Empty dist/, and write all that is published of this version; return the files. Raises ReleaseError."""
    folder = root / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    build_packages(root, folder)
    (folder / NAME).write_text(render_manifest(root, version, digests), encoding="utf-8")
    write_bill(root, version, tool, folder / f"vcenter-source-{version}.cdx.json")
    files = sorted(folder.iterdir())
    (folder / SUMS).write_text(format_sums(files), encoding="utf-8")
    return [*files, folder / SUMS]


def build_packages(root: Path, folder: Path) -> None:
    """Build wheel and sdist with the locked hatchling; the same commit makes the same bytes."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReleaseError(f"hatchling fails: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def format_sums(files: list[Path]) -> str:
    """Return the lines that ``sha256sum --check`` reads."""
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
