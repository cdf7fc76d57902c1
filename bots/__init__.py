"""Chat platforms: each translates its own to the one vocabulary and back, and does nothing else."""
