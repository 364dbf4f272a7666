import io
import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from mnist_gradients.preprocessing.decoding import LONGEST_SIDE, decode
from mnist_gradients.preprocessing.normalisation import read_digits

GREY = np.array([[0, 50, 255], [100, 200, 150]], dtype=np.uint8)


def file_of(image: Image.Image, format_: str = "png", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format_, **options)
    return buffer.getvalue()


def rgba(colour: tuple[int, int, int], alpha: np.ndarray) -> Image.Image:
    image = Image.new("RGB", alpha.shape[::-1], colour)
    image.putalpha(Image.fromarray(alpha))
    return image


class TestModes:
    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
    def test_grey_levels_are_read_from_every_mode(self, mode):
        found = decode(file_of(Image.fromarray(GREY).convert(mode)))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, np.repeat(GREY[..., None], 3, axis=2))

    def test_bilevel_image_is_black_and_white(self):
        found = decode(file_of(Image.fromarray(GREY > 120)))
        np.testing.assert_array_equal(found[..., 0], [[0, 0, 255], [0, 255, 255]])

    def test_colours_of_a_palette_are_read(self):
        colours = np.array([[[200, 10, 30], [0, 90, 255]]], dtype=np.uint8)
        found = decode(file_of(Image.fromarray(colours).quantize(2)))
        np.testing.assert_array_equal(found, colours)

    @pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
    def test_jpeg_is_read_but_for_its_losses(self, mode):
        image = Image.new("RGB", (16, 16), (90, 90, 90)).convert(mode)
        np.testing.assert_allclose(decode(file_of(image, "jpeg", quality=95)), 90, atol=2)

    def test_range_of_16_bits_is_scaled_to_8(self):
        deep = Image.fromarray(np.array([[1000, 2000, 3000]], dtype=np.uint16))
        np.testing.assert_array_equal(decode(file_of(deep))[0, :, 0], [0, 128, 255])

    def test_16_bits_of_one_value_are_no_division_by_zero(self):
        assert (decode(file_of(Image.fromarray(np.full((2, 2), 7, dtype=np.uint16)))) == 0).all()


class TestTransparency:
    """Half-transparent pixels are mixed with the paper."""

    ALPHA = np.array([[0, 0, 0], [255, 51, 0]], dtype=np.uint8)

    @pytest.mark.parametrize(
        ("ink", "expected"),
        [((0, 0, 0), [[255] * 3, [0, 204, 255]]), ((255, 255, 255), [[0] * 3, [255, 51, 0]])],
    )
    def test_strokes_on_nothing_lie_on_paper_of_the_other_tone(self, ink, expected):
        found = decode(file_of(rgba(ink, self.ALPHA)))
        np.testing.assert_array_equal(found[..., 0], expected)

    @pytest.mark.parametrize(("card", "paper"), [((250, 250, 250), 255), ((5, 5, 5), 0)])
    def test_clear_corner_of_a_card_takes_its_tone(self, card, paper):
        alpha = np.full((4, 4), 255, dtype=np.uint8)
        alpha[0, 0] = 0
        found = decode(file_of(rgba(card, alpha)))
        assert (found[0, 0] == paper).all()
        assert (found[1:, 1:] == card[0]).all()

    def test_clear_colour_of_a_palette_is_understood(self):
        image = Image.fromarray(np.array([[0, 0, 1]], dtype=np.uint8))
        image.putpalette([90, 90, 90, 0, 0, 0])
        found = decode(file_of(image, transparency=0))
        np.testing.assert_array_equal(found[0, :, 0], [255, 255, 0])

    def test_transparent_picture_is_blank_paper(self):
        assert (decode(file_of(Image.new("RGBA", (3, 3), (9, 9, 9, 0)))) == 255).all()


class TestGeometry:
    def test_rotation_noted_by_the_camera_is_applied(self):
        exif = Image.Exif()
        exif[0x0112] = 6  # orientation: turn by a quarter, clockwise
        found = decode(file_of(Image.fromarray(GREY), exif=exif))
        np.testing.assert_array_equal(found[..., 0], np.rot90(GREY, -1))

    @pytest.mark.parametrize("format_", ["png", "jpeg"])
    def test_large_image_is_reduced_with_its_ratio_kept(self, format_):
        found = decode(file_of(Image.new("L", (4 * LONGEST_SIDE, 2 * LONGEST_SIDE), 80), format_))
        assert found.shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 3)
        np.testing.assert_allclose(found, 80, atol=1)

    def test_huge_photo_takes_a_moment_only(self):
        photo = Image.new("RGB", (6000, 4000), (230, 228, 220))
        photo.paste((40, 40, 60), (2800, 1200, 3100, 2800))
        for format_ in ("png", "jpeg"):
            content = file_of(photo, format_, **({"compress_level": 1} if format_ == "png" else {}))
            start = time.process_time()
            (found,) = read_digits(decode(content), 20, 28)
            assert time.process_time() - start < 2
            assert found[:, 14].max() == 255

    def test_small_image_is_left_alone(self):
        assert decode(file_of(Image.new("L", (1, 1), 80))).tolist() == [[[80] * 3]]


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"", "an empty file"),
            (b"a letter, not a picture", "23 bytes of no known image format"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image"),
        ],
    )
    def test_file_of_another_kind_is_named_by_its_kind(self, content, kind):
        words = f"^file: found {kind}, expected an image that Pillow reads, such as PNG or JPEG$"
        with pytest.raises(ValueError, match=words):
            decode(content)

    @pytest.mark.parametrize("format_", ["png", "jpeg"])
    def test_half_an_image_is_refused(self, format_):
        noise = np.random.default_rng(0).integers(256, size=(50, 50), dtype=np.uint8)
        content = file_of(Image.fromarray(noise), format_)
        assert decode(content).shape == (50, 50, 3)
        words = r"^image: found a broken one \(.+\), expected a whole one$"
        with pytest.raises(ValueError, match=words):
            decode(content[: len(content) // 2])

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_pixel_that_is_not_finite_is_refused(self, value):
        pixels = np.arange(12, dtype=np.float32).reshape(3, 4)
        assert decode(file_of(Image.fromarray(pixels), "tiff")).shape == (3, 4, 3)
        pixels[1, 2] = value
        words = "^image: found pixels that are NaN or infinite, expected finite ones$"
        with pytest.raises(ValueError, match=words):
            decode(file_of(Image.fromarray(pixels), "tiff"))


class TestSize:
    def test_too_many_pixels_are_refused_before_they_are_decoded(self):
        content = file_of(Image.new("1", (30_000, 10_000)), "tiff", compression="group4")
        assert len(content) < 100_000
        tracemalloc.start()
        words = (
            r"^image: found 30000 x 10000 pixels \(300 megapixels\), expected at most 200 megapix"
        )
        with pytest.raises(ValueError, match=words):
            decode(content)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2e6

    def test_limit_is_a_parameter(self):
        content = file_of(Image.new("L", (200, 100)))
        assert decode(content, most_megapixels=0.02).shape == (100, 200, 3)
        with pytest.raises(
            ValueError, match=r"found 200 x 100 pixels .*, expected at most 0.01 mega"
        ):
            decode(content, most_megapixels=0.01)

    def test_limit_of_pillow_is_as_before_afterwards(self):
        limit = Image.MAX_IMAGE_PIXELS
        decode(file_of(Image.new("L", (2, 2))))
        assert limit == Image.MAX_IMAGE_PIXELS is not None
