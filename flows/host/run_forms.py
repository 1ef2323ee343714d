"""What the UI's run forms show: one field for each parameter that a person may set, and recipes to choose from.

Prefect writes an optional parameter as a choice of two, the second of which is nothing, and chooses that: its page says
`Property is type "None"`. Here it is one plain field; left empty, it is left out, and the flow's own default holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from db.home import tuned_recipe_file
from flows.host.prefect_api import connected
from flows.host.scheduled_runs import is_due
from wrist_model.recipe import SHIPPED

NOTHING = {"type": "null"}
NOT_FOR_DEPLOYMENTS = ("request", "cluster", "follow_links")  # a deployment's run with one of these is refused
RECIPES = "One of Wrist's own, or a file that lies in recipes/ of the home."
CLOSE_SECONDS = 120.0


def recipes(home: Path) -> list[str]:
    """Those that come with Wrist, by name, and the files in recipes/ of the home, by path."""
    own = tuned_recipe_file(home.absolute(), "any").parent.glob("*.toml")
    return [*sorted(one.stem for one in SHIPPED.glob("*.toml")), *sorted(map(str, own))]


def plain(schema: Mapping[str, Any], choice: Iterable[str]) -> dict[str, Any]:
    """The schema of a form like this one's. choice: the recipes."""
    fields = {}
    for name, given in schema.get("properties", {}).items():
        if name in NOT_FOR_DEPLOYMENTS:
            continue
        field = dict(given)
        values = [one for one in field.get("anyOf", ()) if one != NOTHING]
        if len(values) == 1:
            del field["anyOf"]
            field |= values[0]
        if field.get("default", NOTHING) is None:
            del field["default"]
        if name == "recipe":
            field |= {"enum": list(choice), "description": RECIPES}
        fields[name] = field
    return {**schema, "properties": fields}


def keep(url: str, home: Path) -> list[str]:
    """Mend the forms of the home's server where they were deployed anew, or its recipes have changed; gives no line.

    An update takes a deployment's coming runs away, and the scheduler makes them again: so not shortly before one.
    Raises CatalogueError when the server doesn't answer.
    """
    from prefect.client.schemas.actions import DeploymentUpdate

    found = recipes(home)
    with connected(url) as client:
        for row in client.read_deployments():
            own = [str(row.parameters["recipe"])] if "recipe" in row.parameters else []
            given = row.parameter_openapi_schema or {}
            wanted = plain(given, dict.fromkeys([*found, *own]))
            if wanted != given and not is_due(client, row.id, CLOSE_SECONDS):
                client.update_deployment(row.id, DeploymentUpdate.model_validate({"parameter_openapi_schema": wanted}))
    return []
