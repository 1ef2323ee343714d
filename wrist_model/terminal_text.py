"""Text of others made harmless for a terminal: names of files, reasons and values of rows may hold escape sequences."""

from __future__ import annotations

import re

_COMMANDS = "\x00-\x08\x0b-\x1f\x7f-\x9f"  # ECMA-48's C0 and C1, all but tab and newline
_ORDER = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Unicode's bidirectional controls: they show a name backwards
_LINES = "\u2028\u2029"
_UNSAFE = re.compile(f"[{_COMMANDS}{_ORDER}{_LINES}]")
_UNSAFE_IN_A_LINE = re.compile(f"[{_COMMANDS}{_ORDER}{_LINES}\t\n]")


def escaped(text: str) -> str:
    """The text with what a terminal takes for a command written out, `\\x1b`; lines and tabs stay."""
    return _UNSAFE.sub(_written_out, text)


def in_a_line(text: str) -> str:
    """The same, in one line: a name with a line break could else make a line of its own."""
    return _UNSAFE_IN_A_LINE.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
