"""Retrieves, answers with citations, knows how sure it is, and decides who sees the answer."""
