"""Augment training images: translation, rotation, scale, shear and elastic distortion.

Each pixel of the augmented image is read from another position of the original. With p the
position of the pixel relative to the image's centre, that position is

    M p - translation + field(p)

M is 2 x 2 (rotation, shear and scale), ``field`` a smooth random displacement. Between pixels the
original is interpolated bilinearly; outside it is background. Smoothing a fresh field for each
image would take most of the time, so the fields come from a bank that is computed once.

Source: Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to
visual document analysis" (2003); affine and elastic together: Ciresan et al., "Deep, big, simple
neural nets for handwritten digit recognition" (2010).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from scipy.ndimage import gaussian_filter

from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.training.parameters import AugmentationParameters

N_FIELDS = 4096  # enough that a field rarely meets the same image twice

Augment = Callable[[Any, "Augmentations"], Any]


@dataclass(frozen=True)
class Augmentations:
    """Random numbers of the augmentation of n images; further leading axes are allowed.

    Attributes:
        matrix: M, float32 (n, 2, 2), for positions (down, right).
        translation: Pixels down and right, int32 (n, 2).
        field: Index of a field in the bank, int32 (n,).
    """

    matrix: Any
    translation: Any
    field: Any

    def __getitem__(self, index: Any) -> Self:
        return type(self)(*(array[index] for array in self.arrays()))

    def arrays(self) -> tuple[Any, ...]:
        """Return the three arrays."""
        return tuple(getattr(self, entry.name) for entry in fields(self))


def draw_augmentations(
    n: int, parameters: AugmentationParameters, rng: np.random.Generator
) -> Augmentations:
    """Draw the augmentations of n images, each number uniformly from its range."""
    largest = parameters.translation
    translation = rng.integers(-largest, largest, (n, 2), dtype=np.int32, endpoint=True)
    angle = np.radians(rng.uniform(-parameters.rotation, parameters.rotation, n))
    scale = 1 + rng.uniform(-parameters.scale, parameters.scale, (n, 2))
    shear = rng.uniform(-parameters.shear, parameters.shear, n)
    field = rng.integers(0, N_FIELDS, n, dtype=np.int32)
    zero, one = np.zeros(n), np.ones(n)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear_and_scale = np.array([[one, zero], [shear, one]]) / scale.T[None]
    matrix = np.einsum("ijn,jkn->nik", rotation, shear_and_scale)
    return Augmentations(matrix.astype(np.float32), translation, field)


def draw_fields(
    image_shape: tuple[int, int],
    parameters: AugmentationParameters,
    rng: np.random.Generator,
    n_fields: int = N_FIELDS,
) -> np.ndarray:
    """Draw the bank of displacement fields.

    White noise is smoothed by a Gaussian and scaled. The smoothing is periodic, so displacements
    are as large at the edge of the image as in the middle.

    Returns:
        Displacements down and right of each pixel, float32 (n_fields, 2, height * width), of mean
        length ``parameters.elastic``.
    """
    smoothness = parameters.elastic_smoothness
    noise = rng.standard_normal((n_fields, 2, *image_shape), dtype=np.float32)
    smooth = gaussian_filter(noise, (0, 0, smoothness, smoothness), mode="wrap", truncate=3.0)
    lengths = np.linalg.norm(smooth, axis=1)
    return (smooth * (parameters.elastic / lengths.mean())).reshape(n_fields, 2, -1)


def build_augmentation(
    image_shape: tuple[int, int], parameters: AugmentationParameters, seed: int
) -> Augment:
    """Return a TensorFlow function that augments a batch of images.

    It takes pixels, uint8 (B, height, width), and the ``Augmentations`` of B images, and returns
    pixels as float32 of the same shape, within the range of each image and zero.
    """
    tf = import_tensorflow()
    height, width = image_shape
    if parameters.translation_only:
        return _build_translation(tf, image_shape, parameters.translation)

    centre = np.array([[(height - 1) / 2], [(width - 1) / 2]], dtype=np.float32)
    positions = np.indices(image_shape).reshape(2, -1).astype(np.float32) - centre
    largest = np.array([[height], [width]], dtype=np.float32)
    shift_left, shift_right = tf.bitwise.left_shift, tf.bitwise.right_shift
    byte, *bits = (tf.constant(number, tf.uint32) for number in (255, 0, 8, 16, 24))
    bank = None
    if parameters.elastic:
        bank = tf.constant(draw_fields(image_shape, parameters, np.random.default_rng(seed)))

    def augment(pixels: Any, drawn: Augmentations) -> Any:
        position = tf.einsum("bij,jp->bip", drawn.matrix, positions) + centre
        position -= tf.cast(drawn.translation, tf.float32)[:, :, None]
        if bank is not None:
            position += tf.gather(bank, drawn.field)
        # Beyond the first pixel of background around the image all is background.
        position = tf.clip_by_value(position, -1.0, largest)
        corner = tf.minimum(tf.floor(position), largest - 1)
        down, right = tf.unstack(position - corner, axis=1)
        row, column = tf.unstack(tf.cast(corner, tf.int32) + 1, axis=1)

        # The four pixels around a position lie in one integer: one look-up instead of four.
        padded = tf.cast(tf.pad(pixels, ((0, 0), (1, 1), (1, 1))), tf.uint32)
        upper = padded[:, :, :-1] | shift_left(padded[:, :, 1:], bits[1])
        squares = upper[:, :-1] | shift_left(upper[:, 1:], bits[2])
        squares = tf.reshape(squares, (-1, (height + 1) * (width + 1)))
        found = tf.gather(squares, row * (width + 1) + column, batch_dims=1)
        a, b, c, d = (tf.cast(shift_right(found, k) & byte, tf.float32) for k in bits)
        top, bottom = a + right * (b - a), c + right * (d - c)
        return tf.reshape(top + down * (bottom - top), (-1, height, width))

    return augment


def _build_translation(tf: Any, image_shape: tuple[int, int], largest: int) -> Augment:
    """Return a function that translates images by whole pixels: one look-up for each pixel."""
    height, width = image_shape
    stride = width + 2 * largest
    down, right = np.indices(image_shape).reshape(2, -1) + largest
    position = (down * stride + right).astype(np.int32)

    def translate(pixels: Any, drawn: Augmentations) -> Any:
        padded = tf.pad(pixels, ((0, 0), (largest, largest), (largest, largest)))
        padded = tf.reshape(padded, (-1, (height + 2 * largest) * stride))
        offset = drawn.translation[:, 0] * stride + drawn.translation[:, 1]
        translated = tf.gather(padded, position - offset[:, None], batch_dims=1)
        return tf.reshape(tf.cast(translated, tf.float32), (-1, height, width))

    return translate
