"""What every task needs beside its work: who runs it, whether it lives, progress, names, costs, artifacts."""
