"""The errors that Wrist raises on purpose: each says what happened, where, and how to mend it."""


class WristError(Exception):
    """Base of every error that a person is meant to read; the console prints it in one or two lines.

    exit_status: 1 for a failure, 2 for a wrong usage.
    """

    exit_status = 1


class UsageError(WristError):
    """The command or one of its arguments is wrong."""

    exit_status = 2


class RecipeError(UsageError):
    """A recipe has an unknown field or a value out of range; the message names the field."""


class DataError(WristError):
    """The data at hand can't carry the step that was asked for (no labels, one class, one patient)."""


class PlaceRefused(DataError):
    """A place can't be catalogued as it was asked for: it alone is refused, the places beside it are catalogued."""


class SharedPatients(PlaceRefused):
    """A list names patients whose numbers another source has, too."""


class OtherMeaning(PlaceRefused):
    """A place's positive label says something else than that of what its source has in the catalogue."""


class OtherDesignation(PlaceRefused):
    """A place is said to be a hold-out, and its source is catalogued as none, or as another."""


class LeakError(WristError):
    """A patient, a picture or a near copy of it would stand in two splits."""


class CatalogueError(WristError):
    """The catalogue can't be used: another key, a newer schema, an unwritable home, a locked file."""


class CatalogueBusy(CatalogueError):
    """Others held the catalogue for longer than a transaction waits: nothing was stored, and it can be tried again."""


class DiskNearlyFull(CatalogueError):
    """There is too little room to go on writing; nothing of this step was stored."""


class LeaseHeld(CatalogueError):
    """Somebody else works on what only one may work on at a time; the message says who.

    silent: the holder has not been heard of for too long though its process is there: look again a little later.
    """

    def __init__(self, message: str, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent


class LeaseLost(CatalogueError):
    """This process no longer holds what it works on: what it would write now could contradict another's work."""


class WeightsError(WristError):
    """Pretrained weights are missing, damaged, or made for another network."""


class Refused(WristError):
    """A file that is seen but not catalogued.

    reason_code: a short stable word (`truncated`, `no_pixel_data`, ...), see shared names in docs/ingest.md.
    The message is a sentence without any identity from the file.
    """

    def __init__(self, reason_code: str, reason: str) -> None:
        super().__init__(reason)
        self.reason_code = reason_code
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.reason_code, self.reason)
