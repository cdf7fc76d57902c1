"""What a benchmark says at its end, on the screen and to a file."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path


def machine() -> Mapping[str, object]:
    return {"cpus": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version()}


def tell(result: Mapping[str, object], *, file: Path | None) -> None:
    text = json.dumps(result, indent=2, ensure_ascii=False)
    print(text)
    if file:
        file.write_text(text + "\n", encoding="utf-8")
