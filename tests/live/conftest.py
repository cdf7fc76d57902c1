"""Tests against services that somebody has to run. Opt in by naming one; the others are not collected."""

import os

collect_ignore = [] if os.environ.get("EXPERT_WEAVIATE_URL") else ["test_weaviate.py"]


def pytest_report_header() -> str:
    where = os.environ.get("EXPERT_WEAVIATE_URL")
    return f"live: Weaviate at {where}" if where else "live: no Weaviate, as EXPERT_WEAVIATE_URL is not set"
