"""A command with bounded memory and time, for what ran out of both before."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path


def run(*words: str, gibibytes: float = 4.0, seconds: float = 100.0) -> subprocess.CompletedProcess[str]:
    """`python WORDS…`, whose processes may each map so much memory; ended after so many seconds."""
    most = round(gibibytes * (1 << 30))
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": ".", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )
