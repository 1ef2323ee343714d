"""What is measured, compared and decided from stored predictions."""
