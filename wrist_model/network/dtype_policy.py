"""Whether bfloat16 pays on this machine, and Keras's dtype policy for what is built."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Precision = Literal["auto", "float32", "bfloat16"]
MIXED = "mixed_bfloat16"


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively, or a GPU is at hand."""
    return has_gpu() or cpu_has_bfloat16()


@functools.cache
def has_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


@functools.cache
def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively (AVX512-BF16 or AMX)."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False  # macOS
    return "avx512_bf16" in flags or "amx_bf16" in flags


def policy(wanted: Precision, gains: bool = True) -> str:
    """Keras's dtype policy: "auto" takes bfloat16 where the machine has it and the network gains from it."""
    if wanted == "auto":
        wanted = "bfloat16" if gains and has_bfloat16() else "float32"
    return MIXED if wanted == "bfloat16" else "float32"


@contextmanager
def under(name: str) -> Iterator[None]:
    """Keras's dtype policy ("float32", "mixed_bfloat16") for what is built inside."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
