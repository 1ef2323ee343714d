"""Recipes: frozen dataclasses read from TOML, each field checked against its range.

A recipe says everything that decides a training and its evaluation, beforehand: what a setting costs and why it has
its value stands in the comments of `recipes/*.toml`. Two recipes are the same when `Recipe.sha256` is.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from wrist_model.errors import RecipeError

ARCHITECTURES = ("resnet50", "efficientnetb0")


def _between(default: Any, low: float, high: float) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


@dataclass(frozen=True)
class SplitRecipe:
    """Shares by patient. A catalogue keeps the rule it was begun with: a patient never moves."""

    seed: int = _between(1712, 0, 2**31 - 1)
    train: float = _between(0.70, 0.05, 0.95)
    validation: float = _between(0.15, 0.02, 0.5)
    test: float = _between(0.15, 0.02, 0.5)


@dataclass(frozen=True)
class NetworkRecipe:
    architectures: tuple[str, ...] = ARCHITECTURES
    weights: str = "imagenet"  # "imagenet", "none", or the path of a .keras or .weights.h5 file
    image_size: int = _between(224, 32, 1024)
    free_layers: int = _between(10, 1, 1000)  # of the backbone, counted from its end; weights = "none" frees all
    dense_units: int = _between(64, 1, 4096)
    dropout: float = _between(0.3, 0.0, 0.9)
    batch_norm: Literal["inference", "training"] = "inference"
    batch_norm_momentum: float = _between(0.99, 0.5, 0.9999)


@dataclass(frozen=True)
class TrainingRecipe:
    seed: int = _between(20, 0, 2**31 - 1)
    epochs: int = _between(10, 1, 1000)
    patience: int = _between(4, 1, 1000)
    batch_size: int = _between(64, 1, 1024)
    learning_rate: float = _between(1e-4, 1e-7, 1.0)
    class_weights: Literal["balanced", "none"] = "balanced"
    mode: Literal["features", "online"] = "features"
    views_per_image: int = _between(3, 1, 1000)
    learning_rate_schedule: Literal["constant", "cosine"] = "constant"
    frozen_precision: Literal["auto", "float32", "bfloat16"] = "auto"
    free_precision: Literal["auto", "float32", "bfloat16"] = "auto"
    feature_dtype: Literal["float16", "float32"] = "float16"
    fold_constants: bool = True
    features_gib: float = _between(20.0, 0.01, 10000.0)


@dataclass(frozen=True)
class AugmentationRecipe:
    """Drawn for training images only."""

    rotation_degrees: float = _between(20.0, 0.0, 180.0)
    shear_degrees: float = _between(0.2, 0.0, 45.0)
    brightness: tuple[float, float] = (0.5, 1.5)
    horizontal_flip: bool = False


@dataclass(frozen=True)
class EvaluationRecipe:
    resamples: int = _between(2000, 100, 100_000)
    bootstrap_seed: int = _between(7, 0, 2**31 - 1)
    sensitivity_target: float = _between(0.90, 0.01, 0.999)
    serving: Literal["youden", "sensitivity"] = "youden"
    serve: str = "ensemble"  # which model version is to serve: an architecture, or "ensemble"


@dataclass(frozen=True)
class GateRecipe:
    """Non-inferiority margins in absolute terms, fixed before the hold-out is looked at."""

    margin_roc_auc: float = _between(0.02, 0.0, 0.5)
    margin_sensitivity: float = _between(0.05, 0.0, 0.5)
    margin_specificity: float = _between(0.05, 0.0, 0.5)
    max_looks: int = _between(20, 1, 10_000)
    ask_person: bool = False


@dataclass(frozen=True)
class ExplainRecipe:
    gallery: int = _between(12, 0, 200)


@dataclass(frozen=True)
class TuningRecipe:
    trials: int = _between(12, 1, 10_000)
    seed: int = _between(11, 0, 2**31 - 1)


@dataclass(frozen=True)
class DriftRecipe:
    false_alarm_rate: float = _between(0.05, 0.0001, 0.5)
    psi: float = _between(0.25, 0.01, 10.0)
    minimum_studies: int = _between(50, 5, 1_000_000)
    new_labelled_studies: int = _between(100, 1, 1_000_000)  # so many since the last version start a retrain


@dataclass(frozen=True)
class Recipe:
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

    @property
    def canonical_json(self) -> str:
        """The recipe as sorted JSON, without its name and note: what the hash is taken of."""
        content = {key: value for key, value in asdict(self).items() if key not in ("name", "note")}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()

    @property
    def model_json(self) -> str:
        """The part of canonical_json that decides a network and its locked operating points: what may be trained
        once. Margins, gallery, tuning, drift and the list of networks are not in it."""
        return model_json(self.canonical_json)

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
        return _checked(replace(self, network=network, evaluation=replace(self.evaluation, serve=serve)), self.name)


def model_json(canonical_json: str) -> str:
    """`Recipe.model_json` of a recipe as the catalogue keeps it."""
    content = json.loads(canonical_json)
    part = {name: dict(content[name]) for name in ("split", "network", "training", "augmentation", "evaluation")}
    del part["network"]["architectures"], part["evaluation"]["serve"]
    return json.dumps(part, sort_keys=True, separators=(",", ":"))


def read(path: Path) -> Recipe:
    """Read and check a recipe file. Raises RecipeError that names the file, the field and what is allowed."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such recipe file. The ones that come with Wrist are in recipes/.") from None
    except IsADirectoryError:
        raise RecipeError(f"{path}: this is a folder; a recipe is a TOML file such as recipes/quick.toml.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
    return _checked(_build(Recipe, content, where, ""), where)


def _build(kind: Any, content: dict[str, Any], where: str, prefix: str) -> Any:
    hints = get_type_hints(kind)
    unknown = sorted(set(content) - set(hints))
    if unknown:
        known = ", ".join(prefix + name for name in hints)
        raise RecipeError(f"{where}: unknown field {prefix}{unknown[0]}. Known are: {known}.")
    values: dict[str, Any] = {}
    for name, value in content.items():
        label, hint = prefix + name, hints[name]
        if is_dataclass(hint):
            if not isinstance(value, dict):
                raise RecipeError(f"{where}: {label} must be a table, [{label}].")
            values[name] = _build(hint, value, where, label + ".")
        else:
            values[name] = _typed(value, hint, where, label)
    try:
        return kind(**values)
    except TypeError as error:
        raise RecipeError(f"{where}: {error}") from None


def _typed(value: Any, hint: Any, where: str, label: str) -> Any:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise RecipeError(f"{where}: {label} is {value!r}; allowed are {', '.join(map(repr, get_args(hint)))}.")
        return value
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if not isinstance(value, list) or (inner[-1] is not Ellipsis and len(value) != len(inner)):
            raise RecipeError(f"{where}: {label} is {value!r}; expected a list of {len(inner)} values.")
        return tuple(_typed(item, inner[0], where, label) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise RecipeError(f"{where}: {label} is {value!r}; expected {hint.__name__}.")
    return value


def _checked(recipe: Recipe, where: str) -> Recipe:
    for part in fields(recipe):
        section = getattr(recipe, part.name)
        for item in fields(section) if is_dataclass(section) else ():
            low, value = item.metadata.get("low"), getattr(section, item.name)
            if low is not None and not low <= value <= item.metadata["high"]:
                raise RecipeError(
                    f"{where}: {part.name}.{item.name} is {value}; allowed is {low:g} to {item.metadata['high']:g}."
                )
    split = recipe.split
    if abs(split.train + split.validation + split.test - 1) > 1e-9:
        raise RecipeError(f"{where}: split.train + split.validation + split.test must be 1.")
    low, high = recipe.augmentation.brightness
    if not 0 < low <= high <= 10:
        raise RecipeError(f"{where}: augmentation.brightness is [{low}, {high}]; allowed is 0 < low <= high <= 10.")
    names = recipe.network.architectures
    for name in names:
        if name not in ARCHITECTURES:
            raise RecipeError(f"{where}: unknown model {name!r}; known are {', '.join(ARCHITECTURES)}.")
    if not names or len(set(names)) != len(names):
        raise RecipeError(f"{where}: network.architectures must name each network once: {list(names)}.")
    if recipe.evaluation.serve not in (*ARCHITECTURES, "ensemble"):
        raise RecipeError(
            f"{where}: evaluation.serve is {recipe.evaluation.serve!r}; "
            f"allowed are {', '.join(ARCHITECTURES)} or ensemble."
        )
    return recipe
