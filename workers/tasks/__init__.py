"""Task handlers: each does one thing for one event, and may be run twice."""
