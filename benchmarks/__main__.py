"""Run benchmarks by name; all of them without a name. One line each, or a JSON list with --json.

`transfer` stands by itself: `python -m benchmarks transfer --help`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from dataclasses import asdict

from wrist_model.network import backbone

MODULES = {
    "ingest_first": "benchmarks.ingest",
    "ingest_unchanged": "benchmarks.ingest",
    "grazpedwri": "benchmarks.ingest",
    "polarity": "benchmarks.pixels",
    "multi_view": "benchmarks.pixels",
    "near_duplicates": "benchmarks.pixels",
    "frozen_part": "benchmarks.forward",
    **{f"train_{name}": "benchmarks.training" for name in backbone.names() if backbone.row(name).keras_module},
    "train_memory": "benchmarks.training",
    "views_per_image": "benchmarks.views",
    "tune": "benchmarks.training",
    "predict": "benchmarks.forward",
    "gradcam": "benchmarks.evidence",
    "bootstrap": "benchmarks.evidence",
    "audit_insert": "benchmarks.audit",
    "verify": "benchmarks.audit",
    "verify_new": "benchmarks.audit",
    "sql_lookup": "benchmarks.audit",
    "sql_lookup_postgresql": "benchmarks.audit",
    "orchestration": "benchmarks.orchestration",
    "drift": "benchmarks.drift",
    "decisions": "benchmarks.decisions",
}
"""Benchmark name → the module whose function of that name, called with quick=bool, returns a list of Result."""


def main() -> int:
    if sys.argv[1:2] == ["transfer"]:  # needs a data set and weights, and has options of its own
        from benchmarks import transfer

        return transfer.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODULES))
    parser.add_argument("--quick", action="store_true", help="smaller inputs and fewer runs")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of lines")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in MODULES]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}; known are {', '.join(MODULES)}")
    results = []
    for name in arguments.names or MODULES:
        print(f"… {name}", file=sys.stderr, flush=True)
        for result in getattr(importlib.import_module(MODULES[name]), name)(quick=arguments.quick):
            results.append(result)
            if not arguments.json:
                print(
                    f"{result.name}: ours {result.ours:.4g}, peer or limit {result.peer:.4g} {result.unit}, "
                    f"ratio {result.ratio:.3g}, spread {result.spread} | {result.setup}",
                    flush=True,
                )
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
