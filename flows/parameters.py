"""Parameters that several flows share: what the UI's run form, a schedule and the console may set, and their bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from wrist_model.network import backbone

BODY_PARTS = ("WRIST", "ANY")


def body_part(word: str) -> str:
    """In capitals. Raises ValueError for any other word."""
    if word.upper() not in BODY_PARTS:
        raise ValueError(f"{word!r} is neither {' nor '.join(BODY_PARTS)}")
    return word.upper()


# An `enum` makes a list to choose from in the run form.
BodyPart = Annotated[str, AfterValidator(body_part), Field(json_schema_extra={"enum": list(BODY_PARTS)})]
Model = Annotated[str, Field(json_schema_extra={"enum": list(backbone.names())})]
Models = list[Model] | None
Jobs = Annotated[int, Field(ge=1, le=256)] | None
LONGEST_DAYS = 14.0  # that a suspended run may wait for a person's answer
