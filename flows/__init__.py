"""What runs, in what order; one flow a file. Imports nothing here, so that `wrist --help` starts at once."""
