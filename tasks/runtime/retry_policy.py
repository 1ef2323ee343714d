"""When a task is retried: after errors of files and networks, or of a catalogue that others held for longer than a
transaction waits; never after a fault of the data or of the code.

A task that is tried again goes on with what it had stored, as the same command does (tests/test_interleavings.py).
"""

from __future__ import annotations

from typing import Any

from wrist_model.errors import CatalogueBusy

DELAYS: list[float] = [10, 60, 300]  # seconds; a network share that is remounted comes back within minutes


def on_transient_errors(_task: Any, _run: Any, state: Any) -> bool:
    """True for errors of files and networks and a busy catalogue, False for every other WristError and every bug."""
    error = _error(state)
    return isinstance(error, CatalogueBusy) or (
        isinstance(error, OSError) and not isinstance(error, FileNotFoundError | PermissionError)
    )


def on_a_busy_catalogue(_task: Any, _run: Any, state: Any) -> bool:
    """True where others held the catalogue for too long, and for nothing else."""
    return isinstance(_error(state), CatalogueBusy)


def _error(state: Any) -> BaseException | None:
    try:
        state.result()
    except BaseException as error:
        return error
    return None


TRANSIENT: dict[str, Any] = {
    "retries": len(DELAYS),
    "retry_delay_seconds": DELAYS,
    "retry_condition_fn": on_transient_errors,
}
BUSY: dict[str, Any] = {**TRANSIENT, "retry_condition_fn": on_a_busy_catalogue}
"""What `@task` takes: of a task that reads files from elsewhere, and of one that uses the home alone."""
