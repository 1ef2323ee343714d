"""From frozen layers' features or pictures to a trained network; knows recipes, not tasks."""
