"""Published results with their protocols, to stand beside ours, and the caveats every report carries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Anchor:
    """A published result. comparable: whether its protocol is near enough to ours to be read side by side."""

    name: str
    result: str
    protocol: str
    source: str
    comparable: bool


ANCHORS = (
    Anchor(
        "MURA, 169-layer DenseNet",
        "AUC 0.929, sensitivity 0.815, specificity 0.887",
        "Seven body parts together; hidden test set read by radiologists; study level, mean over the study's images; "
        "split by patient.",
        "Rajpurkar et al. 2018, arXiv 1712.06957",
        True,
    ),
    Anchor(
        "Eleven CNNs on MURA's wrist set",
        "accuracy up to 0.869 (mean over runs 0.857), Cohen's kappa up to 0.728 (0.703)",
        "Wrist only; MURA's public validation set as the test.",
        "Ananda et al. 2021, Sensors 21(16):5381",
        True,
    ),
    Anchor(
        "CNN–ViT hybrids on MURA's wrist set",
        "accuracy up to 0.88",
        "Wrist only, pretrained on MURA's other body parts; one run a model.",
        "Malau and Olusanya 2025, Applied Sciences 15(22):11865",
        True,
    ),
    Anchor(
        "Xception–Swin on MURA",
        "AUC up to 0.908, Cohen's kappa up to 0.707 over its body parts",
        "A network a body part, after one that tells the parts apart; MURA's public validation set as the test.",
        "Shah et al. 2026, Journal of Imaging 12(7):298",
        True,
    ),
    Anchor(
        "DeepWrist",
        "AUC 0.99 on its general test, 0.84 (0.72–0.93) on hard cases",
        "Distal radius fractures, two views; the hard cases were confirmed by CT. What looks solved on easy cases is "
        "not.",
        "Raisuddin et al. 2020, arXiv 2012.02577",
        False,
    ),
    Anchor(
        "The original report of this project",
        "ResNet50: accuracy 0.89, AUC 0.957. EfficientNetB0: accuracy 0.86, AUC 0.937",
        "Split by image after five augmented copies of each training image had been made, so that copies of one "
        "radiograph stand on both sides (its 5,918 test images are 10% of 9,752 × 6 + 659). What it prints as "
        "sensitivity is the precision of the positive class.",
        "the report's own tables; counts from MURA's public CSV files",
        False,
    ),
)

LABEL_CAVEATS = (
    "The label of MURA means abnormal, not fracture: about half of its positive wrist studies show hardware such as "
    "plates, screws or casts. A high score here is no proof that fractures are found.",
    "The labels are noisy. They come from single reads in the clinical routine; a public correction list (Better-MURA) "
    "changes 73 training and 8 validation wrist images, all from negative to positive.",
    "A label belongs to a study, not to an image: in a positive study some views can look normal.",
    "On a hold-out of about 240 studies the half-width of a 95% interval is near ±0.04 for an accuracy of 0.88 and for "
    "an AUC of 0.90. Differences below that are noise.",
)

LIMITS = (
    "Not for diagnosis. This is a research record of a retraining run: it has no regulatory clearance and was not "
    "tested in any clinic.",
    "Intended use: comparing retrained networks with each other on the same hold-out, and auditing how a figure came "
    "about. Intended readers: those who maintain the networks, and reviewers.",
    "The hold-out comes from the same sources as the training data. Results elsewhere will differ, and as a rule be "
    "lower.",
    "Each further look at one hold-out makes its figures more favourable than the truth. The report says "
    "how many there were.",
    "Heat maps show where a network looked, not why, and not where a lesion is.",
)
