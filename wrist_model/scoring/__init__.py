"""From a network's raw outputs to calibrated probabilities and decisions."""
