"""Measure ensembles of the networks of accuracy_ideas.py, and the digits' centres of mass.

`python tools/accuracy_tables.py` writes docs/results/accuracy/ensembles.csv and centres.csv, after
the commands of accuracy_ideas.py; `--data-root` is theirs. The test images are not used.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from accuracy_ideas import BASELINE, load

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "accuracy"
MEMBERS = 6  # of the largest ensemble
FIXED = [f"{BASELINE}_{seed}" for seed in range(3)]


def choose_members(
    probabilities: dict[str, np.ndarray], labels: np.ndarray, n_members: int
) -> list[str]:
    """Return names of networks in the order in which an ensemble gains most from them.

    The next member is the one with which the mean of the probabilities has the fewest mistakes;
    among equals, the one with the least loss.

    Args:
        probabilities: Those of each network, (N, K), by its name.
        labels: The labels (N,).
        n_members: Number of members.
    """
    members: list[str] = []

    def error_and_loss(name: str) -> tuple[float, float]:
        p = np.mean([probabilities[member] for member in (*members, name)], axis=0)
        return error(p, labels), -np.log(p[np.arange(len(p)), labels]).mean()

    for _ in range(n_members):
        members.append(min(sorted(probabilities.keys() - members), key=error_and_loss))
    return members


def error(p: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of mistakes."""
    return float(np.mean(p.argmax(axis=1) != labels))


def measure_ensembles(probabilities: dict[str, np.ndarray], labels: np.ndarray) -> pd.DataFrame:
    """Choose members on one half of the validation images and measure them on the other half.

    The same is done with the halves exchanged, and with the first of `FIXED` for comparison.

    Returns:
        Columns choice ("greedy" or "fixed"), half (of the choice), members (their number), last
        (the last of them), chosen_error (on this half) and other_error (on the other one).
    """
    rows = []
    for half in (0, 1):
        chosen = np.arange(len(labels)) % 2 == half
        of_half = {name: p[chosen] for name, p in probabilities.items()}
        greedy = choose_members(of_half, labels[chosen], min(MEMBERS, len(of_half)))
        for choice, names in (("greedy", greedy), ("fixed", FIXED)):
            for n, last in enumerate(names, start=1):
                p = np.mean([probabilities[name] for name in names[:n]], axis=0)
                errors = (error(p[images], labels[images]) for images in (chosen, ~chosen))
                rows.append((choice, half, n, last, *errors))
    columns = ["choice", "half", "members", "last", "chosen_error", "other_error"]
    return pd.DataFrame(rows, columns=columns)


def measure_centres(images: np.ndarray, rotation: float) -> dict[str, float]:
    """Return how far apart the centre of an image and the centre of mass of its digit are.

    A rotation about the one by an angle a is the rotation about the other and a translation by
    2 sin(|a| / 2) times their distance.

    Args:
        images: uint8 (N, height, width), each with ink.
        rotation: Largest rotation either way, in degrees; all up to it are equally likely.

    Returns:
        images (their number), and in pixels mean_distance, largest_distance, mean_translation and
        largest_translation.
    """
    ink, (height, width) = images.astype(np.float64), images.shape[1:]
    mass = ink.sum(axis=(1, 2))
    down = ink.sum(axis=2) @ np.arange(height) / mass - (height - 1) / 2
    right = ink.sum(axis=1) @ np.arange(width) / mass - (width - 1) / 2
    distance, largest = np.hypot(down, right), np.radians(rotation)
    return {
        "images": len(images),
        "mean_distance": distance.mean(),
        "largest_distance": distance.max(),
        "mean_translation": distance.mean() * 4 * (1 - np.cos(largest / 2)) / largest,
        "largest_translation": distance.max() * 2 * np.sin(largest / 2),
    }


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", default="data")
    train, validation, parameters, networks = load(parser.parse_args().data_root)
    probabilities = {path.stem: np.exp(np.load(path)) for path in networks.glob("*.npy")}
    ensembles = measure_ensembles(probabilities, validation.labels)
    ensembles.to_csv(RESULTS / "ensembles.csv", index=False)
    centres = measure_centres(train.images, parameters.augmentation.rotation)
    pd.DataFrame([centres]).round(4).to_csv(RESULTS / "centres.csv", index=False)


if __name__ == "__main__":
    main()
