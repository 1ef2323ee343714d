"""What is changed in this home's copy of Prefect's page.

- Runs that are parts of another are hidden until asked for: a retrain is one line then, not eight. The switch "Hide
  subflows" shows them.
- A link to a run's artifacts (`?tab=Artifacts`) leads there; Prefect's own forgets the tab while it reads the run.
- The form of a new run proposes its deployment's name, not "funny-otter"; the run gets a name that says more once it
  is known what it works on (tasks/runtime/run_names.py).
- The second page, a preview ("Try the V2 UI"), is neither copied nor offered: nothing of Wrist was tried with it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

CHANGES = {
    "Runs-*.js": (r"(\(`hide-subflows`,\w+,)!1\)", r"\1!0)"),
    "Dashboard-*.js": (r"(\{range:\{type:`span`,seconds:-\w+\},tags:\[\])\}", r"\1,hideSubflows:!0}"),
    "index-*.js": (
        r"(=\w+\((\w+)\.name)(\),\{state:\w+,error:\w+\}=\w+\(\w+,\w+\(`name`\)\))",
        r"\1??\2.deployment.name\3",
    ),
    "FlowRun-*.js": (r"!(\w+)\.value\?\.stateType\|\|(?=\1\.value\.stateName!==)", r"!!\1.value?.stateType&&"),
}
"""Script → what stands there in Prefect 3.8, and what takes its place; of another Prefect it stays as it is."""


def leave_out_the_preview() -> None:
    """Let Prefect's server, made in this process after this, find no second page."""
    import prefect

    prefect.__ui_v2_static_path__ = Path(os.devnull) / "none"


def change(copy: Path) -> None:
    """Change the scripts in a copy of Prefect's page; safe to call again."""
    for name, (old, new) in CHANGES.items():
        for script in copy.rglob(f"assets/{name}"):
            text = script.read_text(encoding="utf-8")
            changed = re.sub(old, new, text)
            if changed != text:
                script.write_text(changed, encoding="utf-8")
