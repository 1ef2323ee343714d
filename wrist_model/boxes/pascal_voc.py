"""Pascal VOC: an XML file a picture, boxes in pixels. A document type is refused: entities can ask for any amount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from wrist_model.boxes.drawn import Drawn, Stated, number, word
from wrist_model.errors import Refused
from wrist_model.evidence_records import RefusedRegion

_EDGES = ("xmin", "ymin", "xmax", "ymax")
_OBJECT = ("object", *(f"object/bndbox/{edge}" for edge in _EDGES))
_WANTED = {"filename", "size/width", "size/height", "object/name", *_OBJECT}
_DEEPEST = 100


@dataclass
class _Reader:
    """What expat's calls leave behind: the document's own elements, and those of each object."""

    document: dict[str, str] = field(default_factory=dict)
    objects: list[dict[str, str]] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def start(self, name: str, _: dict[str, str]) -> None:
        self.path.append(name)
        self.text = []
        if len(self.path) > _DEEPEST:
            raise Refused("unparsable", f"The XML is more than {_DEEPEST} elements deep.")
        if self.path[1:] == ["object"]:
            self.objects.append({})

    def characters(self, text: str) -> None:
        self.text.append(text)

    def end(self, _: str) -> None:
        name = "/".join(self.path[1:])
        if name in _WANTED:
            place = self.objects[-1] if name.startswith("object/") else self.document
            place.setdefault(name, "".join(self.text).strip())
        self.path.pop()
        self.text = []

    def refuse(self, *_: object) -> None:
        raise Refused("document_type", "The XML has a document type or entities; boxes need neither. Remove it.")


def stated(data: bytes, picture: str) -> Iterator[Stated]:
    """The boxes of one picture. picture: by the file's own name, where the XML names none.

    Raises Refused (`unparsable`, `document_type`) for the whole file.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise Refused("unparsable", "The file is no well-formed XML.") from None
    if not reader.path and not reader.document and not reader.objects:
        raise Refused("unparsable", "The XML has neither a picture nor an object: no Pascal VOC.")
    named = reader.document.get("filename", "")
    for count, found in enumerate(reader.objects, start=1):
        place = f"object {count}"
        try:
            edges = [number(found.get(f"object/bndbox/{edge}", "")) for edge in _EDGES]
            yield Drawn(
                place,
                named or picture,
                word(found.get("object/name", "")),
                (edges[0], edges[1], edges[2], edges[3]),
                shares=False,
                size=_size(reader.document),
                by_file=not named,
            )
        except Refused as refused:
            yield RefusedRegion(place, refused.reason_code, refused.reason)


def _size(document: dict[str, str]) -> tuple[float, float] | None:
    """Columns and rows; None where the file states none, or 0 as some tools do."""
    stated = document.get("size/width", ""), document.get("size/height", "")
    if not all(stated):
        return None
    width, height = map(number, stated)
    return (width, height) if width and height else None
