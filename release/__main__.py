"""``python -m release x.y.z``, which ``make release VERSION=x.y.z`` runs. Exits with 2 if there is no release."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from release.errors import ReleaseError
from release.files import write_files
from release.manifest import read_digests
from release.versions import check_registry, check_version, is_registry, read_registry, set_registry, set_version

ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Make the release that the arguments ask for; return the exit code."""
    parser = argparse.ArgumentParser(prog="release")
    parser.add_argument("version")
    parser.add_argument("--registry", default="", help="where the images are; else, as config/images says")
    parser.add_argument("--digests", default="", help="a file with a line NAME sha256:… for each image")
    parser.add_argument("--bill-tool", type=Path, required=True, help="cyclonedx-py")
    options = parser.parse_args(arguments)
    try:
        make_release(root, options)
    except ReleaseError as exc:
        print(f"release: {exc}", file=sys.stderr)
        return 2
    return 0


def make_release(root: Path, options: argparse.Namespace) -> None:
    """Check what is asked for, set version and registry, write dist/, and say what was done."""
    check_version(root, options.version)
    if options.registry:
        check_registry(options.registry)
    digests = read_digests(Path(options.digests)) if options.digests else {}
    check_tree(root, f"v{options.version}")
    changed = set_version(root, options.version, datetime.now(UTC).date())
    changed += set_registry(root, options.registry) if options.registry else []
    for file in write_files(root, options.version, options.bill_tool, digests):
        print(f"{file.relative_to(root)}  {file.stat().st_size / 1000:.0f} kB")
    if changed:
        print(f"changed, and to be committed: {' '.join(dict.fromkeys(changed))}")
    if not is_registry(read_registry(root)):
        print("no registry is set, so vcenter-source.yaml says how to set it; REGISTRY=ghcr.io/team sets it for good")


def check_tree(root: Path, tag: str) -> None:
    """Raise ReleaseError unless all files are as in the commit, and the tag is free, or of this commit."""
    changes = [line[3:] for line in run_git(root, "status", "--porcelain").splitlines()]
    if changes:
        more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
        raise ReleaseError(f"there are changes since the last commit: {changes[0]}{more}; commit or stash them")
    tagged = run_git(root, "rev-parse", "--quiet", "--verify", f"refs/tags/{tag}^{{commit}}", expected=(0, 1))
    if tagged and tagged != run_git(root, "rev-parse", "HEAD"):
        raise ReleaseError(f"the tag {tag} is of another commit; check that out, or choose a higher version")


def run_git(root: Path, *arguments: str, expected: Sequence[int] = (0,)) -> str:
    """Return what git prints. Raises ReleaseError."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode not in expected:
        raise ReleaseError(f"a release is made in a clone: git {arguments[0]} says: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback; dist/ is made anew each time
    sys.exit(main())
