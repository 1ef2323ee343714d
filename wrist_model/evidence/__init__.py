"""What is measured on a hold-out, and what is decided from it."""
