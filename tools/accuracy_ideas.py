"""Train a network with each of several ideas, and measure it on the validation images.

    kedro run --pipelines ingestion --params ingestion.validation_size=10000
    python tools/accuracy_ideas.py --ideas baseline distillation --seeds 3 --output ideas.csv

The parameters are those of the variant "24 epochs, every augmentation" of the ablation. Every
complete training appends a row to the output; trainings with a row are skipped. The test images are
not used. docs/accuracy.md has the results.
"""

import argparse
import itertools
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from scipy.interpolate import CubicSpline

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.datasets import KerasModelDataset
from mnist_gradients.pipelines.ablation.parameters import AblationParameters
from mnist_gradients.training.augmentation import (
    N_FIELDS,
    Augment,
    Augmentations,
    build_augmentation,
)
from mnist_gradients.training.batches import draw_batches, stack
from mnist_gradients.training.compiled import compile_evaluation
from mnist_gradients.training.evaluation import log_probabilities
from mnist_gradients.training.network import build_network, build_optimiser
from mnist_gradients.training.parameters import AugmentationParameters, TrainingParameters

logger = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
VARIANT = "24 epochs, every augmentation"
BASELINE = "baseline"
TEACHERS = range(3)  # seeds of the baseline
THICKNESS = 0.5  # largest weight of the thicker or the thinner image
STEPS = 4  # of the strength of an augmentation that falls in the last third


def upsample(images: np.ndarray) -> np.ndarray:
    """Return images with a cubic interpolation between neighbours: every second pixel is theirs.

    Args:
        images: uint8 (N, height, width).

    Returns:
        uint8 (N, 2 height - 1, 2 width - 1).
    """
    rows, columns = (
        CubicSpline(np.arange(n), np.eye(n))(np.arange(2 * n - 1) / 2).astype(np.float32)
        for n in images.shape[1:]
    )
    fine = np.empty((len(images), len(rows), len(columns)), np.uint8)
    for i, image in enumerate(images):
        fine[i] = np.rint(np.clip(rows @ image @ columns.T, 0, 255))
    return fine


def build_fine_augmentation(
    image_shape: tuple[int, int], parameters: AugmentationParameters, seed: int
) -> Augment:
    """Return `build_augmentation` at twice the resolution: it takes images of `upsample`."""
    options = parameters.model_dump()
    doubled = {name: 2 * options[name] for name in ("elastic", "elastic_smoothness")}
    height, width = (2 * n - 1 for n in image_shape)
    augment = build_augmentation((height, width), parameters.model_copy(update=doubled), seed)

    def augment_and_reduce(pixels: Any, drawn: Augmentations) -> Any:
        return augment(pixels, replace(drawn, translation=2 * drawn.translation))[:, ::2, ::2]

    return augment_and_reduce


def build_augmentation_with_thickness(
    image_shape: tuple[int, int], parameters: AugmentationParameters, seed: int
) -> Augment:
    """Return `build_augmentation` followed by a random change of the thickness of the strokes.

    The image is mixed with its maximum or its minimum over 3 x 3 pixels. The weight of these is
    uniform up to `THICKNESS`; it comes from the number of the displacement field, which is random.
    """
    tf = import_tensorflow()
    augment = build_augmentation(image_shape, parameters, seed)

    def extreme(of: Callable[[Any, Any], Any], pixels: Any) -> Any:
        padded = tf.pad(pixels, ((0, 0), (1, 1), (1, 1)))
        rows = of(of(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
        return of(of(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])

    def augment_and_thicken(pixels: Any, drawn: Augmentations) -> Any:
        x = augment(pixels, drawn)
        number = tf.cast(drawn.field, tf.float32)[:, None, None] / (N_FIELDS - 1)
        weight = THICKNESS * (2 * number - 1)
        x += tf.nn.relu(weight) * (extreme(tf.maximum, x) - x)
        return x + tf.nn.relu(-weight) * (extreme(tf.minimum, x) - x)

    return augment_and_thicken


@dataclass(frozen=True)
class Idea:
    """What an idea changes in the training of the baseline.

    Attributes:
        distilled: Whether the targets are the mean probabilities of the baseline networks.
        weakest: Strength of the augmentation in the last epochs, relative to its parameters.
        build_augmentation: Builds the augmentation.
        prepare: Makes the images for it.
    """

    distilled: bool = False
    weakest: float = 1.0
    build_augmentation: Callable[..., Augment] = build_augmentation
    prepare: Callable[[np.ndarray], np.ndarray] = np.asarray


IDEAS = {
    BASELINE: Idea(),
    "distillation": Idea(distilled=True),
    "augmentation falls to 0": Idea(weakest=0.0),
    "stroke thickness": Idea(build_augmentation=build_augmentation_with_thickness),
    "double resolution": Idea(build_augmentation=build_fine_augmentation, prepare=upsample),
}


def strength(epoch: int, epochs: int, weakest: float) -> float:
    """Return the strength of the augmentation in an epoch, counted from 0.

    It is 1, and falls to ``weakest`` in `STEPS` equal steps over the last third of the epochs.
    """
    begin = 2 * epochs / 3
    step = max(0, int(np.ceil(STEPS * (epoch + 1 - begin) / (epochs - begin))))
    return 1 - (1 - weakest) * step / STEPS


def weakened(parameters: TrainingParameters, factor: float) -> TrainingParameters:
    """Return parameters with a weaker augmentation; its translation is in whole pixels."""
    limits = parameters.augmentation.model_dump(exclude={"elastic_smoothness"})
    weak = {name: factor * limit for name, limit in limits.items()}
    return parameters.changed({"augmentation": weak | {"translation": round(weak["translation"])}})


def train(
    idea: Idea,
    images: LabelledImages,
    parameters: TrainingParameters,
    seed: int,
    teachers: list[Any],
) -> tuple[Any, dict[str, float]]:
    """Train a network as the project does, but for the idea.

    Args:
        idea: What differs.
        images: Images to train on.
        parameters: Those of the baseline.
        seed: Seed of the weights, of the order of the images and of their augmentation.
        teachers: Networks whose mean probabilities are the targets; none for the labels.

    Returns:
        The network, and the error and the loss on the mini-batches of the last epoch:
        augmented_error and augmented_loss.
    """
    import_tensorflow()
    n_classes = int(images.labels.max()) + 1
    network = build_network(parameters, images.images.shape[1:], n_classes, seed)
    per_epoch = len(images) // parameters.batch_size
    optimiser = build_optimiser(parameters, per_epoch)
    optimiser.build(network.trainable_variables)
    prepared = LabelledImages(idea.prepare(images.images), images.labels)
    now = None
    for epoch in range(parameters.epochs):
        factor = strength(epoch, parameters.epochs, idea.weakest)
        if factor != now:
            now, weak = factor, weakened(parameters, factor)
            augment = idea.build_augmentation(images.images.shape[1:], weak.augmentation, seed)
            iterate = compile_iteration(
                network, optimiser, prepared, weak.label_smoothing, augment, teachers
            )
        batches = draw_batches(len(images), weak, seed, first=epoch * per_epoch)
        arrays = zip(*stack(batches, per_epoch), strict=True)
        measured = np.array([iterate(*batch) for batch in arrays], np.float64)
    loss, accuracy = measured.mean(axis=0)
    return network, {"augmented_error": 1 - accuracy, "augmented_loss": loss}


def compile_iteration(
    network: Any,
    optimiser: Any,
    images: LabelledImages,
    label_smoothing: float,
    augment: Augment,
    teachers: list[Any],
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that trains on one mini-batch and returns its loss and its accuracy.

    Without teachers it computes what `training.compiled.compile_iterations` does.
    """
    tf = import_tensorflow()
    pixels, labels = tf.constant(images.images), tf.constant(images.labels.astype(np.int32))

    @tf.function(jit_compile=True)
    def iterate(rows: Any, *drawn: Any) -> tuple[Any, Any]:
        x = augment(tf.gather(pixels, rows), Augmentations(*drawn))
        y = tf.gather(labels, rows)
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
            cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            spread = tf.reduce_mean(-tf.nn.log_softmax(logits), axis=1)
            losses = (1 - label_smoothing) * cross_entropy + label_smoothing * spread
            if teachers:
                p = sum(tf.nn.softmax(teacher(x)) for teacher in teachers) / len(teachers)
                losses = tf.nn.softmax_cross_entropy_with_logits(tf.stop_gradient(p), logits)
            objective = tf.reduce_mean(losses)
        gradients = tape.gradient(objective, network.trainable_variables)
        optimiser.apply(gradients, network.trainable_variables)
        hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), y)
        return tf.reduce_mean(cross_entropy), tf.reduce_mean(tf.cast(hits, tf.float32))

    return iterate


def measure(network: Any, train: LabelledImages, validation: LabelledImages) -> dict[str, float]:
    """Return the errors and the losses on the validation and the training images.

    translated_copies_error is the validation error of the mean probabilities of nine copies of each
    image, translated by at most one pixel.
    """
    evaluate = compile_evaluation(network)
    measured: dict[str, float] = {}
    for name, images in (("validation", validation), ("train", train)):
        loss, accuracy = evaluate(images)
        measured |= {f"{name}_error": 1 - accuracy, f"{name}_loss": loss}
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    copies = (np.roll(validation.images, step, axis=(1, 2)) for step in steps)
    labels = validation.labels
    p = sum(np.exp(log_probabilities(network, LabelledImages(copy, labels))) for copy in copies)
    return measured | {"translated_copies_error": np.mean(p.argmax(axis=1) != labels)}


def train_all(
    names: Iterable[str],
    seeds: int,
    train_images: LabelledImages,
    validation: LabelledImages,
    parameters: TrainingParameters,
    networks: Path,
    output: Path,
) -> None:
    """Train what has no row in the output yet, and append its row.

    Args:
        names: Names of `IDEAS`.
        seeds: Number of trainings of each, with the seeds 0, 1, ...
        train_images: Images to train on.
        validation: Images to measure on.
        parameters: Those of the baseline.
        networks: Folder for the networks and their validation probabilities.
        output: CSV file of the measurements; may exist.
    """
    networks.mkdir(parents=True, exist_ok=True)
    done = pd.read_csv(output)[["variant", "seed"]].to_numpy().tolist() if output.exists() else []
    for name, seed in itertools.product(names, range(seeds)):
        if [name, seed] in done:
            continue
        idea = IDEAS[name]
        paths = (str(networks / f"{BASELINE}_{seed}.keras") for seed in TEACHERS)
        teachers = [KerasModelDataset(filepath=path).load() for path in paths if idea.distilled]
        began = time.process_time()
        network, augmented = train(idea, train_images, parameters, seed, teachers)
        seconds = time.process_time() - began
        measured = measure(network, train_images, validation) | augmented
        KerasModelDataset(filepath=str(networks / f"{name}_{seed}.keras")).save(network)
        log_p = log_probabilities(network, validation)
        np.save(networks / f"{name}_{seed}.npy", log_p)
        row = pd.DataFrame([{"variant": name, "seed": seed} | measured]).round(6)
        row = row.assign(cpu_seconds=round(seconds, 1))
        row.to_csv(output, mode="a", index=False, header=not output.exists())
        logger.info("%s, seed %d: %.2f %%", name, seed, 100 * measured["validation_error"])


def load(data_root: str) -> tuple[LabelledImages, LabelledImages, TrainingParameters, Path]:
    """Return training and validation images, baseline parameters, and the networks' folder."""
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, runtime_params={"data_root": data_root}) as session:
        context = session.load_context()
        ablation: AblationParameters = context.params["ablation"]
        images, validation = (context.catalog[name].load() for name in ("train", "validation"))
    parameters = ablation.network.changed(ablation.variants["limits"][VARIANT])
    return images, validation, parameters, Path(data_root) / "06_models" / "accuracy_ideas"


def main() -> None:
    """Train the ideas of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ideas", nargs="+", choices=IDEAS, default=IDEAS, metavar="IDEA")
    parser.add_argument("--seeds", type=int, default=3, help="number of trainings of each")
    parser.add_argument("--data-root", default="data", help="that of the run of ingestion")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    train_all(options.ideas, options.seeds, *load(options.data_root), options.output)


if __name__ == "__main__":
    main()
