"""Every form in which the same images may be published gives the same images."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from PIL import Image

from mnist_gradients.datasets import IdxDataset, PublishedSetsDataset

TRAIN = np.arange(6 * 3 * 3, dtype=np.uint8).reshape(6, 3, 3), np.array([3, 1, 3, 7, 1, 7])
TEST = TRAIN[0][:3] + 100, np.array([7, 3, 1])


def load(path):
    return PublishedSetsDataset(filepath=str(path)).load()


def error_of_loading(path):
    with pytest.raises(DatasetError) as caught:
        load(path)
    return str(caught.value)


def write_idx(folder, names):
    arrays = (TRAIN[0], TRAIN[1].astype(np.uint8), TEST[0], TEST[1].astype(np.uint8))
    for name, array in zip(names, arrays, strict=False):
        IdxDataset(filepath=str(folder / name)).save(array)


def table(images, labels, **columns):
    pixels = {f"pixel{i}": column for i, column in enumerate(images.reshape(len(images), -1).T)}
    return pd.DataFrame({"label": labels} | pixels | columns)


def write_csv(path, part, **options):
    table(*part).to_csv(path, index=False, **options)


def with_dots(folder):
    kinds = ("images.idx3", "labels.idx1")
    write_idx(folder, [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in kinds])
    return folder


def nested_twice_beside_dots(folder):
    """A well-known download holds each file twice."""
    kinds = ("images-idx3", "labels-idx1")
    names = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in kinds]
    write_idx(folder, [f"{name}/{name}" for name in names])
    return with_dots(folder)


def beginning_of_the_names(folder):
    names = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    for group in ("letters", "mnist"):
        write_idx(folder, [f"emnist-{group}-{name}-ubyte.gz" for name in names])
    return folder / "emnist-letters"


def tables(folder):
    write_csv(folder / "mnist_train.csv", TRAIN)
    write_csv(folder / "mnist_test.csv.gz", TEST)
    return folder


def tables_without_header(folder):
    write_csv(folder / "train.csv", TRAIN, header=False)
    write_csv(folder / "test.csv", TEST, header=False)
    return folder


def archive(folder):
    arrays = dict(zip(("x_train", "y_train", "X_test", "y_test"), (*TRAIN, *TEST), strict=True))
    np.savez(folder / "mnist.npz", **arrays)
    return folder / "mnist.npz"


def archive_of_rows_and_columns(folder):
    np.savez_compressed(
        folder / "set.npz",
        train_images=TRAIN[0].reshape(6, -1),
        train_labels=TRAIN[1].reshape(-1, 1),
        test_images=TEST[0][..., np.newaxis],
        test_labels=TEST[1],
        val_images=TEST[0],
    )
    return folder


def archive_in_colour(folder):
    colours = [np.repeat(images[..., np.newaxis], 3, axis=-1) for images, _ in (TRAIN, TEST)]
    arrays = {"x_train": colours[0], "y_train": TRAIN[1], "x_test": colours[1], "y_test": TEST[1]}
    np.savez(folder / "set.npz", **arrays)
    return folder


def pictures(folder):
    for part, (images, labels) in (("training", TRAIN), ("Testing", TEST)):
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = folder / part / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).convert("RGB").save(path)
    (folder / ".DS_Store").touch()
    return folder


FORMS = [
    with_dots,
    nested_twice_beside_dots,
    beginning_of_the_names,
    tables,
    tables_without_header,
    archive,
    archive_of_rows_and_columns,
    archive_in_colour,
    pictures,
]


def in_order(images, labels):
    """Images and labels as text, in the order of the first pixels."""
    order = np.argsort(images[:, 0, 0])
    return images[order].tolist(), labels[order].astype(str).tolist()


@pytest.mark.parametrize("write", FORMS)
def test_every_form_gives_the_same_images_and_labels(tmp_path, write):
    sets = load(write(tmp_path))
    assert set(sets) == {"train", "test"}
    assert in_order(*sets["train"]) == in_order(*TRAIN)
    assert in_order(*sets["test"]) == in_order(*TEST)


@pytest.mark.parametrize(("full", "levels"), [(255, [76, 150, 29]), (1.0, [0.299, 0.587, 0.114])])
def test_colours_become_their_luminance(tmp_path, full, levels):
    red_green_blue = full * np.eye(3, dtype=type(full)).reshape(3, 1, 1, 3)
    np.savez(tmp_path / "set.npz", images=red_green_blue, labels=np.arange(3))
    images, _ = load(tmp_path)["train"]
    assert images.ravel() == pytest.approx(levels)


@pytest.mark.parametrize("name", ["all.csv", "test.csv"])
def test_single_table_is_the_training_set(tmp_path, name):
    write_csv(tmp_path / name, TRAIN)
    assert set(load(tmp_path / name)) == set(load(tmp_path)) == {"train"}


def test_named_labels_may_stand_in_the_last_column_or_in_front_without_header(tmp_path):
    named = np.array(["a", "b", "a", "c", "b", "c"])
    rows = table(TRAIN[0], named)
    rows[[*rows.columns[1:], "label"]].rename(columns={"label": "Class"}).to_csv(
        tmp_path / "last.csv", index=False
    )
    rows.to_csv(tmp_path / "front.csv", index=False, header=False)
    for name in ("last.csv", "front.csv"):
        images, labels = load(tmp_path / name)["train"]
        np.testing.assert_array_equal(images, TRAIN[0])
        assert labels.tolist() == named.tolist()


def test_folders_of_classes_alone_are_the_training_set(tmp_path):
    (images, labels) = load(pictures(tmp_path) / "training")["train"]
    assert in_order(images, labels) == in_order(*TRAIN)


def other_files(folder):
    (folder / "readme.txt").touch()
    return "found 1 files, expected IDX, CSV or npz files, or pictures"


def several_groups(folder):
    beginning_of_the_names(folder)
    return (
        "found emnist-letters-train-images-idx3-ubyte, emnist-mnist-train-images-idx3-ubyte, "
        "expected one file; the path may be the beginning of its name"
    )


def no_labels_file(folder):
    write_idx(folder, ["train-images-idx3-ubyte"])
    return "found no file, expected one file"


def unlabelled_table(folder):
    table(*TRAIN).drop(columns="label").to_csv(folder / "test.csv", index=False)
    return "test.csv: found no column of labels, expected one named label, labels, class, target, y"


def semicolons(folder):
    table(*TRAIN).to_csv(folder / "train.csv", sep=";", index=False, header=False)
    return "pixels: found 0 of an image, expected a square number"


def odd_number_of_pixels(folder):
    table(*TRAIN).drop(columns="pixel0").to_csv(folder / "train.csv", index=False)
    return "pixels: found 8 of an image, expected a square number"


def text_among_the_pixels(folder):
    table(*TRAIN, pixel4="x").to_csv(folder / "train.csv", index=False)
    return "train.csv: found text among the pixels, expected numbers"


def other_arrays(folder):
    np.savez(folder / "set.npz", a=TRAIN[0])
    return "arrays: found a, expected x_train, y_train, x_test, y_test"


def picture_of_another_size(folder):
    path = pictures(folder) / "training" / "3" / "9.png"
    Image.new("L", (4, 3)).save(path)
    return f"{path}: found shape (3, 4), expected (3, 3) of the others"


def pictures_without_classes(folder):
    for part in ("train", "test"):
        (folder / part).mkdir()
        Image.new("L", (3, 3)).save(folder / part / "1.png")
    return "folders: found pictures in test, train, expected a folder per class"


def no_picture(folder):
    (pictures(folder) / "training" / "3" / "9.png").write_text("dear reader")
    return "9.png: found no whole picture, expected one"


def torn_picture(folder):
    path = pictures(folder) / "training" / "3" / "9.png"
    path.write_bytes(path.with_name("0.png").read_bytes()[:50])
    return "9.png: found no whole picture, expected one"


def torn_table(folder):
    write_csv(folder / "train.csv.gz", TRAIN)
    path = folder / "train.csv.gz"
    path.write_bytes(path.read_bytes()[:-9])
    return "found an error (EOFError: Compressed file ended before the end-of-stream marker"


def torn_gzip(folder):
    path = with_dots(folder) / "train-images.idx3-ubyte"
    (folder / f".{path.name}.sha256").unlink()
    path.write_bytes(gzip.compress(path.read_bytes())[:-9])
    return f"{path}: found a gzip stream that ends too early"


MISTAKES = [
    other_files,
    several_groups,
    no_labels_file,
    unlabelled_table,
    semicolons,
    odd_number_of_pixels,
    text_among_the_pixels,
    other_arrays,
    picture_of_another_size,
    pictures_without_classes,
    no_picture,
    torn_picture,
    torn_table,
    torn_gzip,
]


@pytest.mark.parametrize("make", MISTAKES)
def test_other_content_is_refused_in_one_line(tmp_path, make):
    words = make(tmp_path)
    message = error_of_loading(tmp_path)
    assert words in message
    assert re.match(re.escape(str(tmp_path)), message)
    assert "\n" not in message


@pytest.mark.parametrize("write", [with_dots, tables, archive, pictures])
def test_limit_is_a_parameter(tmp_path, write):
    path = str(write(tmp_path))
    PublishedSetsDataset(filepath=path, most_bytes=2000).load()
    with pytest.raises(DatasetError, match=r"^\S+: .*found .* bytes.*, expected at most 20$"):
        PublishedSetsDataset(filepath=path, most_bytes=20).load()


def test_missing_path_is_named(tmp_path):
    assert not PublishedSetsDataset(filepath=str(tmp_path / "none")).exists()
    assert error_of_loading(tmp_path / "none").startswith(f"{tmp_path / 'none'}: found 0 files")


def test_path_on_the_web_is_refused():
    with pytest.raises(ValueError, match=r"^filepath: found https:"):
        PublishedSetsDataset(filepath="https://example.org/a.npz")
