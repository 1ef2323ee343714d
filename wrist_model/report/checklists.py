"""CLAIM and TRIPOD+AI checklists: each item answered from the report's data, or "not reported". Nothing is guessed.

CLAIM: Tejani et al. 2024, Radiology: Artificial Intelligence 6(4):e240300 (44 items). TRIPOD+AI: Collins et al. 2024,
BMJ 385:e078378 (27 items with sub-items). Items are given in our own short words.
"""

from __future__ import annotations

from collections.abc import Callable

from wrist_model.report import plan_beside, published_results
from wrist_model.report.headline import intervals_said, is_second
from wrist_model.report.model_card import NOT_REPORTED, figure, plain, table, warnings
from wrist_model.report.report_data import ReportData

Answer = Callable[[ReportData], str | None]
Item = tuple[str, str, str, Answer]


def _nothing(data: ReportData) -> None:
    return None


def _kind(data: ReportData) -> str:
    names = ", ".join(model.name for model in data.models)
    return f"Deep learning (convolutional networks: {names}) that rates wrist radiographs as normal or abnormal."


def _summary(data: ReportData) -> str:
    model = data.serving_model
    test = next((s for s in data.dataset.splits if s.split == "test"), None)
    n = f"{test.studies} test studies of {test.patients} patients" if test else "the test studies"
    return f"{model.name}: ROC AUC {figure(model.metric('roc_auc'))} on {n}, split by patient."


def _sources(data: ReportData) -> str | None:
    return ", ".join(plain(source) for source in data.dataset.sources) or None


def _excluded(data: ReportData) -> str | None:
    rows = [f"{plain(row.reason)} ({row.stage}): {row.count}" for row in data.left_out]
    return "; ".join(rows) or "Nothing was left out."


def _counts(data: ReportData) -> str:
    flow = " → ".join(f"{plain(step.name)} {step.images}" for step in data.flow if step.images is not None)
    return f"Images: {flow}. Left out: {_excluded(data)}"


def _splits(data: ReportData) -> str:
    rows = [
        f"{s.split} {s.patients} patients, {s.studies} studies ({s.positive_studies} abnormal)"
        for s in data.dataset.splits
    ]
    seed = f", seed {data.dataset.split_seed}" if data.dataset.split_seed is not None else ""
    return f"By a hash of the patient{seed}; an official test set stays test. {'; '.join(rows)}."


def _disjoint(data: ReportData) -> str:
    if data.patients_known:
        return f"Patient; images with identical pixels too (guard: {plain(data.dataset.guard_status)})."
    return f"Study: the source names no patients (guard: {plain(data.dataset.guard_status)})."


def _networks(data: ReportData) -> str:
    found = [f"{model.name} (file SHA-256 {model.artifact_sha256})" for model in data.models if model.artifact_sha256]
    return (
        f"{'; '.join(found) or 'see the model table'}. Input size, head and free layers: recipe {data.recipe_sha256}."
    )


def _libraries(data: ReportData) -> str | None:
    if not data.lineage or not data.lineage.libraries:
        return None
    return ", ".join(f"{plain(name)} {plain(version)}" for name, version in data.lineage.libraries)


def _start(data: ReportData) -> str | None:
    found = [
        f"{m.name}: {plain(m.weights_source)}, seed {m.seed}"
        + (f" (and {len(m.replicates)} others, which show the spread and never serve)" if m.replicates else "")
        for m in data.models
        if m.weights_source
    ]
    return "; ".join(found) or None


def _training(data: ReportData) -> str | None:
    found = [f"{m.name}: {m.epochs_run} epochs, best {m.best_epoch}" for m in data.models if m.epochs_run]
    return f"Recipe {plain(data.recipe_name)}, SHA-256 {data.recipe_sha256}. {'; '.join(found)}." if found else None


def _selection(data: ReportData) -> str:
    return (
        f"Best epoch by validation loss; thresholds and calibration from validation; which version serves "
        f"({data.serving_model.name}) was named in the recipe before the test split was scored."
    )


def _ensemble(data: ReportData) -> str:
    found = [model for model in data.models if model.members]
    of = "calibrated logits" if found and is_second(found[0]) else "raw probabilities"
    return f"Mean of the {of} of {len(found[0].members)} networks." if found else "None."


def _external(data: ReportData) -> str | None:
    rows = [
        f"{plain(one.hold_out)}: {one.model.name}, ROC AUC {figure(one.model.metric('roc_auc'))}, look {one.looks}"
        + (f"; {plain(one.mismatch)}" if one.mismatch else "")
        for one in data.external
    ]
    return "; ".join(rows) or None


def _metrics(data: ReportData) -> str | None:
    names = sorted({metric.metric for metric in data.serving_model.metrics})
    return ", ".join(names) or None


def _uncertainty(data: ReportData) -> str | None:
    metric = data.serving_model.metric("roc_auc")
    if metric is None:
        return None
    compared = f"; {len(data.comparisons)} paired comparisons" if data.comparisons else ""
    drawn = max(one.n_resamples for one in data.serving_model.metrics)
    return f"95% intervals: {intervals_said(data.serving_model, drawn, metric.bootstrap_seed)}{compared}."


def _subgroups(data: ReportData) -> str | None:
    names = {m.subgroup.split("=")[0] for m in data.serving_model.metrics if m.split == "test"} - {"all"}
    return f"By {', '.join(plain(name) for name in sorted(names))}." if names else None


def _demographics(data: ReportData) -> str | None:
    model = data.serving_model
    names = {m.subgroup: m.n_studies for m in model.metrics if m.split == "test" and m.level == "study"}
    found = {name: n for name, n in sorted(names.items()) if name.startswith(("sex=", "age_band="))}
    return "Test studies: " + ", ".join(f"{plain(name)}: {n}" for name, n in found.items()) if found else None


def _maps(data: ReportData) -> str | None:
    maps = [each for case in data.gallery for each in case.maps]
    if not maps:
        return None
    withheld = sum(one.withheld for one in maps)
    return f"Grad-CAM; {len(maps)} maps, {withheld} withheld by their checks. {data.maps_check}".strip()


def _performance(data: ReportData) -> str:
    return "; ".join(f"{model.name}: ROC AUC {figure(model.metric('roc_auc'))}" for model in data.models) + "."


def _diagnostic(data: ReportData) -> str:
    model = data.serving_model
    names = ("sensitivity", "specificity", "ppv", "npv")
    return f"{model.name}: " + ", ".join(f"{name} {figure(model.metric(name))}" for name in names) + "."


def _failures(data: ReportData) -> str | None:
    wrong = [case for case in data.gallery if case.kind in ("missed", "false_alarm")]
    return f"The gallery shows the {len(wrong)} worst misses and false alarms." if wrong else None


def _imbalance(data: ReportData) -> str | None:
    if '"class_weights":"balanced"' in data.recipe_json:
        return "Class weights inverse to frequency, undone by calibration on validation."
    return "No class weights." if '"class_weights":"none"' in data.recipe_json else None


def _calibration(data: ReportData) -> str | None:
    point = data.serving_model.point()
    if point is None:
        return None
    return (
        f"Calibrated probability of abnormal: logit scaled by {point.slope:.3f} and shifted by {point.intercept:.3f}; "
        f"abnormal at or above {point.threshold:.3f} ({point.name})."
    )


def _fixed(text: str) -> Answer:
    return lambda data: text


BACKGROUND = _fixed(published_results.LIMITS[1])
AIM = _fixed(
    "To measure retrained networks on patients that they never saw, beside each other and beside the champion."
)
LIMITATIONS = _fixed(" ".join((*published_results.LABEL_CAVEATS[:2], *published_results.LIMITS[2:])))
PRACTICE = _fixed(published_results.LIMITS[0])
REFERENCE = _fixed(published_results.LABEL_CAVEATS[0])
PREPROCESSING = _fixed(
    "8-bit grey with bone bright; DICOM through modality and VOI LUT; resized and scaled inside the saved network."
)
PSEUDONYMS = _fixed("Keyed pseudonyms (HMAC-SHA-256) for patients, studies and images from the first row on.")
INTERNAL = _fixed("A test split by patient from the same sources, scored after everything was fixed on validation.")


def _protocol(data: ReportData) -> str:
    if data.plan is None:
        return "The recipe, hashed before training; see the report."
    return (
        f"The recipe, and the plan {data.plan.plan_id} of how the test patients decide (SHA-256 "
        f"{data.plan.content_sha256}), stored {plan_beside.when(data)}; see the report."
    )


CLAIM: tuple[Item, ...] = (
    ("1", "Title or abstract", "Identified as a study of AI, with the category of technology", _kind),
    ("2", "Title or abstract", "Summary of design, methods, results and conclusions", _summary),
    ("3", "Introduction", "Background, intended use and role", BACKGROUND),
    ("4", "Introduction", "Aims, objectives, hypotheses", AIM),
    ("5", "Design", "Prospective or retrospective", _fixed("Retrospective.")),
    ("6", "Design", "Study goal", AIM),
    ("7", "Data", "Data sources", _sources),
    ("8", "Data", "Inclusion and exclusion criteria", _excluded),
    ("9", "Data", "Preprocessing", PREPROCESSING),
    ("10", "Data", "Selection of data subsets", _nothing),
    ("11", "Data", "De-identification", PSEUDONYMS),
    ("12", "Data", "Missing data", _fixed("Files that can't be decoded are quarantined with a reason; see item 35.")),
    ("13", "Data", "Image acquisition protocol", _nothing),
    ("14", "Reference standard", "How it was obtained", REFERENCE),
    ("15", "Reference standard", "Why it was chosen", _nothing),
    ("16", "Reference standard", "Source of the annotations", _fixed("The sources' own labels.")),
    ("17", "Reference standard", "Annotation of the test set", _fixed("The same labels as in training.")),
    ("18", "Reference standard", "Inter- and intrarater variability", _nothing),
    ("19", "Partitions", "How data were assigned", _splits),
    ("20", "Partitions", "Level at which partitions are disjoint", _disjoint),
    ("21", "Testing data", "Intended sample size", plan_beside.sample_size),
    ("22", "Model", "Description", _networks),
    ("23", "Model", "Software", _libraries),
    ("24", "Model", "Initialisation of parameters", _start),
    ("25", "Training", "Training approach", _training),
    ("26", "Training", "Selection of the final model", _selection),
    ("27", "Training", "Ensembling", _ensemble),
    ("28", "Evaluation", "Metrics", _metrics),
    ("29", "Evaluation", "Significance and uncertainty", _uncertainty),
    ("30", "Evaluation", "Robustness or sensitivity analysis", _subgroups),
    ("31", "Evaluation", "Explainability", _maps),
    ("32", "Evaluation", "Internal data", INTERNAL),
    ("33", "Evaluation", "External data", _external),
    ("34", "Evaluation", "Trial registration", _nothing),
    ("35", "Results", "Numbers included and excluded", _counts),
    ("36", "Results", "Demographics in each partition", _demographics),
    ("37", "Results", "Performance and its uncertainty", _performance),
    ("38", "Results", "Diagnostic performance and its precision", _diagnostic),
    ("39", "Results", "Failure analysis", _failures),
    ("40", "Discussion", "Limitations", LIMITATIONS),
    ("41", "Discussion", "Implications for practice", PRACTICE),
    ("42", "Other", "Protocol or technical details", _fixed("The report page and the audit trail beside this file.")),
    ("43", "Other", "Availability of software, model and data", _nothing),
    ("44", "Other", "Funding", _nothing),
)

TRIPOD_AI: tuple[Item, ...] = (
    ("1", "Title", "Developing or evaluating a prediction model, population, outcome", _kind),
    ("2", "Abstract", "See TRIPOD+AI for abstracts", _summary),
    ("3a", "Background", "Healthcare context and rationale", _nothing),
    ("3b", "Background", "Target population, purpose, users", BACKGROUND),
    ("3c", "Background", "Known health inequalities", _nothing),
    ("4", "Objectives", "Objectives", AIM),
    ("5a", "Data", "Sources, for development and evaluation", _sources),
    ("5b", "Data", "Dates of the data", _nothing),
    ("6a", "Participants", "Setting", _nothing),
    ("6b", "Participants", "Eligibility", _excluded),
    ("6c", "Participants", "Treatments received", _nothing),
    ("7", "Data preparation", "Preprocessing and quality checks", PREPROCESSING),
    ("8a", "Outcome", "Definition and how assessed", REFERENCE),
    ("8b", "Outcome", "Qualification of assessors", _nothing),
    ("8c", "Outcome", "Blinding", _nothing),
    ("9a", "Predictors", "Choice", _fixed("The radiograph's pixels alone.")),
    ("9b", "Predictors", "Definition", PREPROCESSING),
    ("9c", "Predictors", "Qualification of assessors", _fixed("Does not apply: pixels.")),
    ("10", "Sample size", "How arrived at", plan_beside.sample_size),
    ("11", "Missing data", "How handled", _fixed("Undecodable files are quarantined with a reason; none is imputed.")),
    ("12a", "Analysis", "How data were used", _splits),
    ("12b", "Analysis", "Handling of predictors", PREPROCESSING),
    ("12c", "Analysis", "Type of model, building, tuning, internal validation", _training),
    ("12d", "Analysis", "Heterogeneity between clusters", _nothing),
    ("12e", "Analysis", "Measures of performance", _metrics),
    ("12f", "Analysis", "Model updating", _fixed("Calibration by slope and intercept on validation.")),
    ("12g", "Analysis", "How predictions were calculated", _calibration),
    ("13", "Class imbalance", "Methods, and recalibration", _imbalance),
    ("14", "Fairness", "Approaches", _subgroups),
    ("15", "Model output", "Output and threshold", _calibration),
    ("16", "Training versus evaluation", "Differences between the data", INTERNAL),
    ("17", "Ethics", "Approval or waiver", _nothing),
    ("18a", "Open science", "Funding", _nothing),
    ("18b", "Open science", "Conflicts of interest", _nothing),
    ("18c", "Open science", "Protocol", _protocol),
    ("18d", "Open science", "Registration", _nothing),
    ("18e", "Open science", "Data sharing", _nothing),
    ("18f", "Open science", "Code sharing", _nothing),
    ("19", "Patient involvement", "Patient and public involvement", _nothing),
    ("20a", "Participants", "Flow", _counts),
    ("20b", "Participants", "Characteristics", _demographics),
    ("20c", "Participants", "Development against evaluation data", _splits),
    ("21", "Model development", "Participants and events in each analysis", _splits),
    ("22", "Model specification", "Full model, to allow predictions", _networks),
    ("23a", "Model performance", "With intervals, and in subgroups", _performance),
    ("23b", "Model performance", "Heterogeneity between clusters", _nothing),
    ("24", "Model updating", "Results", _calibration),
    ("25", "Interpretation", "Main results, against objectives and earlier studies", _summary),
    ("26", "Limitations", "Limitations", LIMITATIONS),
    ("27a", "Usability", "Poor or unavailable input", _fixed("A file that can't be decoded is refused, not scored.")),
    ("27b", "Usability", "User interaction and expertise", PRACTICE),
    ("27c", "Usability", "Next steps for research", _nothing),
)


def checklist(title: str, items: tuple[Item, ...], data: ReportData) -> str:
    """Markdown with a row an item, ending with a newline; how many are not reported stands above the table."""
    answers = [(number, part, words, answer(data) or NOT_REPORTED) for number, part, words, answer in items]
    silent = sum(answer == NOT_REPORTED for *_, answer in answers)
    lines = [
        f"# {title}",
        "",
        *warnings(data),
        f"Evaluation `{data.evaluation_id}`, data-set version `{data.dataset.dataset_id}`. Answered from stored rows; "
        f"{silent} of {len(items)} items are not reported.",
        "",
        *table(("item", "part", "what", "answer"), [tuple(answer) for answer in answers]),
    ]
    return "\n".join(lines) + "\n"


def claim(data: ReportData) -> str:
    """The CLAIM 2024 checklist as Markdown."""
    return checklist("CLAIM 2024 checklist", CLAIM, data)


def tripod_ai(data: ReportData) -> str:
    """The TRIPOD+AI checklist as Markdown."""
    return checklist("TRIPOD+AI checklist", TRIPOD_AI, data)
