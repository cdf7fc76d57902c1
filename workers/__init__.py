"""Turns the brain's facts into side effects."""
