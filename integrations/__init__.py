"""Ticket systems: each translates its own to the one vocabulary and back."""
