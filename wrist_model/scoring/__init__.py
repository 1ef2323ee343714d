"""From networks to study probabilities and operating points."""
