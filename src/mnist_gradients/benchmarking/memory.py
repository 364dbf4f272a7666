"""How much memory this process takes, in MiB.

Resident memory is what the process holds in main memory, pages of mapped files included. Private
memory leaves those pages out: the operating system takes them back whenever it needs them.
"""

import sys
import threading
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
SAMPLE_EVERY = 0.02  # seconds


def resident_mib() -> float | None:
    """Return the resident memory now; None where the system does not report it."""
    return _status_mib("VmRSS")


def reset_peak() -> None:
    """Let the peak start anew, where the system can do that."""
    if CLEAR.exists():
        CLEAR.write_text("5")


def peak_resident_mib() -> float:
    """Return the largest resident memory since `reset_peak`, or ever if there is no reset.

    On Linux the kernel's `ru_maxrss` would include the process that started this one.
    """
    peak = _status_mib("VmHWM")
    if peak is None:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return peak


class PrivateMemory:
    """Context that samples the private memory; `peak_mib` is the largest seen, None if unknown."""

    def __init__(self) -> None:
        self.peak_mib = _status_mib("RssAnon")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "PrivateMemory":
        if self.peak_mib is not None:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(SAMPLE_EVERY):
            self.peak_mib = max(self.peak_mib or 0.0, _status_mib("RssAnon") or 0.0)


def _status_mib(key: str) -> float | None:
    """Return an entry of Linux' `/proc/self/status`."""
    if not STATUS.exists():
        return None
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) / 1024
    return None
