from mnist_gradients.regression.history import History


def test_every_iteration_is_kept_with_the_seconds_since_the_start(monkeypatch):
    times = iter([100.0, 100.5, 102.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    history = History("gradient_descent")
    history(0, 0.7, 0.2)
    history(1, 0.6, 0.1)
    assert history.table().to_dict("list") == {
        "solver": ["gradient_descent"] * 2,
        "iteration": [0, 1],
        "objective": [0.7, 0.6],
        "gradient_norm": [0.2, 0.1],
        "seconds": [0.5, 2.0],
    }
