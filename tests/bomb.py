"""A file on which the decoder takes its process down."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

from wrist_model.sources.item import Item


class Bomb(Item):
    """An item that ends the worker process which looks at it, as a crash in a codec does in life."""

    def __getattribute__(self, name: str) -> Any:
        if name == "ignored" and multiprocessing.parent_process() is not None:
            os._exit(11)
        return super().__getattribute__(name)
