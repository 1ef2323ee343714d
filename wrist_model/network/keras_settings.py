"""Keras's global state: set here, in code, and stored with each run, so that no file or variable of a user decides it.

Keras reads ~/.keras/keras.json (or KERAS_HOME) and a few variables when it is imported. What can be set afterwards is
set; a backend can't be changed any more, and is refused by its variable's name before anything is ingested.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from wrist_model.errors import UsageError

BACKEND, IMAGE_DATA_FORMAT, FLOATX, EPSILON, DTYPE_POLICY = "tensorflow", "channels_last", "float32", 1e-7, "float32"
"""Keras's own defaults. dtype_policy: what stands where nothing else is said (`dtype_policy.under` says it)."""

STORED = f"backend {BACKEND}, {IMAGE_DATA_FORMAT}, floatx {FLOATX}, epsilon {EPSILON:g}"

_LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
_ARITHMETIC = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "TF_DETERMINISTIC_OPS")
"""Variables that change how TensorFlow rounds, not what it computes: stored with the run."""


def refuse_environment(environment: Mapping[str, str] | None = None) -> None:
    """Raises UsageError, naming it, for a variable or a file that would keep TensorFlow's Keras from being used as it
    has to be. Imports nothing."""
    environment = os.environ if environment is None else environment
    backend = environment.get("KERAS_BACKEND")
    if backend not in (None, "", BACKEND):
        raise UsageError(
            f"KERAS_BACKEND is {backend!r}: Wrist's networks are TensorFlow's. Unset KERAS_BACKEND, or set it to "
            f"{BACKEND}."
        )
    for name in _LIMITS:
        if environment.get(name):
            raise UsageError(f"{name} is set: it would cut every epoch short for debugging. Unset {name}.")
    file = _file(environment)
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # Keras passes over it, too
    expected = {
        "floatx": lambda value: value in ("float16", "float32", "float64", "bfloat16"),
        "epsilon": lambda value: isinstance(value, float),
        "image_data_format": lambda value: value in ("channels_last", "channels_first"),
    }
    for name, fits in expected.items():
        if not isinstance(said, dict) or (name in said and not fits(said[name])):
            raise UsageError(f"{file}: Keras can't be imported with its {name}. Correct or remove this file.")


def before_import() -> None:
    """What has to be said before TensorFlow is imported, which imports Keras: variables outvote the file."""
    refuse_environment()
    os.environ["KERAS_BACKEND"] = BACKEND
    os.environ["KERAS_NNX_ENABLED"] = "0"


def settle() -> None:
    """Import Keras and set its global state. Raises UsageError where it is another backend's, or can't be imported."""
    before_import()
    import keras

    if keras.config.backend() != BACKEND:
        raise UsageError(f"Keras was imported with the backend {keras.config.backend()}; expected {BACKEND}.")
    keras.config.set_image_data_format(IMAGE_DATA_FORMAT)
    keras.config.set_floatx(FLOATX)
    keras.config.set_epsilon(EPSILON)
    keras.config.set_dtype_policy(DTYPE_POLICY)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The first weights and the dropout of what is built inside are a function of the seed alone.

    Keras draws their seeds from Python's global generator, from which other threads draw too (Prefect's heartbeats):
    here it has one of its own, with the numbers that keras.utils.set_random_seed would have given.
    """
    from keras.src.random import seed_generator

    kept = seed_generator.python_random
    seed_generator.python_random = random.Random(seed)  # no secret
    try:
        yield
    finally:
        seed_generator.python_random = kept


def stored() -> tuple[tuple[str, str], ...]:
    """What a run's lineage says of it: the settings, and the variables at hand that change rounding."""
    at_hand = tuple((name, os.environ[name]) for name in _ARITHMETIC if os.environ.get(name))
    return (("keras_settings", STORED), *at_hand)


def _file(environment: Mapping[str, str]) -> Path:
    """Where Keras reads its file (keras.src.backend.config)."""
    if "KERAS_HOME" in environment:
        return Path(environment["KERAS_HOME"]) / "keras.json"
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 (Keras's own way, without a home too)
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras" / "keras.json"  # noqa: S108
