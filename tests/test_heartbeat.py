import logging
import re
import time

import pytest

from mnist_gradients.heartbeat import Heartbeat

PROJECT = logging.getLogger("mnist_gradients")


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="mnist_gradients")
    return lambda: caplog.messages


@pytest.fixture
def watch():
    """Runs some work beside a heartbeat that is heard after every 0.2 s of silence."""

    def watch(work):
        heartbeat = Heartbeat("fnn.train_network", silence=0.2)
        heartbeat.start()
        try:
            work()
        finally:
            heartbeat.stop()

    return watch


def test_silent_work_is_said_to_be_running(lines, watch):
    watch(lambda: time.sleep(0.7))
    assert 1 <= len(lines()) <= 3
    for line in lines():
        assert re.fullmatch(r"    fnn\.train_network: still running, [01] s", line)


def test_work_that_speaks_for_itself_is_left_to_speak(lines, watch):
    def speak():
        for _ in range(14):
            time.sleep(0.05)
            logging.getLogger("mnist_gradients.pipelines.fnn").info("epoch")

    watch(speak)
    assert set(lines()) == {"epoch"}


def test_quick_work_is_not_mentioned(lines, watch):
    watch(lambda: None)
    assert lines() == []


def test_nothing_is_left_behind(watch):
    before = list(PROJECT.handlers)
    with pytest.raises(ZeroDivisionError):
        watch(lambda: 1 / 0)
    assert PROJECT.handlers == before


def test_silence_costs_no_time_where_nobody_listens(watch, monkeypatch):
    """Lines that are not logged do not count as heard, and must not be tried over and over."""
    monkeypatch.setattr(PROJECT, "level", logging.WARNING)
    PROJECT.manager._clear_cache()
    started = time.process_time()
    watch(lambda: time.sleep(0.6))
    assert time.process_time() - started < 0.3
