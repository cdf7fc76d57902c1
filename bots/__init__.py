"""Chat platforms: each folder translates one platform to and from the shared contract, and does nothing else."""
