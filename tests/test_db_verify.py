"""`wrist verify` on a catalogue that nobody touched."""

from __future__ import annotations

from db_story import tell
from sqlalchemy import Engine

from db.audit.verify import verify


def test_an_untouched_catalogue_verifies(catalogue: Engine) -> None:
    assert verify(catalogue).ok
    tell(catalogue)
    verdict = verify(catalogue)
    assert verdict.findings == () and verdict.ok and verdict.warnings == ()
    assert verdict.checked["files"] == 4 and verdict.checked["rows"] > 100
