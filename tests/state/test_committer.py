"""What keeps the checkpoint saved: a store that is full at the start, and one that loses what was saved to it."""

import asyncio
import errno
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.kube_api import KubeApi
from tests.support.namespaces import has_namespaces
from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.core.errors import KubernetesForbiddenError, OvertakenError
from vcenter_source.state import kube
from vcenter_source.state.checkpoint import CheckpointStore, OffsetTracker
from vcenter_source.state.checkpoint.committer import CheckpointCommitter
from vcenter_source.state.checkpoint.configmap import ConfigMapBook, ConfigMapStore
from vcenter_source.state.checkpoint.file import FULL, FileStore

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
NAME = "checkpoint"


class Kept:
    """A committer over a store, and the tracker that moves on by one event at a time."""

    def __init__(self, store: CheckpointStore) -> None:
        self.tracker = OffsetTracker("0000-1111", None)
        self.connection = ConnectionStatus()
        self.committer = CheckpointCommitter(store, self.tracker, self.connection)

    def begin(self) -> None:
        asyncio.run(self.committer.claim())

    def save(self) -> None:
        asyncio.run(self.committer.save())

    def move(self, key: int) -> None:
        self.tracker.acknowledge(self.tracker.track((key, NOW + timedelta(seconds=key))))


def last(store: CheckpointStore) -> int | None:
    """The key of the last event that another process would find acknowledged."""
    found = store.load()
    return found.last[0] if found and found.last else None


def configmap_store(owner: str = "one") -> ConfigMapStore:
    return ConfigMapStore(ConfigMapBook(kube.connect().locate(kube.CONFIG_MAP, NAME, "CHECKPOINT")), owner)


@pytest.mark.parametrize("what", ["deleted", "emptied", "put back to an older one"])
def test_a_file_that_changes_under_us_is_written_anew_also_where_nothing_happens(tmp_path: Path, what: str) -> None:
    path = tmp_path / "checkpoint.json"
    kept = Kept(FileStore(path))
    kept.begin()
    kept.move(1)
    kept.save()
    older = path.read_bytes()
    kept.move(2)
    kept.save()
    for file in (path, path.with_name(path.name + ".previous")):
        file.unlink()
    if what != "deleted":
        path.write_bytes(older if what.startswith("put back") else b"")
    kept.save()
    assert last(FileStore(path)) == 2


@pytest.mark.parametrize("what", ["deleted", "applied again", "emptied", "put back to an older one"])
def test_a_configmap_that_changes_under_us_is_written_anew_also_where_nothing_happens(
    cluster_api: KubeApi, what: str
) -> None:
    kept = Kept(configmap_store())
    kept.begin()
    kept.move(1)
    kept.save()
    older = cluster_api.get("configmaps", NAME)
    assert older is not None
    kept.move(2)
    kept.save()
    if what in {"deleted", "applied again"}:
        cluster_api.delete("configmaps", NAME)
    if what != "deleted":
        data = older["data"] if what.startswith("put back") else {}
        cluster_api.put("configmaps", NAME, {"metadata": {"name": NAME}, "data": data})
    kept.save()
    assert last(configmap_store("another")) == 2


def test_a_configmap_that_vanished_is_known_to_the_next_term_of_the_same_process(cluster_api: KubeApi) -> None:
    """One that leads again, after its Lease was lost, would otherwise begin at START_FROM."""
    store = configmap_store()
    kept = Kept(store)
    kept.begin()
    kept.move(1)
    kept.save()
    cluster_api.delete("configmaps", NAME)
    assert last(store) == 1


def test_before_the_first_event_nothing_is_written_beside_the_owner(cluster_api: KubeApi) -> None:
    kept = Kept(configmap_store())
    kept.begin()
    kept.save()
    assert cluster_api.verbs("configmaps") == ["get", "create", "get"]
    assert kept.connection.reason == ""


def test_what_is_there_as_it_was_saved_is_not_written_again(cluster_api: KubeApi, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.json"
    both = Kept(configmap_store()), Kept(FileStore(file))
    for kept in both:
        kept.begin()
        kept.move(1)
        kept.save()
    updates, written = cluster_api.verbs("configmaps").count("update"), file.stat().st_ino
    for kept in both * 3:
        kept.save()
    assert (cluster_api.verbs("configmaps").count("update"), file.stat().st_ino) == (updates, written)


def test_a_store_that_cannot_be_claimed_is_claimed_by_the_first_save_that_can(cluster_api: KubeApi) -> None:
    older = configmap_store("older")
    older.claim()
    kept = Kept(configmap_store("newer"))
    cluster_api.fault, cluster_api.faulty = 503, lambda verb, _: verb == "update"
    kept.begin()
    assert "answers 503" in kept.connection.reason
    kept.move(1)
    kept.save()
    assert older.check(), "the older one still has it"
    cluster_api.fault = None
    kept.save()
    assert (kept.connection.reason, last(configmap_store("another"))) == ("", 1)
    with pytest.raises(OvertakenError):
        older.check()


def test_a_role_that_does_not_suffice_is_told_at_the_start(cluster_api: KubeApi) -> None:
    cluster_api.denied = {("create", "configmaps")}
    with pytest.raises(KubernetesForbiddenError, match="may not create configmaps"):
        Kept(configmap_store()).begin()


def test_a_file_that_cannot_be_claimed_is_claimed_by_the_first_save_that_can(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    kept = Kept(FileStore(path))
    in_the_way = path.with_name(path.name + ".new")
    in_the_way.mkdir()
    kept.begin()
    kept.move(1)
    kept.save()
    assert "CHECKPOINT: cannot use" in kept.connection.reason
    in_the_way.rmdir()
    kept.save()
    assert (kept.connection.reason, last(FileStore(path))) == ("", 1)


LOAD = """
import sys
from pathlib import Path
from vcenter_source.state.checkpoint.file import FileStore
folder = Path(sys.argv[1])
(folder / "checkpoint.json").write_bytes(Path(sys.argv[2]).read_bytes())
try:
    (folder / "one-more").touch()
except OSError as exc:
    print(exc.errno, FileStore(folder / "checkpoint.json").load().last[0])
"""


@pytest.mark.skipif(not has_namespaces(), reason="no namespaces here")
def test_a_disk_too_full_for_a_lock_is_read_all_the_same(tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    kept = Kept(FileStore(saved))
    kept.begin()
    kept.move(7)
    kept.save()
    full = tmp_path / "full"
    full.mkdir()
    mounted = f'mount -t tmpfs -o nr_inodes=2 none "{full}" && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    command += [sys.executable, "-c", LOAD, str(full), str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert (done.stdout, done.stderr) == (f"{errno.ENOSPC} 7\n", "")
    assert errno.ENOSPC in FULL
