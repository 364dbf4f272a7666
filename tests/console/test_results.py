from mnist_gradients.console.results import models_with_results, numbers, result_lines

LINEAR = {
    "binary.slow": {"test_error": 0.12, "train_seconds": 40.0},
    "binary.fast": {"test_error": 0.1, "train_seconds": 4.0},
    "multinomial.fast": {"test_error": 0.08, "train_seconds": 9.0},
}


def test_models_are_named_by_their_task_and_solver_once():
    of_task = {"fast": LINEAR["binary.fast"]}
    models = models_with_results(
        {"logistic_regression.metrics": LINEAR, "logistic_regression.binary.metrics": of_task}
    )
    assert models == {f"logistic_regression.{name}": row for name, row in LINEAR.items()}


def test_metrics_without_a_test_error_are_left_out():
    mean = {"test_error": 0.2}
    other = {"count": 3, "largest": {"width": 2}}
    assert models_with_results({"mean.metrics": mean, "size.metrics": other}) == {"mean": mean}


def test_best_model_of_the_best_task_comes_first():
    assert result_lines({"mean": {"test_error": 0.09}} | LINEAR) == [
        "model             test error  training time",
        "multinomial.fast      8.00 %          9.0 s",
        "mean                  9.00 %",
        "binary.fast          10.00 %          4.0 s",
        "binary.slow          12.00 %         40.0 s",
    ]


def test_numbers_in_blocks_have_dotted_names():
    metrics = {"test_error": 0.1, "training": "seed_0", "classes": {"3": {"recall": 0.9}}}
    assert numbers("fnn", metrics) == {"fnn.test_error": 0.1, "fnn.classes.3.recall": 0.9}
