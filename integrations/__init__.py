"""Ticket systems: each folder translates one system to and from the shared contract, and does nothing else."""
