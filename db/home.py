"""Every path below WRIST_HOME: the only place that reads WRIST_HOME and WRIST_DATABASE_URL and names what lies there.

What lies inside a store (a training's checkpoint, the feature store, the pixel store) is its module's own.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from wrist_model.records import WorkFolders, network_file, pixel_file
from wrist_model.secret_file import is_shared


def home() -> Path:
    """WRIST_HOME, or ./wrist-home; absolute."""
    named = os.environ.get("WRIST_HOME")
    return Path(named).expanduser().absolute() if named else default_home()


def default_home() -> Path:
    """The home of whoever names none: in the folder at hand."""
    return Path("wrist-home").absolute()


def database_url(place: Path | None = None) -> str:
    """WRIST_DATABASE_URL, or SQLite in the home. Never shown: it may hold a password."""
    return os.environ.get("WRIST_DATABASE_URL") or f"sqlite:///{catalogue_file(place or home())}"


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, all that follows `sqlite:///` as it stands, else None."""
    return Path(url.removeprefix("sqlite:///")).absolute() if url.startswith("sqlite:///") else None


def catalogue_file(home: Path) -> Path:
    """The SQLite catalogue, unless WRIST_DATABASE_URL names another database."""
    return home / "catalogue.sqlite"


def model_file(home: Path, artifact_sha256: str) -> Path:
    """The saved network of that hash."""
    return network_file(home / "models", artifact_sha256)


def stored_pixels(home: Path, pixel_sha256: str) -> Path:
    """The PNG of a decoded DICOM frame."""
    return pixel_file(pixel_folder(home), pixel_sha256)


def work_folders(home: Path) -> WorkFolders:
    """What trainings and tunings write."""
    return WorkFolders(
        models=home / "models",
        runs=home / "runs",
        features=home / "features",
        tensorboard=home / "tensorboard",
        tuning=home / "tuning",
    )


def pixel_folder(home: Path) -> Path:
    """The pixel store: decoded DICOM frames."""
    return home / "pixels"


def explanation_folder(home: Path) -> Path:
    """Heat maps, `<sha256>.png`."""
    return home / "explanations"


def report_file(home: Path, name: str, kind: str, sha256: str) -> Path:
    """A document of a report, named by its content, so that none is ever overwritten: the page (kind html), or one that
    goes with it (model-card, or model-card-html). name: of the data set and the evaluation."""
    end = ".html" if kind == "html" else f"-{kind.removesuffix('-html')}.{'html' if kind.endswith('-html') else 'md'}"
    return home / "reports" / f"{name}-{sha256[:12]}{end}"


def latest_report_file(home: Path) -> Path:
    """A link to the newest page."""
    return home / "reports" / "latest.html"


def tuned_recipe_file(home: Path, name: str) -> Path:
    """The best recipe of a tuning."""
    return home / "recipes" / f"{name}.toml"


def leak_folder(home: Path, architecture: str) -> Path:
    """Where a leak demonstration works; emptied when it ends."""
    return home / "leak" / architecture


def demo_data_folder(home: Path) -> Path:
    """The synthetic data set of `wrist demo`."""
    return home / "demo-data"


def prefect_folder(home: Path) -> Path:
    """The Prefect server's database, record and logs."""
    return home / "prefect"


def prefect_password_file(home: Path) -> Path:
    """The password of the home's Prefect server, mode 0600."""
    return prefect_folder(home) / "password"


def temporary_folder(home: Path) -> Path:
    """Temporary files of the workers and their runs."""
    return prefect_folder(home) / "tmp"


def make_shared(file: Path) -> None:
    """Make an empty file that the group may write, before SQLite makes one that only its owner may, whatever the umask
    is; what SQLite keeps beside it gets the same rights. Nothing where it is there, or the folder isn't shared."""
    if is_shared(file.parent) and not file.exists():
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o660))
            file.chmod(0o660)


def last_backup_file(home: Path) -> Path:
    """How far the chain reached when it was last backed up."""
    return home / "last-backup.json"


def verified_link_file(home: Path) -> Path:
    """The last link that `wrist verify` found whole, sealed with the identity key."""
    return home / "verified.json"


def identity_key_file(home: Path) -> Path:
    """The key of the pseudonyms, mode 0600."""
    return home / "identity.key"


def sources_file(home: Path) -> Path:
    """The remembered roots."""
    return home / "sources.toml"


def lock_file(home: Path, name: str) -> Path:
    """What whoever changes that file of the home, or its link to the newest report, holds meanwhile."""
    return home / f"{name}.lock"


def request_file(home: Path, request: str) -> Path:
    """What a command asks a flow to read, while it runs."""
    return home / "requests" / f"{request}.json"


def browse_folder(home: Path) -> Path:
    """What `wrist browse` writes for Datasette."""
    return home / "browse"


def restoring_file(home: Path) -> Path:
    """The copy of a backup that `wrist db restore` checks before it takes the catalogue's place."""
    return home / "restoring.sqlite"


def own_places(home: Path) -> tuple[Path, ...]:
    """The files and folders in the home that Wrist keeps itself; whatever else lies there is somebody's data."""
    catalogue = catalogue_file(home)
    return (
        *(catalogue.with_name(catalogue.name + end) for end in ("", "-wal", "-shm", "-journal")),
        restoring_file(home),
        identity_key_file(home),
        verified_link_file(home),
        sources_file(home),
        *(Path(folder) for folder in vars(work_folders(home)).values()),
        pixel_folder(home),
        explanation_folder(home),
        latest_report_file(home).parent,
        tuned_recipe_file(home, "any").parent,
        leak_folder(home, "any").parent,
        prefect_folder(home),
        browse_folder(home),
        request_file(home, "any").parent,
    )
