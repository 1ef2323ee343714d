"""What a worker does with one file; above radiograph, cohort and sources."""
