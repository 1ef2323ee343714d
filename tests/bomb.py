"""Files on which a decoder takes its process down, or never ends."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

from wrist_model.sources.source_item import Item


class Bomb(Item):
    """An item that ends the worker process which looks at it, as a crash in a codec does in life."""

    def __getattribute__(self, name: str) -> Any:
        if name == "ignored" and multiprocessing.parent_process() is not None:
            os._exit(11)
        return super().__getattribute__(name)


class Loop(Item):
    """An item on which a worker process computes for ever."""

    def __getattribute__(self, name: str) -> Any:
        while name == "ignored" and multiprocessing.parent_process() is not None:
            pass
        return super().__getattribute__(name)
