"""Which Prefect server a command uses: the one that the user's Prefect settings name, or this home's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from flows.host.environment import exactly, foreign_environment, prefect_settings
from flows.host.prefect_api import Kind, drain, look, shown
from flows.host.server import Say, recorded, running
from wrist_model.errors import CatalogueError, UsageError


@dataclass(frozen=True)
class Named:
    """A server that the user's own Prefect settings name. by: what names it; settings: all of them, as variables."""

    url: str
    by: str
    settings: Mapping[str, str] = field(repr=False)

    @property
    def by_variable(self) -> bool:
        return self.by == "PREFECT_API_URL"


@contextmanager
def prefect_api(home: Path, say: Say) -> Iterator[str]:
    """Gives the URL of a Prefect API and sets this process to use it.

    It is the one that Prefect's own settings name (variables, the folder's files, the profile), with all of these
    settings; or else this home's own, found or started, with none of them. `say` is told which. At the end the runs'
    events have been recorded. Raises CatalogueError when a named server can't be used or the home's doesn't start;
    only where a profile's doesn't answer the home's is used.
    """
    around = dict(os.environ)
    with prefect_settings(home):
        named = _named(around)
        if named is not None and named.url.rstrip("/") != recorded(home):
            foreign = foreign_environment(home, {**_prefects(around), **named.settings})
            with exactly(foreign):
                if _usable(named, home, say):
                    with _used(named.url):
                        yield named.url
                    return
        with running(home, say=say) as url, _used(url):
            yield url


def _prefects(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if name.startswith("PREFECT_") and name != "PREFECT_PROFILE"}


def _named(around: Mapping[str, str]) -> Named | None:
    """The server that Prefect itself would use in that environment, if any; nothing is written to the user's folder.

    Raises UsageError where Prefect's settings can't be read, or name a profile that isn't there.
    """
    from prefect.context import SettingsContext, get_settings_context
    from prefect.settings import load_profiles
    from prefect.settings.models.root import Settings
    from pydantic import ValidationError

    with exactly(around):
        try:
            found = Settings()
            with SettingsContext(profile=get_settings_context().profile, settings=found):
                profiles = load_profiles()
        except ValidationError as error:
            fields = ", ".join(".".join(str(part) for part in one["loc"]) for one in error.errors())
            raise UsageError(f"Prefect's own settings are wrong: {fields}. See `prefect config view`.") from None
        except Exception as error:  # no TOML, say
            raise UsageError(f"Prefect's own settings can't be read: {type(error).__name__}.") from None
        asked = around.get("PREFECT_PROFILE")
        if asked and asked not in profiles.names:
            raise UsageError(
                f"PREFECT_PROFILE is {asked!r}, and Prefect has no such profile: see `prefect profile ls`."
            )
        if not found.api.url:
            return None
        if "PREFECT_API_URL" in around:
            by = "PREFECT_API_URL"
        else:
            active = asked or profiles.active_name
            of_profile = active is not None and any(
                setting.name == "PREFECT_API_URL" for setting in profiles[active].settings
            )
            by = f"your Prefect profile {active!r}" if of_profile else f"a settings file of Prefect's in {Path.cwd()}"
        return Named(found.api.url, by, found.to_environment_variables(exclude_unset=True))


def _usable(named: Named, home: Path, say: Say) -> bool:
    """Whether the named server answers, lets us in and speaks our version; says what will be sent there.

    Raises CatalogueError where it is there and can't be used, or where a variable names nobody.
    """
    import prefect

    answer, url = look(named.url), shown(named.url)
    own = "unset it" if named.by_variable else "choose another profile (PREFECT_PROFILE)"
    if answer.kind is Kind.NOBODY and not named.by_variable:
        say(f"No Prefect server answers at {url}, which {named.by} names: this home's own is used.")
        return False
    if answer.kind is not Kind.PREFECT:
        what = {
            Kind.NOBODY: "no Prefect server answers there. Start it",
            Kind.REFUSES: "the server there refuses these credentials. Set PREFECT_API_KEY or PREFECT_API_AUTH_STRING",
            Kind.OTHER: "what answers there is no Prefect server. Set it right",
        }[answer.kind]
        raise CatalogueError(f"{named.by} names {url}, and {what}, or {own} to let Wrist use a server of its own.")
    here, there = prefect.__version__, answer.version or "Cloud"
    if answer.version and here.partition(".")[0] != there.partition(".")[0]:
        raise CatalogueError(f"{named.by} names {url}, which is Prefect {there}; this one is {here}: {own}.")
    differs = f", here {here}" if answer.version and here != there else ""
    say(
        f"Using the server at {url} (Prefect {there}{differs}), which {named.by} names, not this home's own: "
        "names, parameters with their paths, logs and result pages of this command's runs are sent there."
    )
    return True


@contextmanager
def _used(url: str) -> Iterator[None]:
    """Point Prefect, imported or not, at this API, as the environment says; record everything before leaving."""
    os.environ["PREFECT_API_URL"] = url
    from prefect.context import SettingsContext, get_settings_context
    from prefect.settings.models.root import Settings

    begun = datetime.now(UTC)
    with SettingsContext(profile=get_settings_context().profile, settings=Settings()):
        try:
            yield
        finally:
            drain(url, begun)
