"""EfficientNet-Lite0: its layers against PyTorch's figures, and weights out of PyTorch's file by a reader that allows
tensors alone. The published weights themselves: test_soak_lite0.py."""

from __future__ import annotations

import os
import pickle
import resource
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests import lite0_numbers, train_data
from tests.lite0_numbers import file, integers, named, storage, tensor, text
from wrist_model.errors import WeightsError
from wrist_model.network import assemble, backbone, pretrained_weights, torch_file
from wrist_model.network.backbones import efficientnetlite0
from wrist_model.recipe import NetworkRecipe
from wrist_model.training import fit

NAME = "efficientnetlite0"
NUMBERS = np.arange(12, dtype=np.float32)
WHOLE = tensor(storage("0", 12), 0, (3, 4), (4, 1))


def outputs() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "lite0" / "outputs.npz") as found:
        return dict(found)


def test_its_layers_are_those_of_the_lite_variant() -> None:
    network = backbone.row(NAME).builder(include_top=False, weights=None, input_shape=(224, 224, 3))
    assert network.count_params() == 3_413_024 and network.output_shape == (None, 7, 7, 1280)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert (kinds.count("DepthwiseConv2D"), kinds.count("BatchNormalization"), kinds.count("Add")) == (16, 49, 9)
    activations = {layer.activation.__name__ for layer in network.layers if hasattr(layer, "activation")}
    assert activations == {"relu6", "linear"}
    assert {layer.epsilon for layer in network.layers if hasattr(layer, "epsilon")} == {1e-3}
    assert [round(layer.rate, 4) for layer in network.layers if hasattr(layer, "rate")][::4] == [0.025, 0.1125, 0.175]


def test_it_computes_what_pytorch_computes_with_generated_weights() -> None:
    """Names, axes, padding, epsilon, ReLU6: a weight that came to another place would change these figures."""
    import keras

    shapes = lite0_numbers.shapes(efficientnetlite0.blocks())
    content = lite0_numbers.torch_file({name: lite0_numbers.weights(name, shape) for name, shape in shapes.items()})
    tensors = efficientnetlite0.from_torch(torch_file.tensors(content))
    base = backbone.row(NAME).builder(include_top=False, weights=None, input_shape=(224, 224, 3))
    for layer in base.layers:
        if layer.weights:
            layer.set_weights(tensors.pop(layer.name))
    assert not tensors
    x = np.asarray(backbone.row(NAME).preprocess(lite0_numbers.pictures().astype(np.float32)))
    features = keras.ops.mean(base(x, training=False), axis=(1, 2))
    expected = outputs()["of_generated"]
    assert np.abs(np.asarray(features) - expected).max() < 1e-4


def test_it_is_cut_where_its_row_says_and_letterboxes_when_asked() -> None:
    recipe = NetworkRecipe(image_size=64, dense_units=8, resize="letterbox")
    network = assemble.build(NAME, recipe, seed=1)
    assert network.boundary == backbone.row(NAME).boundary_layer and assemble.resize_of(network.whole) == "letterbox"
    assert assemble.resize_of(assemble.build(NAME, NetworkRecipe(image_size=64), seed=1).whole) == "squeeze"


def test_weights_of_pytorch_are_taken_by_their_hash_alone(tmp_path: Path) -> None:
    path = tmp_path / "lite0.pth"
    path.write_bytes(file(named({"_conv_stem.weight": WHOLE}), {"0": NUMBERS}))
    with pytest.raises(WeightsError, match=r"lite0\.pth: not the published weights of efficientnetlite0: its SHA-256"):
        pretrained_weights.resolve(str(path), NAME)
    with pytest.raises(WeightsError, match=r"weights of resnet50 come as \.keras or \.weights\.h5"):
        pretrained_weights.resolve(str(path), "resnet50")
    with pytest.raises(WeightsError, match="Keras can't fetch its ImageNet weights") as error:
        pretrained_weights.resolve("imagenet", NAME)
    assert "docs/training.md" in str(error.value)


def test_a_trained_one_is_told_from_efficientnetb0(tmp_path: Path) -> None:
    path = train_data.backbone(tmp_path, NAME)
    with pytest.raises(WeightsError, match=f"holds {NAME}, not efficientnetb0"):
        pretrained_weights.resolve(str(path), "efficientnetb0")
    found = pretrained_weights.resolve(str(path), NAME)
    assert fit.prepared(train_data.recipe(str(path)), NAME, found, "float32").frozen is not None


def test_tensors_come_out_in_their_shape_order_and_type() -> None:
    turned = tensor(storage("0", 12), 1, (2, 3), (1, 4))
    counted = tensor(storage("n", 1, "LongStorage"), 0, (), ())
    stored = {"0": NUMBERS, "n": np.array([7])}
    found = torch_file.tensors(file(named({"whole": WHOLE, "turned": turned, "counted": counted}), stored))
    assert np.array_equal(found["whole"], NUMBERS.reshape(3, 4))
    assert np.array_equal(found["turned"], [[1, 5, 9], [2, 6, 10]])
    assert found["counted"] == 7 and found["counted"].dtype == np.int64
    assert not found["whole"].flags.writeable


def _calls(module: str, name: str, argument: str = "echo") -> bytes:
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + text(argument) + b"tR."


REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
HOSTILE = {
    "a command": (_calls("os", "system"), "names os.system"),
    "a command by another name": (_calls("posix", "system"), "names posix.system"),
    "code": (_calls("builtins", "eval"), "names builtins.eval"),
    "a file": (_calls("io", "open"), "names io.open"),
    "NumPy's own": (_calls("numpy", "load"), "names numpy.load"),
    "another of PyTorch": (_calls("torch.hub", "load"), "names torch.hub.load"),
    "a dotted name": (
        b"\x80\x04" + text("io") + text("open.__call__") + b"\x93.",
        "opcode STACK_GLOBAL",
    ),
    "an instance": (b"\x80\x02(ios\nsystem\n.", "opcode INST"),
    "a new object": (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "opcode NEWOBJ"),
    "an extension": (b"\x80\x02\x82\x01.", "opcode EXT1"),
    "a memo of gigabytes": (b"\x80\x02Nr\xff\xff\xff\x7f.", "numbers an object beyond"),
    "bytes of gigabytes": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".", "damaged"),
    "a call of a storage's kind": (b"\x80\x02ctorch\nFloatStorage\n)R.", "damaged"),
    "an attribute of rebuild": (b"\x80\x02" + REBUILD + b"}" + text("x") + b"Nsb.", "damaged"),
    "text for a dict": (b"\x80\x02" + text("weights") + b".", "damaged"),
    "a value that is none": (named({"a": b"N"}), "'a', which is no tensor"),
    "a name that is none": (b"\x80\x02}K\x01" + WHOLE + b"s.", "which is no tensor"),
    "a tensor of nothing": (named({"a": tensor(b"N", 0, (1,), (1,))}), "without a storage"),
    "a negative offset": (named({"a": tensor(storage("0", 12), -1, (1,), (1,))}), "of a shape that is none"),
    "a negative stride": (named({"a": tensor(storage("0", 12), 11, (2,), (-1,))}), "of a shape that is none"),
    "a stride too few": (named({"a": tensor(storage("0", 12), 0, (2, 2), (1,))}), "damaged"),
    "beyond its storage": (named({"a": tensor(storage("0", 12), 9, (4,), (1,))}), "beyond its storage"),
    "one number as a gigabyte": (named({"a": tensor(storage("0", 12), 0, (1 << 30,), (0,))}), "beyond its storage"),
    "a length of its own": (named({"a": WHOLE, "b": tensor(storage("0", 99), 0, (9,), (1,))}), "another length"),
    "an unknown storage": (named({"a": tensor(storage("9", 12), 0, (1,), (1,))}), "damaged"),
    "half a storage": (named({"a": tensor(b"(" + text("storage") + b"tQ", 0, (1,), (1,))}), "described otherwise"),
    "a module for a storage": (
        named({"a": tensor(b"(" + text("module") + b"ctorch\nFloatStorage\nNNNNtQ", 0, (1,), (1,))}),
        "described otherwise",
    ),
    "no end": (b"\x80\x02" + integers([1]), "damaged"),
}


@pytest.mark.parametrize(("pickled", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_holds_more_than_tensors_is_refused(
    pickled: bytes, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "system", lambda _: (tmp_path / "ran").touch())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(torch_file.NotTensors, match=said):
        torch_file.tensors(file(pickled, {"0": NUMBERS}))
    assert not (tmp_path / "ran").exists()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 1 << 28
    sound = torch_file.tensors(file(named({"a": WHOLE}), {"0": NUMBERS}))
    assert np.array_equal(sound["a"], NUMBERS.reshape(3, 4))


def test_an_attribute_of_the_dict_is_passed_over() -> None:
    shadowed = named({"a": WHOLE})[:-1] + b"}" + text("items") + b"Nsb."
    assert list(torch_file.tensors(file(shadowed, {"0": NUMBERS}))) == ["a"]


def test_a_damaged_cut_or_later_file_is_refused(tmp_path: Path) -> None:
    whole = file(named({"a": WHOLE}), {"0": NUMBERS})
    with zipfile.ZipFile(tmp_path / "later.pth", "w") as later:
        later.writestr("archive/data.pkl", named({"a": WHOLE}))
    strange = file(named({"a": WHOLE}), {"0": NUMBERS}, little_endian=False)
    faults = [b"", b"PK", (tmp_path / "later.pth").read_bytes(), whole[:-1], whole + b"\0", strange, pickle.dumps(3)]
    for content in (*faults, *(whole[:end] for end in range(0, len(whole), 7))):
        with pytest.raises(torch_file.NotTensors):
            torch_file.tensors(content)
