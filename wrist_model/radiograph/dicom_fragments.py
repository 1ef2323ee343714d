"""Encapsulated Pixel Data (PS3.5 A.4) → the coded bytes of each frame, as real files hold them.

Offset tables are believed only where they fit; a missing or zeroed Sequence Delimitation Item does no harm while all
fragments are whole.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from wrist_model.errors import Refused
from wrist_model.radiograph import codestream

_ITEM, _DELIMITER = 0xFFFEE000, 0xFFFEE0DD


@dataclass(frozen=True)
class Fragments:
    """The Basic Offset Table, where each fragment's item begins (counted from the first one), and the fragments.

    end: where the last item ends in the value. cut: whether the data end in the middle of an item. notes: what was
    passed over.
    """

    table: tuple[int, ...]
    starts: tuple[int, ...]
    parts: tuple[bytes, ...]
    end: int
    cut: bool
    notes: tuple[str, ...] = ()


def split(value: bytes, little: bool = True) -> Fragments:
    """The items in a value that begins with an Item tag. Raises Refused `damaged` where it doesn't."""
    order = "<" if little else ">"
    at, items, cut, notes = 0, [], False, []
    while True:
        if at + 8 > len(value):
            rest = value[at:]
            cut = bool(rest.strip(b"\0")) and not b"\xfe\xff\xdd\xe0\0\0\0\0".startswith(rest)
            notes.append("pass over the missing sequence delimiter")
            break
        group, element, length = struct.unpack_from(f"{order}HHI", value, at)
        if (group << 16) + element == _ITEM:
            if length == 0xFFFFFFFF:
                raise Refused("damaged", "An item of the Pixel Data has no length; expected one for each fragment.")
            items.append((at, value[at + 8 : at + 8 + length]))
            at += 8 + length
            if at > len(value):
                cut = True
                break
            continue
        if (group << 16) + element != _DELIMITER:
            notes.append("pass over the missing sequence delimiter")
        break
    if not items and len(value) < 8:
        raise Refused("truncated", "The Pixel Data end before their first fragment: the file was cut short.")
    if not items:
        raise Refused("damaged", "The Pixel Data are said to be compressed, but hold no fragments.")
    table: tuple[int, ...] = ()
    if items[0][1].startswith(codestream.STARTS):
        notes.append("pass over the missing offset table")
    elif len(items) > 1 or not cut:
        (_, stored), *items = items
        table = struct.unpack(f"{order}{len(stored) // 4}I", stored[: len(stored) // 4 * 4])
    first = items[0][0] if items else 0
    starts = tuple(start - first for start, _ in items)
    return Fragments(table, starts, tuple(part for _, part in items), min(at, len(value)), cut, tuple(notes))


def frames(found: Fragments, stated: int | None, extended: tuple[int, ...] = ()) -> tuple[list[bytes], list[str]]:
    """Each frame's coded bytes, and notes. stated: NumberOfFrames, None where it makes no sense.

    extended: the Extended Offset Table (7FE0,0001). Raises Refused (`truncated`, `damaged`) where the fragments can't
    be those of so many frames.
    """
    parts, notes = found.parts, list[str]()
    begun = [n for n, part in enumerate(parts) if part.startswith(codestream.STARTS)]
    count = stated if stated is not None else max(1, len(begun or parts))
    if found.cut or not any(parts):
        raise Refused("truncated", "The Pixel Data end in the middle of a fragment: the file was cut short.")
    if len(begun) > count:
        raise Refused("damaged", f"The Pixel Data hold {len(begun)} codestreams; the header says {count} frame(s).")
    if count == 1:
        if any(table not in ((), (0,)) for table in (found.table, extended)):
            notes.append("pass over the wrong offset table")
        return [b"".join(parts)], notes
    if len(parts) < count:
        raise Refused("truncated", f"The Pixel Data hold {len(parts)} of {count} frames: the file was cut short.")
    if len(parts) == count:
        return list(parts), notes
    for table in (extended, found.table):
        at = [found.starts.index(offset) for offset in table if offset in found.starts]
        if len(table) == len(at) == count and at[0] == 0 and all(a < b for a, b in pairwise(at)):
            return _joined(parts, at), notes
    if len(begun) == count and begun[0] == 0:
        return _joined(parts, begun), [*notes, "pass over the wrong offset table"]
    if begun:
        raise Refused("truncated", f"The Pixel Data hold {len(begun)} of {count} codestreams: the file was cut short.")
    raise Refused("damaged", "The fragments of the Pixel Data can't be told apart into frames: no offset table fits.")


def _joined(parts: tuple[bytes, ...], at: list[int]) -> list[bytes]:
    return [b"".join(parts[a:b]) for a, b in zip(at, [*at[1:], len(parts)], strict=True)]
