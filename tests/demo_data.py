"""The demo's images as records, without the catalogue: what the long campaigns train and explain on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pydicom
from PIL import Image

from wrist_model.cohort.patient_split import assign
from wrist_model.radiograph.decode import decode
from wrist_model.recipe import SplitRecipe
from wrist_model.records import ImageRef
from wrist_model.synthetic.dataset import SyntheticSet


@dataclass(frozen=True)
class Demo:
    refs: tuple[ImageRef, ...]
    names: dict[str, str]  # image_uid → the file's name in fractures.json

    def of(self, split: str) -> list[ImageRef]:
        return [ref for ref in self.refs if ref.split == split]


def demo_refs(made: SyntheticSet, store: Path, rule: SplitRecipe) -> Demo:
    """Every readable image, split as the pipeline splits it; DICOM pixels go to `store` as PNG."""
    refs, names = [], {}
    labels = dict(line.split(",") for line in made.labels.read_text().split()[1:])
    store.mkdir(parents=True, exist_ok=True)
    pngs = [p for p in sorted(made.mura.glob("*/XR_WRIST/*/*/image*.png")) if p.stem != "image9"]
    for path in [*pngs, *sorted(made.dicom.glob("P*/S*/IM*.dcm"))]:
        (decoded,) = decode(path)
        file, uid = path, f"im-{len(refs):05d}"
        if path.suffix == ".dcm":
            header = pydicom.dcmread(path, stop_before_pixels=True)
            patient, official, label = str(header.PatientID), None, int(labels[header.StudyInstanceUID])
            file = store / f"{uid}.png"
            Image.fromarray(decoded.pixels).save(file, compress_level=1)
        else:
            patient, label = path.parts[-3], int(path.parts[-2].endswith("_positive"))
            official = "test" if path.parts[-5] == "valid" else "train"
        split = assign(rule, "synthetic", patient, official)
        refs.append(ImageRef(uid, str(path.parent), patient, str(file), decoded.pixel_sha256, label=label, split=split))
        names[uid] = path.relative_to(made.folder).as_posix()
    return Demo(tuple(refs), names)
