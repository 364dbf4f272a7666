"""Deform training images: moved, turned, scaled, slanted, and distorted as if drawn on rubber.

An image is deformed by looking, for each of its pixels, at another place of the original. With p
the position of the pixel relative to the image's centre, that place is

    M p - shift + field(p)

M is 2 x 2 (rotation, shear and scale), ``field`` a smooth random displacement. Between pixels the
original is interpolated bilinearly; outside it is background. Smoothing a fresh field for each
image would take most of the time, so that fields come from a bank that is made once.

Source: Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to
visual document analysis" (2003); affine beside elastic: Ciresan et al., "Deep, big, simple neural
nets for handwritten digit recognition" (2010).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from scipy.ndimage import gaussian_filter

from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.training.parameters import AugmentationParameters

N_FIELDS = 4096  # each meets a new image, angle and scale nearly every time it is drawn


@dataclass(frozen=True)
class Deformations:
    """How to deform n images; the arrays may have further axes in front, the same for all.

    Attributes:
        matrix: M, float32 (n, 2, 2), for positions (down, right).
        shift: Pixels down and right, int32 (n, 2).
        field: Which field of the bank, int32 (n,).
    """

    matrix: Any
    shift: Any
    field: Any

    def __getitem__(self, index: Any) -> Self:
        return type(self)(*(array[index] for array in self.arrays()))

    def arrays(self) -> tuple[Any, ...]:
        """Return the three arrays."""
        return tuple(getattr(self, entry.name) for entry in fields(self))


def draw_deformations(
    n: int, parameters: AugmentationParameters, rng: np.random.Generator
) -> Deformations:
    """Draw deformations for n images, each angle, share and shift evenly from its range."""
    reach = parameters.max_shift
    shift = rng.integers(-reach, reach, (n, 2), dtype=np.int32, endpoint=True)
    angle = np.radians(rng.uniform(-parameters.rotation, parameters.rotation, n))
    size = 1 + rng.uniform(-parameters.scale, parameters.scale, (n, 2))
    shear = rng.uniform(-parameters.shear, parameters.shear, n)
    field = rng.integers(0, N_FIELDS, n, dtype=np.int32)
    zero, one = np.zeros(n), np.ones(n)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slant_and_scale = np.array([[one, zero], [shear, one]]) / size.T[None]
    matrix = np.einsum("ijn,jkn->nik", rotation, slant_and_scale)
    return Deformations(matrix.astype(np.float32), shift, field)


def draw_fields(
    image_shape: tuple[int, int],
    parameters: AugmentationParameters,
    rng: np.random.Generator,
    n_fields: int = N_FIELDS,
) -> np.ndarray:
    """Draw the bank of displacement fields.

    White noise is smoothed by a Gaussian and scaled. The image is taken as a torus meanwhile, so
    that displacements are as large at its edge as in the middle.

    Returns:
        Displacements down and right of each pixel, float32 (n_fields, 2, height * width), of mean
        length ``parameters.elastic``.
    """
    smoothness = parameters.elastic_smoothness
    noise = rng.standard_normal((n_fields, 2, *image_shape), dtype=np.float32)
    smooth = gaussian_filter(noise, (0, 0, smoothness, smoothness), mode="wrap", truncate=3.0)
    lengths = np.linalg.norm(smooth, axis=1)
    return (smooth * (parameters.elastic / lengths.mean())).reshape(n_fields, 2, -1)


def build_deformation(
    image_shape: tuple[int, int], parameters: AugmentationParameters, seed: int
) -> Callable[[Any, Deformations], Any]:
    """Return a TensorFlow function that deforms a batch of images.

    It takes pixels, uint8 (B, height, width), and ``Deformations`` of B images, and returns pixels
    as float32 of the same shape, between the least and the largest pixel of each image or zero.
    """
    tf = import_tensorflow()
    height, width = image_shape
    if parameters.moves_only:
        return _build_move(tf, image_shape, parameters.max_shift)

    middle = np.array([[(height - 1) / 2], [(width - 1) / 2]], dtype=np.float32)
    positions = np.indices(image_shape).reshape(2, -1).astype(np.float32) - middle
    largest = np.array([[height], [width]], dtype=np.float32)
    shift_left, shift_right = tf.bitwise.left_shift, tf.bitwise.right_shift
    byte, *bits = (tf.constant(number, tf.uint32) for number in (255, 0, 8, 16, 24))
    bank = None
    if parameters.elastic:
        bank = tf.constant(draw_fields(image_shape, parameters, np.random.default_rng(seed)))

    def deform(pixels: Any, how: Deformations) -> Any:
        place = tf.einsum("bij,jp->bip", how.matrix, positions) + middle
        place -= tf.cast(how.shift, tf.float32)[:, :, None]
        if bank is not None:
            place += tf.gather(bank, how.field)
        # Beyond the first pixel of background around the image there is nothing but background.
        place = tf.clip_by_value(place, -1.0, largest)
        corner = tf.minimum(tf.floor(place), largest - 1)
        down, right = tf.unstack(place - corner, axis=1)
        row, column = tf.unstack(tf.cast(corner, tf.int32) + 1, axis=1)

        # The four pixels around a place lie in one integer: one look-up instead of four.
        padded = tf.cast(tf.pad(pixels, ((0, 0), (1, 1), (1, 1))), tf.uint32)
        upper = padded[:, :, :-1] | shift_left(padded[:, :, 1:], bits[1])
        squares = upper[:, :-1] | shift_left(upper[:, 1:], bits[2])
        squares = tf.reshape(squares, (-1, (height + 1) * (width + 1)))
        found = tf.gather(squares, row * (width + 1) + column, batch_dims=1)
        a, b, c, d = (tf.cast(shift_right(found, k) & byte, tf.float32) for k in bits)
        top, bottom = a + right * (b - a), c + right * (d - c)
        return tf.reshape(top + down * (bottom - top), (-1, height, width))

    return deform


def _build_move(
    tf: Any, image_shape: tuple[int, int], reach: int
) -> Callable[[Any, Deformations], Any]:
    """Return a function that moves images by whole pixels: one look-up for each of them."""
    height, width = image_shape
    stride = width + 2 * reach
    down, right = np.indices(image_shape).reshape(2, -1) + reach
    position = (down * stride + right).astype(np.int32)

    def move(pixels: Any, how: Deformations) -> Any:
        padded = tf.pad(pixels, ((0, 0), (reach, reach), (reach, reach)))
        padded = tf.reshape(padded, (-1, (height + 2 * reach) * stride))
        offset = how.shift[:, 0] * stride + how.shift[:, 1]
        moved = tf.gather(padded, position - offset[:, None], batch_dims=1)
        return tf.reshape(tf.cast(moved, tf.float32), (-1, height, width))

    return move
