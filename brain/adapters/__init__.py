"""What the ports stand for outside: each module wraps its one vendor."""
