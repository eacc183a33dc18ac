"""A PostgreSQL server of one's own: in a folder, on a Unix socket, started and stopped at will."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

FAST = "-c fsync=off -c listen_addresses='' -c shared_buffers=1MB -c autovacuum=off -c max_connections=10"


@dataclass(frozen=True)
class Postgres:
    """A server that can be started and stopped. ``account`` is the system's, which cannot be root."""

    folder: Path
    programs: Path
    account: str

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.folder), safe='')}"

    def init(self) -> None:
        self._run("initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8")

    def start(self) -> None:
        options = f"{FAST} -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "start", "-w", "-s", "-l", str(self.folder / "log"), "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-s", "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments, "-D", str(self.folder / "data")]
        user = self.account if os.getuid() == 0 else None
        groups: list[str] | None = [] if user else None
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        subprocess.run(
            command, check=True, user=user, group=user and pwd.getpwnam(user).pw_gid, extra_groups=groups,
            env=environment, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30,
        )  # fmt: skip


@contextmanager
def run_postgres() -> Iterator[Postgres]:
    """Run a server with an empty database. Skips the test where there is no PostgreSQL."""
    programs, account = _find_programs(), _find_account()
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a short path: that of a socket has 107 bytes
    if os.getuid() == 0:
        shutil.chown(folder, account)
    postgres = Postgres(folder, programs, account)
    try:
        postgres.init()
        postgres.start()
        yield postgres
    finally:
        with suppress(subprocess.CalledProcessError):
            postgres.stop()
        shutil.rmtree(folder)


def _find_programs() -> Path:
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if found := shutil.which("initdb"):
        places.append(Path(found).resolve().parent)
    for place in places:
        if (place / "initdb").exists() and (place / "pg_ctl").exists():
            return place
    pytest.skip("NOT RUN: no PostgreSQL (apt install postgresql)")


def _find_account() -> str:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.skip("NOT RUN: PostgreSQL does not run as root, and there is no account postgres or nobody")
