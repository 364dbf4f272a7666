"""A line now and then for work that says nothing itself, so that a long silence means trouble."""

import logging
import threading
import time

logger = logging.getLogger(__name__)


class Heartbeat(logging.Handler):
    """Says that a node is still running whenever the project has been silent for a while.

    Args:
        node: Name of the node.
        silence: Seconds without a line after which to say so.
    """

    def __init__(self, node: str, silence: float = 10.0) -> None:
        super().__init__()
        self._node = node
        self._silence = silence
        self._ended = threading.Event()
        self._started = self._last_line = time.monotonic()
        self._thread = threading.Thread(
            target=self._watch, name=f"heartbeat of {node}", daemon=True
        )

    def start(self) -> None:
        """Begin to watch."""
        logging.getLogger("mnist_gradients").addHandler(self)
        self._thread.start()

    def stop(self) -> None:
        """Fall silent for good."""
        self._ended.set()
        self._thread.join()
        logging.getLogger("mnist_gradients").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - what does not matter
        """Take note that something was said."""
        self._last_line = time.monotonic()

    def _watch(self) -> None:
        while not self._ended.wait(self._last_line + self._silence - time.monotonic()):
            now = time.monotonic()
            if now - self._last_line >= self._silence:
                self._last_line = now
                logger.info("    %s: still running, %.0f s", self._node, now - self._started)
