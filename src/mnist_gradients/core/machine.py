"""The machine that a run was made on: figures mean little without it."""

import platform
from pathlib import Path


def processor() -> str:
    """Return the name of the processor; Linux keeps it in a file."""
    names = Path("/proc/cpuinfo")
    if names.exists():
        for line in names.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
