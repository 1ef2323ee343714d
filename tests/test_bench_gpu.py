"""`benchmarks/gpu.sh` where there is no GPU: the same steps at a small size on the CPU."""

from __future__ import annotations

import json

import pytest
import small_network

from benchmarks import gpu


def test_the_gpu_s_script_trains_measures_and_compares_with_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--train", "24", "--validation", "8", "--epochs", "2", "--size", "32"]
    assert gpu.main([*small, "--network", small_network.known()]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["network"] == "threeblocks" and found["images"] == [24, 8]
    assert found["largest_difference_from_cpu"] <= gpu.EQUAL
    assert {"read pictures", "features", "train threeblocks", "the rest"} <= set(found["seconds_by_stage"])
    assert found["epoch_seconds"] > 0 and found["peak_gib_host"] > 0
    assert (found["device"] == "CPU") == (found["peak_gib_gpu"] is None)
