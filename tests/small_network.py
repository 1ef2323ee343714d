"""The network of tests/small_backbone beside the shipped ones, in each process that imports this."""

from __future__ import annotations

from pathlib import Path

from wrist_model.network import backbones

NAME = "threeblocks"
backbones.__path__ = [*backbones.__path__, str(Path(__file__).parent / "small_backbone")]
