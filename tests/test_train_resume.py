"""A training killed with SIGKILL at any moment and started again ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from db.home import work_folders
from tests import small_network, train_data
from wrist_model.records import Epoch
from wrist_model.training import checkpoint

CHILD = """
import json, sys
from pathlib import Path
from tests import test_train_resume as here
sys.stdout.write(json.dumps(here.train(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])) + "\\n")
"""


def train(pictures: Path, home: Path, architecture: str) -> dict[str, object]:
    """Four short epochs on stored features; each finished epoch is also written to home/told."""
    from wrist_model.training import fit

    small_network.known()

    def told(epoch: Epoch) -> None:
        with (home / "told").open("a") as stream:
            stream.write(f"{epoch.epoch} {epoch.loss!r} {epoch.val_loss!r}\n")

    recipe = train_data.recipe(str(pictures / "{architecture}.keras"), epochs=4, views_per_image=4, free_layers=4)
    refs = train_data.refs(pictures, 18)
    found = fit.train(
        refs[:12],
        refs[12:],
        recipe,
        architecture,
        folders=work_folders(home),
        run_id="run",
        on_epoch=told,
        progress=lambda *_: None,
    )
    return {
        "artifact": found.artifact_sha256,
        "best": found.best_epoch,
        "history": [(e.epoch, e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in found.history],
    }


def start(pictures: Path, home: Path, architecture: str) -> subprocess.Popen[str]:
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-c", CHILD, str(pictures), str(home), architecture]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finished(process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def killed_after(process: subprocess.Popen[str], home: Path, marks: int, more: float) -> bool:
    """Kill once `marks` files of progress (features, states, told epochs) have been seen, and `more` seconds on."""
    seen: set[str] = set()
    while process.poll() is None and len(seen) < marks:
        seen |= {str(path) for path in home.rglob("*.npz")} | {str(path) for path in home.rglob("*.rows")}
        time.sleep(0.002)
    time.sleep(more)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def campaign(folder: Path, architecture: str, kills: int, seed: int) -> int:
    """Kill `kills` times, each at another moment of one training or the next; every end equals the uninterrupted."""
    pictures = folder / "pictures"
    small_network.known()
    train_data.backbone(pictures, architecture)
    expected = finished(start(pictures, folder / "whole", architecture))
    rng, landed, attempt = random.Random(seed), 0, 0
    while landed < kills:
        attempt += 1
        here = folder / str(attempt)
        for _ in range(rng.randint(1, 3)):
            marks = rng.randint(0, 4)
            more = rng.random() * 0.4
            if landed < kills and killed_after(start(pictures, here, architecture), here, marks, more):
                landed += 1
        assert finished(start(pictures, here, architecture)) == expected
        lines = (here / "told").read_text().splitlines()
        assert sorted(set(lines)) == sorted({f"{e[0]} {e[1]!r} {e[3]!r}" for e in expected["history"]})  # type: ignore
        assert not list(here.glob("runs/*")) and len(list(here.glob("models/*"))) == 1
    return landed


def test_a_killed_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    assert campaign(tmp_path, small_network.NAME, kills=4, seed=1) == 4


@pytest.mark.soak
def test_twenty_kills_leave_no_trace(tmp_path: Path) -> None:
    assert campaign(tmp_path, "resnet50", kills=20, seed=2) == 20


def test_a_damaged_or_foreign_state_is_not_gone_on_with(tmp_path: Path) -> None:
    epochs = tuple(Epoch(i, 1.0, 0.5, 1.0, 0.5, 1e-3, 1.0) for i in (1, 2))
    checkpoint.save(tmp_path, checkpoint.State(epochs[:1], 1, 0, (), ()), "mine")
    (tmp_path / "state-2.npz").write_bytes(b"PK half a file")
    found = checkpoint.load(tmp_path, "mine")
    assert found is not None and len(found.history) == 1
    assert checkpoint.load(tmp_path, "another's") is None
    checkpoint.save(tmp_path, checkpoint.State(epochs, 1, 1, (), ()), "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-1.npz", "state-2.npz"]
