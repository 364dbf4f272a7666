import logging

from mnist_gradients.pipelines.logistic_regression.history import HistoryRecorder


class Clock:
    def __init__(self, *times):
        self.times = iter(times)

    def __call__(self):
        return next(self.times)


def test_every_iteration_is_kept_with_the_seconds_since_the_recorder_was_made(monkeypatch):
    monkeypatch.setattr("time.perf_counter", Clock(100.0, 100.5, 102.0))
    record = HistoryRecorder("gradient_descent")
    record(0, 0.7, 0.2)
    record(1, 0.6, 0.1)
    assert record.table().to_dict("list") == {
        "solver": ["gradient_descent"] * 2,
        "iteration": [0, 1],
        "objective": [0.7, 0.6],
        "gradient_norm": [0.2, 0.1],
        "seconds": [0.5, 2.0],
    }
    assert record.seconds == 2.0


def test_progress_is_reported_every_few_seconds_only(monkeypatch, caplog):
    monkeypatch.setattr("time.perf_counter", Clock(0.0, 1.0, 6.0, 7.0, 11.0, 11.5))
    caplog.set_level(logging.INFO, logger="mnist_gradients")
    record = HistoryRecorder("lbfgs", report_every=5.0)
    for iteration in range(4):
        record(iteration, 0.5, 0.1)
    assert [text.strip() for text in caplog.messages] == [
        "lbfgs: iteration 1, objective 0.500000, 6 s",
    ]
    record(4, 0.25, 0.1)
    assert caplog.messages[-1].strip() == "lbfgs: iteration 4, objective 0.250000, 12 s"
