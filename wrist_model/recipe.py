"""Recipes: frozen dataclasses read from TOML, each field checked against its range by pydantic.

A recipe says everything that decides a training and its evaluation, beforehand: what a setting costs and why it has
its value stands in the comments of `recipes/*.toml`. Two recipes are the same when `Recipe.sha256` is.

A stored recipe keeps its meaning. A field or section that came after 0.1.0 is declared with `later`: its default is the
old behaviour, and at that default it stays out of `canonical_json` and of every hash taken of it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Interval

from wrist_model import regular_file
from wrist_model.errors import RecipeError, Refused
from wrist_model.network import backbone
from wrist_model.recipe_words import sentence
from wrist_model.records import StoredRecipe

DECIDES_NO_TRAINING = ("network.architectures", "evaluation.serve", "evaluation.prevalence", "training.replicates")
"""Fields of the sections in `model_json` that are left out of it."""
Resize = Literal["squeeze", "letterbox"]
WIDEST_MARGIN = 0.10
"""No margin of the score rule is widened beyond this to buy power: such a loss matters whatever the hold-out's size."""


class Checked:
    """What pydantic enforces in each section: no unknown field, no conversion but of an integer to a float."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True}


def later(since: str, neutral: Any) -> Any:
    """A field that came with version `since`. neutral: its default for ever, under which all is as before it came;
    an instance of a section's class makes a later section."""
    return field(default=neutral, metadata={"since": since})


@dataclass(frozen=True)
class SplitRecipe(Checked):
    """Shares by patient. A catalogue keeps the rule it was begun with: a patient never moves."""

    seed: Annotated[int, Interval(ge=0, le=2**31 - 1)] = 1712
    train: Annotated[float, Interval(ge=0.05, le=0.95)] = 0.70
    validation: Annotated[float, Interval(ge=0.02, le=0.5)] = 0.15
    test: Annotated[float, Interval(ge=0.02, le=0.5)] = 0.15


@dataclass(frozen=True)
class NetworkRecipe(Checked):
    architectures: tuple[str, ...] = field(default_factory=backbone.by_default)
    weights: str = "imagenet"  # "imagenet", "none", or the path of a .keras or .weights.h5 file
    image_size: Annotated[int, Interval(ge=32, le=1024)] = 224
    # of the backbone, counted from its end; weights = "none" frees all
    free_layers: Annotated[int, Interval(ge=1, le=1000)] = 10
    dense_units: Annotated[int, Interval(ge=1, le=4096)] = 64
    dropout: Annotated[float, Interval(ge=0.0, le=0.9)] = 0.3
    batch_norm: Literal["inference", "training"] = "inference"
    batch_norm_momentum: Annotated[float, Interval(ge=0.5, le=0.9999)] = 0.99
    # how a picture comes into the square: the whole of it squeezed, or its sides kept and black beside it
    resize: Resize = later("0.2", neutral="squeeze")


@dataclass(frozen=True)
class TrainingRecipe(Checked):
    seed: Annotated[int, Interval(ge=0, le=2**31 - 1)] = 20
    epochs: Annotated[int, Interval(ge=1, le=1000)] = 10
    patience: Annotated[int, Interval(ge=1, le=1000)] = 4
    batch_size: Annotated[int, Interval(ge=1, le=1024)] = 64
    learning_rate: Annotated[float, Interval(ge=1e-7, le=1.0)] = 1e-4
    class_weights: Literal["balanced", "none"] = "balanced"
    mode: Literal["features", "online"] = "features"
    views_per_image: Annotated[int, Interval(ge=1, le=1000)] = 3
    learning_rate_schedule: Literal["constant", "cosine", "one_cycle"] = "constant"
    frozen_precision: Literal["auto", "float32", "bfloat16"] = "auto"
    free_precision: Literal["auto", "float32", "bfloat16"] = "auto"
    feature_dtype: Literal["float16", "float32"] = "float16"
    fold_constants: bool = True
    features_gib: Annotated[float, Interval(ge=0.01, le=10000.0)] = 20.0
    # trainings of as many seeds on the same augmented pictures; the first, the recipe's own, serves whatever others do
    replicates: Annotated[int, Interval(ge=1, le=100)] = later("0.2", neutral=1)


@dataclass(frozen=True)
class AugmentationRecipe(Checked):
    """Drawn for training images only."""

    rotation_degrees: Annotated[float, Interval(ge=0.0, le=180.0)] = 20.0
    shear_degrees: Annotated[float, Interval(ge=0.0, le=45.0)] = 0.2
    brightness: tuple[float, float] = (0.5, 1.5)
    horizontal_flip: bool = False


@dataclass(frozen=True)
class EvaluationRecipe(Checked):
    resamples: Annotated[int, Interval(ge=100, le=100_000)] = 2000
    bootstrap_seed: Annotated[int, Interval(ge=0, le=2**31 - 1)] = 7
    sensitivity_target: Annotated[float, Interval(ge=0.01, le=0.999)] = 0.90
    # sensitivity_assured: reached on new patients with 95% confidence, where "sensitivity" is reached on validation
    serving: Literal["youden", "sensitivity", "sensitivity_assured"] = "youden"
    serve: str = "ensemble"  # which model version is to serve: an architecture, or "ensemble"
    # of thresholds, the ensemble's mean, intervals and comparisons: docs/evidence.md says how the two differ
    rules: Literal["first", "second"] = later("0.2", neutral="first")
    # PPV and NPV are also given at this prevalence; 0 gives none
    prevalence: Annotated[float, Interval(ge=0.0, le=0.99)] = later("0.2", neutral=0.0)


@dataclass(frozen=True)
class GateRecipe(Checked):
    """Non-inferiority margins in absolute terms, fixed before the hold-out is looked at."""

    margin_roc_auc: Annotated[float, Interval(ge=0.0, le=0.5)] = 0.02
    margin_sensitivity: Annotated[float, Interval(ge=0.0, le=0.5)] = 0.05
    margin_specificity: Annotated[float, Interval(ge=0.0, le=0.5)] = 0.05
    max_looks: Annotated[int, Interval(ge=1, le=10_000)] = 20
    ask_person: bool = False
    # bootstrap: 95% a look, past max_looks a person; score: score limits, the error of 5% divided over planned_looks
    rule: Literal["bootstrap", "score"] = later("0.2", neutral="bootstrap")
    planned_looks: Annotated[int, Interval(ge=1, le=100)] = later("0.2", neutral=4)
    # of rule "score": the least lower limits of a first model, at the look's one-sided error; 0 asks for none
    floor_roc_auc: Annotated[float, Interval(ge=0.0, le=0.99)] = later("0.2", neutral=0.0)
    floor_sensitivity: Annotated[float, Interval(ge=0.0, le=0.99)] = later("0.2", neutral=0.0)
    floor_specificity: Annotated[float, Interval(ge=0.0, le=0.99)] = later("0.2", neutral=0.0)


@dataclass(frozen=True)
class ExplainRecipe(Checked):
    gallery: Annotated[int, Interval(ge=0, le=200)] = 12


@dataclass(frozen=True)
class TuningRecipe(Checked):
    trials: Annotated[int, Interval(ge=1, le=10_000)] = 12
    seed: Annotated[int, Interval(ge=0, le=2**31 - 1)] = 11


@dataclass(frozen=True)
class DriftRecipe(Checked):
    false_alarm_rate: Annotated[float, Interval(ge=0.0001, le=0.5)] = 0.05
    psi: Annotated[float, Interval(ge=0.01, le=10.0)] = 0.25
    minimum_studies: Annotated[int, Interval(ge=5, le=1_000_000)] = 50
    # so many since the last version start a retrain
    new_labelled_studies: Annotated[int, Interval(ge=1, le=1_000_000)] = 100
    # of the studies since the champion was trained, so many of the newest are looked at; 0: all, which dilutes a change
    newest_studies: Annotated[int, Interval(ge=0, le=1_000_000)] = later("0.2", neutral=0)
    # false_alarm_rate is spent over so many looks: 52 for a weekly look makes it the rate of a year
    looks_a_year: Annotated[int, Interval(ge=1, le=10_000)] = later("0.2", neutral=1)


@dataclass(frozen=True)
class DataRecipe(Checked):
    # labels of one version may mean different things, such as MURA's abnormal and GRAZPEDWRI-DX's fracture
    mixed_labels: bool = False


@dataclass(frozen=True)
class Recipe(Checked):
    name: str
    note: str = ""
    split: SplitRecipe = field(default_factory=SplitRecipe)
    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    training: TrainingRecipe = field(default_factory=TrainingRecipe)
    augmentation: AugmentationRecipe = field(default_factory=AugmentationRecipe)
    evaluation: EvaluationRecipe = field(default_factory=EvaluationRecipe)
    gate: GateRecipe = field(default_factory=GateRecipe)
    explain: ExplainRecipe = field(default_factory=ExplainRecipe)
    tuning: TuningRecipe = field(default_factory=TuningRecipe)
    drift: DriftRecipe = field(default_factory=DriftRecipe)
    data: DataRecipe = later("0.2", neutral=DataRecipe())

    @property
    def canonical_json(self) -> str:
        """The recipe as sorted JSON: what the hash is taken of.

        Its name, its note, and later fields at their neutral value are not in it.
        """
        content = {key: value for key, value in canonical(self).items() if key not in ("name", "note")}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()

    @property
    def as_stored(self) -> StoredRecipe:
        """What the catalogue keeps of it."""
        return StoredRecipe(self.sha256, self.name, self.canonical_json)

    @property
    def model_json(self) -> str:
        """The part of canonical_json that decides a network and its locked operating points: what may be trained
        once. Margins, gallery, tuning, drift and the list of networks are not in it."""
        return model_json(self.canonical_json)

    @property
    def network_json(self) -> str:
        """The part of canonical_json that decides a network alone: what an interrupted training goes on under."""
        part = {name: json.loads(self.model_json)[name] for name in ("network", "training", "augmentation")}
        return json.dumps(part, sort_keys=True, separators=(",", ":"))

    @property
    def from_scratch(self) -> bool:
        """Whether training starts from random weights; every result of such a recipe is labelled so."""
        return self.network.weights == "none"

    def only(self, architectures: tuple[str, ...]) -> Recipe:
        """The same recipe for some of its networks (`--model`); a single one serves by itself."""
        serve = self.evaluation.serve
        if len(architectures) == 1 or serve not in (*architectures, "ensemble"):
            serve = architectures[0]
        network = replace(self.network, architectures=architectures)
        changed = replace(self, network=network, evaluation=replace(self.evaluation, serve=serve))
        return _consistent(changed, self.name)


def model_json(canonical_json: str) -> str:
    """`Recipe.model_json` of a recipe as the catalogue keeps it."""
    content = json.loads(canonical_json)
    part = {name: dict(content[name]) for name in ("split", "network", "training", "augmentation", "evaluation")}
    for section, name in (place.split(".") for place in DECIDES_NO_TRAINING):
        part[section].pop(name, None)
    return json.dumps(part, sort_keys=True, separators=(",", ":"))


def read(path: Path) -> Recipe:
    """Read and check a recipe file. Raises RecipeError that names the file, the field and what is allowed."""
    try:
        content = tomllib.loads(regular_file.read(path, 1 << 20).decode())
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such recipe file. The ones that come with Wrist are in recipes/.") from None
    except IsADirectoryError:
        raise RecipeError(f"{path}: this is a folder; a recipe is a TOML file such as recipes/quick.toml.") from None
    except (Refused, RecursionError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not a TOML file: {error}") from None
    content.setdefault("name", path.stem)
    return from_mapping(content, str(path))


SHIPPED = Path(__file__).parent.parent / "recipes"


def find(name: str | Path) -> Path:
    """A recipe's file: the path itself, or one of those that come with Wrist (`quick`, `recipes/quick.toml`)."""
    path = Path(name)
    if path.exists():
        return path.absolute()
    shipped = SHIPPED / path.with_suffix(".toml").name
    return shipped if path.parent.name in ("", "recipes") and shipped.exists() else path.absolute()


def load(name: str | Path, models: Sequence[str] | None = None) -> Recipe:
    """The recipe of that path or shipped name, for all of its networks or for `models` alone."""
    recipe = read(find(name))
    return recipe.only(tuple(models)) if models else recipe


def stored(canonical_json: str, name: str) -> Recipe:
    """A recipe as the catalogue keeps it: its canonical JSON, and the name it was used under."""
    return from_mapping({"name": name, **json.loads(canonical_json)}, f"the stored recipe {name}")


def from_mapping(content: dict[str, Any], where: str) -> Recipe:
    """The recipe in a parsed TOML document; `where` names it in errors."""
    from pydantic import ValidationError

    try:
        # As JSON, where an array is a tuple even in strict mode.
        recipe = _adapter().validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise RecipeError(f"{where}: {sentence(error.errors()[0], content, Recipe)}") from None
    return _consistent(recipe, where)


def write(recipe: Recipe, path: Path) -> None:
    """The recipe as TOML, each field of each section; `read` reads it back equal, with the file's stem as its name."""
    import tomli_w

    content = asdict(recipe)
    del content["name"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps(content), encoding="utf-8")


def canonical(record: Any) -> dict[str, Any]:
    """A recipe or section without later fields at their neutral value: what hashes and keys are taken of."""
    found = {}
    for item in fields(record):
        value = getattr(record, item.name)
        if "since" not in item.metadata or value != item.default:
            found[item.name] = canonical(value) if is_dataclass(value) else value
    return found


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter  # the pool's workers import this module and check no recipe

    return TypeAdapter(Recipe)


def _gate_is_sound(gate: GateRecipe, where: str) -> None:
    """Raises RecipeError for fields of one rule under the other, and for margins that the score rule never allows."""
    if gate.rule == "bootstrap":
        if gate.floor_roc_auc or gate.floor_sensitivity or gate.floor_specificity or gate.planned_looks != 4:
            raise RecipeError(f'{where}: gate.floor_… and gate.planned_looks need gate.rule = "score".')
        return
    for name in ("margin_roc_auc", "margin_sensitivity", "margin_specificity"):
        if not 0 < getattr(gate, name) <= WIDEST_MARGIN:
            raise RecipeError(
                f'{where}: gate.{name} is {getattr(gate, name)}; with gate.rule = "score" more than 0 and '
                f"at most {WIDEST_MARGIN} is allowed. A wider margin buys power with patients' harm; `wrist plan` says "
                "what the hold-out can decide."
            )


def _consistent(recipe: Recipe, where: str) -> Recipe:
    """The recipe, if its fields agree."""
    _gate_is_sound(recipe.gate, where)
    split = recipe.split
    if abs(split.train + split.validation + split.test - 1) > 1e-9:
        raise RecipeError(f"{where}: split.train + split.validation + split.test must be 1.")
    low, high = recipe.augmentation.brightness
    if not 0 < low <= high <= 10:
        raise RecipeError(f"{where}: augmentation.brightness is [{low}, {high}]; allowed is 0 < low <= high <= 10.")
    names, known = recipe.network.architectures, backbone.names()
    for name in names:
        if name not in known:
            raise RecipeError(f"{where}: unknown model {name!r}; known are {', '.join(known)}.")
    if not names or len(set(names)) != len(names):
        raise RecipeError(f"{where}: network.architectures must name each network once: {list(names)}.")
    if recipe.evaluation.serve not in (*known, "ensemble"):
        raise RecipeError(
            f"{where}: evaluation.serve is {recipe.evaluation.serve!r}; allowed are {', '.join(known)} or ensemble."
        )
    return recipe
