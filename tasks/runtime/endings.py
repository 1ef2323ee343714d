"""How a run that did not finish ended, in words that are stored."""

from __future__ import annotations


def as_ended(error: BaseException) -> str:
    """The reason to store: what stopped the run where somebody did, else the error's type and message."""
    name, message = type(error).__name__, str(error)
    if name == "CancelledRun":
        return "CancelledRun: the run was cancelled"
    if isinstance(error, KeyboardInterrupt):
        return "KeyboardInterrupt: stopped from the keyboard (Ctrl-C)"
    if name == "TerminationSignal":
        return f"TerminationSignal: stopped by signal {getattr(error, 'signal', message)}"
    return f"{name}: {message}" if message else name
