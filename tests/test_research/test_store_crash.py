"""Nothing lost, nothing doubled: writers that are killed, that meet, and that find the disk full, each in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from store_writer import BATCH, NOTES, NOW, notes

from research.errors import StoreError
from research.maintenance import compact, history, vacuum
from research.store import Store

WRITER = Path(__file__).with_name("store_writer.py")


def child(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(WRITER), *map(str, arguments)]
    settings = os.environ | {"POLARS_MAX_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings)


def end(process: subprocess.Popen[str]) -> list[str]:
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert not error
    return out.splitlines()


def whole(home: Path) -> int:
    """Return how many batches are stored, after checking that each is there once and entire, the first ones."""
    store = Store(home)
    if not home.exists() or store.version(NOTES) is None:
        return 0
    found = store.read(NOTES)
    assert found.equals(notes(0, found.height))
    assert found.height % BATCH == 0
    return found.height // BATCH


def unnamed(home: Path) -> list[Path]:
    """Return data files that no commit names."""
    log = "".join(path.read_text() for path in (home / "notes" / "_delta_log").glob("*.json"))
    return [path for path in (home / "notes").glob("*.parquet") if path.name not in log]


def test_a_writer_killed_at_any_moment_loses_and_doubles_nothing(tmp_path):
    home, rng, reached = tmp_path / "home", np.random.default_rng(7), []
    for _ in range(4):
        # Begins with two batches that are there already.
        process = child("write", home, max(0, (reached or [0])[-1] - 2), 400)
        assert process.stdout is not None
        for _ in range(int(rng.integers(4, 10))):
            process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        reached.append(whole(home))
    assert reached == sorted(reached), "a batch that was stored is there after the next crash"
    assert 0 < reached[-1] < 400, "the kills came too early or too late to prove anything"
    end(child("write", home, 0, reached[-1] + 5))
    assert whole(home) == reached[-1] + 5


@pytest.mark.parametrize(("moment", "stored", "left"), [("before", 2, 1), ("after", 4, 0)])
def test_a_kill_just_before_or_after_the_commit(tmp_path, moment, stored, left):
    home = tmp_path / "home"
    Store(home).append(NOTES, notes(0, 2 * BATCH))
    process = child("die", home, 1, 4, moment)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert (whole(home), len(unnamed(home))) == (stored, left)
    end(child("write", home, 0, 4))
    assert whole(home) == 4
    assert vacuum(Store(home), "notes", retention=timedelta(0)).files == left
    assert (whole(home), unnamed(home)) == (4, [])


def test_a_compaction_killed_at_any_moment_changes_no_row(tmp_path):
    home, rng = tmp_path / "home", np.random.default_rng(11)
    store = Store(home)
    for k in range(12):
        store.append(NOTES, notes(k * BATCH, (k + 1) * BATCH))
    for _ in range(3):
        process = child("compact", home, 0, 1)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert whole(home) == 12
    compact(store, NOTES, now=NOW)
    assert whole(home) == 12
    assert store.read(NOTES, version=3).equals(notes(0, 4 * BATCH))


def test_the_folder_can_be_claimed_again_after_a_kill(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".tidings.json.x3f").write_text('{"lay')
    store = Store(home)
    assert store.append(NOTES, notes(0, 5)).added == 5
    (home / "other" / "_delta_log").mkdir(parents=True)
    assert Store(home).read(NOTES).height == 5


def test_writers_at_once_store_each_row_once(tmp_path):
    home = tmp_path / "home"
    # All write the same batches: whoever comes second adds nothing.
    lines = [end(process) for process in [child("write", home, 0, 25) for _ in range(3)]]
    assert whole(home) == 25
    added = sum(int(line.split()[1]) for found in lines for line in found if line.startswith("added"))
    assert added == 25 * BATCH
    log = history(Store(home), "notes")
    assert log["rows_added"].sum() == 25 * BATCH
    assert not unnamed(home), "a writer that came second takes its file away"


def test_writers_of_different_rows_and_a_compaction_do_not_get_in_each_others_way(tmp_path):
    home = tmp_path / "home"
    Store(home).append(NOTES, notes(0, BATCH))
    processes = [child("write", home, 1, 15), child("write", home, 15, 30), child("compact", home, 0, 10)]
    for process in processes:
        end(process)
    assert whole(home) == 30


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_is_one_sentence_and_changes_nothing(tmp_path):
    home = tmp_path / "home"
    Store(home).append(NOTES, notes(0, 2 * BATCH))
    refused = end(child("full", home, 0, 50, 0, 100, 700, 1_500))[1:]
    assert len(refused) == 4
    for said in refused:
        assert said.startswith("StoreError: Table notes in ")
        assert "nothing of this write was added" in said
        assert "check the disk" in said
    assert whole(home) == 2
    assert not unnamed(home), "what was half written is taken away: the disk is full"
    assert end(child("full", home, 0, 50, 10_000_000))[1] == str(48 * BATCH)
    assert whole(home) == 50


def test_a_commit_that_fails_leaves_no_file_and_one_that_landed_keeps_its_own(tmp_path, monkeypatch):
    from deltalake import DeltaTable

    home = tmp_path / "home"
    store = Store(home)
    store.append(NOTES, notes(0, BATCH))
    commit = DeltaTable.create_write_transaction

    def refused(*arguments, **settings):
        raise OSError(28, "No space left on device")

    def interrupted(*arguments, **settings):
        commit(*arguments, **settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(DeltaTable, "create_write_transaction", refused)
    with pytest.raises(StoreError, match="No space left on device"):
        store.append(NOTES, notes(0, 2 * BATCH))
    assert (whole(home), unnamed(home)) == (1, [])
    monkeypatch.setattr(DeltaTable, "create_write_transaction", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.append(NOTES, notes(0, 2 * BATCH))
    assert whole(home) == 2
    monkeypatch.undo()
    assert store.append(NOTES, notes(0, 2 * BATCH)).added == 0


def test_a_checkpoint_that_fails_does_not_fail_the_write(tmp_path, monkeypatch):
    from deltalake import DeltaTable

    store = Store(tmp_path / "home")
    monkeypatch.setattr("research.store._CHECKPOINT", 2)

    def refused(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DeltaTable, "create_checkpoint", refused)
    for k in range(4):
        assert store.append(NOTES, notes(k * BATCH, (k + 1) * BATCH)).added == BATCH
    monkeypatch.undo()
    monkeypatch.setattr("research.store._CHECKPOINT", 2)
    store.append(NOTES, notes(4 * BATCH, 5 * BATCH))
    assert list((tmp_path / "home" / "notes" / "_delta_log").glob("*.checkpoint.parquet"))
    assert whole(tmp_path / "home") == 5
    assert store.read(NOTES, version=1).equals(notes(0, 2 * BATCH)), "a checkpoint leaves the log before it readable"
