"""To which subgroups an image or a study belongs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from wrist_model.records import ImagePrediction

PRESENT_ANYWHERE = ("hardware", "inverted", "multi_view")
"""Subgroups that hold for a study as soon as one of its images has them."""


TOO_SMALL = 10
"""Subgroups with fewer studies are marked too small to read."""


def age_band(years: int) -> str:
    """`0-17`, `18-39`, `40-64` or `65+`."""
    for low, high in ((0, 17), (18, 39), (40, 64)):
        if years <= high:
            return f"{low}-{high}"
    return "65+"


def remarks(subgroup: str, n_studies: int) -> list[str]:
    """What is stored beside the figures of a subgroup of so many studies."""
    return [] if subgroup == "all" or n_studies >= TOO_SMALL else ["too small to read"]


def of_studies(images: Sequence[ImagePrediction], subgroups: Subgroups) -> dict[str, tuple[str, ...]]:
    """study_uid → its subgroups, as `name=value`; subgroups: image_uid → ((name, value), …)."""
    values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    sizes: dict[str, int] = defaultdict(int)
    for image in images:
        sizes[image.study_uid] += 1
        for name, value in subgroups.get(image.image_uid, ()):
            if name == "age" and value.isdigit():
                name, value = "age_band", age_band(int(value))
            values[image.study_uid][name].add(value)
    found = {}
    for study_uid, size in sizes.items():
        names = [] if "n_views" in values[study_uid] else [f"n_views={size}" if size < 4 else "n_views=4+"]
        for name, seen in values[study_uid].items():
            if len(seen) == 1:
                names.append(f"{name}={next(iter(seen))}")
            else:
                names.append(f"{name}=1" if name in PRESENT_ANYWHERE and "1" in seen else f"{name}=mixed")
        found[study_uid] = tuple(names)
    return found


Subgroups = Mapping[str, tuple[tuple[str, str], ...]]
