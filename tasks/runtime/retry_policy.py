"""When a retry helps: the world outside hiccuped. A fault of the data or of the code is never tried again."""

from __future__ import annotations

from typing import Any

DELAYS: list[float] = [10, 60, 300]  # seconds; a network share that is remounted comes back within minutes


def if_the_world_hiccuped(_task: Any, _run: Any, state: Any) -> bool:
    """True for errors of files and networks, False for every WristError and every bug."""
    try:
        state.result()
    except OSError as error:
        return not isinstance(error, FileNotFoundError | PermissionError)
    except BaseException:
        return False
    return False
