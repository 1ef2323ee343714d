"""Hyperparameter search on validation alone; above training and scoring."""
