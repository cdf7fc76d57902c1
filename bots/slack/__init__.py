"""Slack: its words in, ours out, and the other way round."""
