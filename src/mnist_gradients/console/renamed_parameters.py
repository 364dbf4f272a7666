"""Parameters that have a new name, so that an error message can give it."""

RENAMED: dict[str, str] = {
    "round_trip": "preprocessing_check",
    "round_trip.images": "preprocessing_check.images",
    "round_trip.digit_size": "preprocessing_check.digit_size",
    "round_trip.solver": "preprocessing_check.solver",
    "round_trip.positive_classes": "preprocessing_check.positive_classes",
    "derivations.leave_out": "derivations.skipped_oracles",
    "derivations.twin": "derivations.parity_check",
    "derivations.twin.hidden_widths": "derivations.parity_check.hidden_units",
    "derivations.twin.step_size": "derivations.parity_check.learning_rate",
    "benchmark.contenders": "benchmark.solvers",
    "benchmark.robustness_rows": "benchmark.robustness.rows",
    "benchmark.scaling.max_shift": "benchmark.scaling.translation",
    "fnn.hidden_widths": "fnn.hidden_units",
    "fnn.include_validation": "fnn.train_on_validation",
    "fnn.augmentation.max_shift": "fnn.augmentation.translation",
    "fnn.checkpoint_seconds": "fnn.checkpoints.seconds",
    "fnn.views": "ensemble.normalisations",
    "fnn.networks": "ensemble.normalisations",
}
