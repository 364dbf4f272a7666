import io

import numpy as np
import pytest
from PIL import Image

from mnist_gradients.preprocessing.decoding import decode
from mnist_gradients.preprocessing.normalisation import read_digits
from mnist_gradients.preprocessing.rendering import KINDS, plain


@pytest.mark.parametrize("kind", KINDS)
def test_digit_is_found_and_one_generator_draws_the_same_twice(mnist, kind):
    digit = mnist.images[3]
    one, two = (KINDS[kind](digit, np.random.default_rng(5)) for _ in range(2))
    assert one == two
    (found,) = read_digits(decode(one), 20, 28)
    right, wrong = (np.abs(found - np.float64(image)).mean() for image in (digit, mnist.images[0]))
    assert right < 0.8 * wrong


def test_every_kind_has_a_description():
    assert len(KINDS) >= 14
    assert all((renderer.__doc__ or "").endswith(".") for renderer in KINDS.values())


def test_plain_digit_is_large_and_off_the_centre_and_about_half_are_inverted():
    digit = np.zeros((28, 28), dtype=np.uint8)
    digit[8:20, 8:20] = 255
    rng = np.random.default_rng(0)
    pages = [np.asarray(Image.open(io.BytesIO(plain(digit, rng)))) for _ in range(40)]
    for page in pages:
        assert 84 <= min(page.shape) <= max(page.shape) < 2 * 560
        assert page.min() <= 70 < 185 <= page.max()
    assert 10 < sum(page[0, 0] > 128 for page in pages) < 30
    assert len({page.shape for page in pages}) > 30
