"""Which metrics a report shows first, by the rules that its evaluation was measured by, and what it folds away."""

from __future__ import annotations

from wrist_model.report.report_data import ModelReport

HEADLINE = (
    ("roc_auc", "ROC AUC"),
    ("accuracy", "Accuracy"),
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
    ("ppv", "PPV (precision)"),
    ("npv", "NPV"),
    ("f1_positive", "F1, abnormal"),
    ("f1_negative", "F1, normal"),
    ("cohen_kappa", "Cohen's kappa"),
    ("pr_auc", "PR AUC"),
    ("brier", "Brier score ↓"),
    ("log_loss", "Log loss ↓"),
    ("ece", "ECE (15 bins) ↓"),
)
CALIBRATION = (
    ("calibration_slope", "Calibration slope (ideal 1)"),
    ("calibration_in_the_large", "Calibration in the large (ideal 0)"),
    ("observed_expected", "Observed to expected (ideal 1)"),
)
PREVALENCE = (("ppv_at_prevalence", "PPV at {:.0%} abnormal"), ("npv_at_prevalence", "NPV at {:.0%} abnormal"))
MEANING = {
    "youden": "the largest sensitivity + specificity on validation",
    "sensitivity": "the target sensitivity reached on validation's own studies; on new ones about half the time",
    "sensitivity_assured": "the target sensitivity reached on new patients, with 95% confidence",
}
"""What an operating point promises."""
POINT_NAMES = {
    "youden": "largest sensitivity + specificity",
    "sensitivity": "target sensitivity",
    "sensitivity_assured": "target sensitivity, assured",
}
"""What it is called where people read."""


def is_second(model: ModelReport) -> bool:
    """Whether a model was measured by the second rules, under which ECE is no headline."""
    return model.metric("calibration_slope") is not None


def headline(model: ModelReport, prevalence: float = 0.0) -> tuple[tuple[str, str], ...]:
    """(metric, title) in the order of the table. prevalence: the recipe's, for predictive values."""
    if not is_second(model):
        return HEADLINE
    at = tuple((name, title.format(prevalence)) for name, title in PREVALENCE if model.metric(name))
    return (*(one for one in HEADLINE if one[0] != "ece"), *CALIBRATION, *at)


def details(model: ModelReport) -> tuple[tuple[str, str], ...]:
    """What is folded away beneath the table."""
    return tuple(one for one in HEADLINE if one[0] == "ece") if is_second(model) else ()


def intervals_said(model: ModelReport, resamples: int, seed: int | None) -> str:
    """How the table's intervals were made, as half a sentence."""
    drawn = f"{resamples:,} resamples, seed {seed}"
    if is_second(model):
        return (
            "score limits for ROC AUC, exact ones of both shares for predictive values at a prevalence, BCa over "
            f"patients at thresholds ({drawn})"
        )
    return f"bootstrap over patients ({drawn})"
