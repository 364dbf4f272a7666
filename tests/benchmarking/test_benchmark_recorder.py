import time

import numpy as np
import pytest

from mnist_gradients.benchmarking.recorder import (
    Moment,
    Recorder,
    TargetReached,
    read_points,
)


def test_a_file_holds_time_value_and_parameter_of_each_point(tmp_path):
    with Recorder(tmp_path / "points") as recorder:
        recorder.start()
        recorder.record(np.array([1.0, 2.0]), 0.5)
        recorder.record(np.array([[3.0], [4.0]], dtype=np.float32), np.nan, Moment(7.0, 8.0))
    points = read_points(tmp_path / "points", size=2)
    assert points[0, 2:].tolist() == [0.5, 1.0, 2.0]
    assert 0 < points[0, 0] < 1
    np.testing.assert_array_equal(points[1], [7, 8, np.nan, 3, 4])


def test_an_incomplete_last_point_is_left_out(tmp_path):
    np.arange(12.0).tofile(tmp_path / "points")
    np.testing.assert_array_equal(
        read_points(tmp_path / "points", size=2), [range(5), range(5, 10)]
    )


def test_the_first_value_at_the_target_ends_the_run_and_is_kept(tmp_path):
    with Recorder(tmp_path / "points", target=0.5) as recorder:
        recorder.record(np.zeros(1), 0.51)
        recorder.record(np.zeros(1), np.nan)
        with pytest.raises(TargetReached):
            recorder.record(np.ones(1), 0.5)
    assert read_points(tmp_path / "points", size=1)[:, 3].tolist() == [0, 0, 1]


def test_the_clock_stands_still_in_a_pause_and_only_there(tmp_path):
    with Recorder(tmp_path / "points") as recorder:
        recorder.start()
        with recorder.paused():
            time.sleep(0.2)
        assert recorder.now().seconds < 0.1
        time.sleep(0.02)
        assert recorder.now().seconds > 0.02
