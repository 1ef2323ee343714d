"""Benchmarks: `python -m benchmarks NAME… [--quick] [--json]`. Each prints ours and the peer's figure from one run."""
