"""Image files: what becomes of each kind of image, what is refused, and that little is held."""

import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from cortex.stimuli import image_files
from cortex.stimuli.image_files import Preprocessing, image_folder, image_list
from tests.refusals import refusal

PLAIN = Preprocessing(8, 10, "bilinear", (10.0, 20.0, 30.0), (2.0, 4.0, 5.0))


def noise(height=12, width=20, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path, pixels, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **how)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two categories, of three images and of two."""
    for number in range(3):
        save(tmp_path / "set" / "wall clock" / f"{number}.png", noise(seed=number))
    for number in range(2):
        save(tmp_path / "set" / "dough" / f"{number}.JPEG", noise(seed=10 + number))
    return tmp_path / "set"


# --- Sets ---


def test_folder(folder):
    (folder / "dough" / "notes.txt").write_text("no image")
    (folder / "dough" / ".hidden.png").write_bytes(b"")
    (folder / ".hidden").mkdir()
    (folder / "dough" / "deeper.png").mkdir()
    found = image_folder(folder, at_least=2)
    assert found.categories == ("dough", "wall clock")
    np.testing.assert_array_equal(found.labels, [0, 0, 1, 1, 1])
    assert [p.name for p in found.paths] == ["0.JPEG", "1.JPEG", "0.png", "1.png", "2.png"]
    taken = found.take([3, 0])
    np.testing.assert_array_equal(taken.labels, [1, 0])
    assert taken.paths == (found.paths[3], found.paths[0])
    assert len(taken) == 2


def test_list(folder):
    path = folder / "list.txt"
    path.write_text(
        "# files\n\nwall clock/1.png\twall clock\ndough/0.JPEG dough\nwall clock/0.png b\n"
    )
    found = image_list(path)
    assert found.categories == ("b", "dough", "wall clock")
    assert [p.parent.name for p in found.paths] == ["wall clock", "dough", "wall clock"]
    np.testing.assert_array_equal(found.labels, [0, 1, 2])
    absolute = folder.parent / "other.txt"
    absolute.write_text(f"{folder / 'dough' / '1.JPEG'} x")
    assert image_list(absolute).paths == (folder / "dough" / "1.JPEG",)


def complaint(call, *arguments, **named):
    line = refusal(call, *arguments, **named)
    assert line.startswith("images: ")
    return line


def test_sets_that_are_refused(folder, tmp_path):
    line = complaint(image_folder, folder, at_least=3)
    assert "category 'dough' has 2 images, allowed: 3 or more" in line
    assert "(2 categories have too few)" in complaint(image_folder, folder, at_least=4)
    assert "is no folder" in complaint(image_folder, tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"{empty} is empty" in complaint(image_folder, empty)
    (empty / "none").mkdir()
    assert "category 'none' has 0 images, allowed: 1 or more" in complaint(image_folder, empty)
    assert f"{folder / 'dough'} holds no folder" in complaint(image_folder, folder / "dough")


def test_lists_that_are_refused(folder):
    path = folder / "list.txt"
    assert "no readable list" in complaint(image_list, path)
    for text, said in (
        ("# nothing\n", "is empty, allowed: FILE CATEGORY a line"),
        ("dough/0.JPEG\n", "line 1 has no category: dough/0.JPEG"),
        ("dough/0.JPEG a\ndough/7.JPEG a\n", "1 files are not there: "),
    ):
        path.write_text(text)
        assert said in complaint(image_list, path)
    assert "7.JPEG (line 2)" in complaint(image_list, path)
    path.write_text("dough/0.JPEG a\n")
    assert "category 'a' has 1 images, allowed: 2" in complaint(image_list, path, at_least=2)
    path.write_bytes(b"\xff\xfe")
    assert "no readable list" in complaint(image_list, path)


# --- Pre-processing ---


@pytest.mark.parametrize(("height", "width"), [(12, 20), (20, 12), (10, 10), (11, 10)])
def test_the_middle_is_cut_out(height, width):
    """An image whose shorter side has the right length is only cropped."""
    pixels = noise(height, width)
    preprocessing = Preprocessing(6, min(height, width), "bicubic", (0.0,) * 3, (1.0,) * 3)
    top, left = round((height - 6) / 2), round((width - 6) / 2)
    found = preprocessing.cut(Image.fromarray(pixels))
    np.testing.assert_array_equal(found, pixels[top : top + 6, left : left + 6])


def test_resizing_keeps_the_shape_unless_squeezed():
    """A ramp from left to right, over twice the height."""
    pixels = np.repeat(np.tile(np.arange(0, 240, 6, dtype=np.uint8), (20, 1))[..., None], 3, axis=2)
    kept = Preprocessing(10, 10, "bilinear", (0.0,) * 3, (1.0,) * 3).cut(Image.fromarray(pixels))
    squeezed = Preprocessing(10, None, "bilinear", (0.0,) * 3, (1.0,) * 3)
    whole = squeezed.cut(Image.fromarray(pixels))
    assert kept.shape == whole.shape == (10, 10, 3)
    # 40 columns become 20, of which 10 in the middle are kept: two columns a step, or four.
    np.testing.assert_allclose(np.diff(kept[5, :, 0].astype(int))[1:-1], 12, atol=1)
    np.testing.assert_allclose(np.diff(whole[5, :, 0].astype(int))[1:-1], 24, atol=1)


def test_normalisation():
    pixels = noise(4, 4)[None]
    preprocessing = Preprocessing(4, 4, "bilinear", (10.0, 20.0, 30.0), (2.0, 4.0, 5.0))
    found = preprocessing.normalise(pixels)
    assert found.shape == (1, 3, 4, 4)
    assert found.dtype == np.float32
    for channel, (mean, std) in enumerate(((10, 2), (20, 4), (30, 5))):
        expected = (pixels[0, ..., channel].astype(float) - mean) / std
        np.testing.assert_allclose(found[0, channel], expected, rtol=1e-6)
    assert Preprocessing.of_facts(preprocessing.facts()) == preprocessing


def test_grey_and_transparent_images():
    grey, colour = noise(channels=1), noise()
    as_rgb = image_files.as_rgb
    np.testing.assert_array_equal(as_rgb(Image.fromarray(grey)), np.dstack([grey] * 3))
    np.testing.assert_array_equal(as_rgb(Image.fromarray(colour)), colour)
    alpha = np.zeros((12, 20), np.uint8)
    alpha[:, 10:] = 255
    alpha[0] = 51
    found = np.asarray(as_rgb(Image.fromarray(np.dstack([colour, alpha]))), float)
    np.testing.assert_array_equal(found[1:, :10], 255)
    np.testing.assert_array_equal(found[1:, 10:], colour[1:, 10:])
    np.testing.assert_allclose(found[0], 0.8 * 255 + 0.2 * colour[0], atol=1)
    both = Image.fromarray(np.dstack([grey, alpha]))
    assert both.mode == "LA"
    np.testing.assert_array_equal(np.asarray(as_rgb(both))[1:, 10:, 2], grey[1:, 10:])
    palette = Image.fromarray(colour).quantize(8)
    np.testing.assert_array_equal(as_rgb(palette), palette.convert("RGB"))
    palette.info["transparency"] = palette.getpixel((0, 0))
    np.testing.assert_array_equal(np.asarray(as_rgb(palette))[0, 0], 255)
    assert np.asarray(as_rgb(Image.fromarray(grey > 127))).max() == 255
    with pytest.raises(ValueError, match="allowed: 8 bits"):
        as_rgb(Image.fromarray(np.zeros((3, 3), np.uint16)))


# --- Streams ---


def test_batches_are_in_order_and_normalised(folder):
    images = image_folder(folder)
    done = []
    stream = images.stream(PLAIN, batch=2, advance=done.append)
    batches = list(stream)
    assert [len(b.labels) for b in batches] == done == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([b.labels for b in batches]), images.labels)
    np.testing.assert_array_equal(np.concatenate([b.rows for b in batches]), np.arange(5))
    for batch in batches:
        for row, image in zip(batch.rows, batch.images, strict=True):
            with Image.open(images.paths[row]) as file:
                np.testing.assert_array_equal(image, PLAIN.normalise(PLAIN.cut(file)))
    assert stream.notes() == []
    again = list(stream)
    np.testing.assert_array_equal(again[2].images, batches[2].images)


def test_some_images_are_loaded_in_any_order(folder):
    save(folder / "dough" / "a.png", noise(channels=1))
    images = image_folder(folder)
    everything = np.concatenate([batch.images for batch in images.stream(PLAIN)])
    rows = [4, 0, 2, 4, 5]  # grey among them, and one twice
    found = images.load(rows, PLAIN)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, everything[rows])
    np.testing.assert_array_equal(images.load(np.array([3]), PLAIN, workers=1), everything[[3]])
    assert images.load([], PLAIN).shape == (0, 3, 8, 8)


def test_files_that_cannot_be_loaded_are_listed(folder):
    images = spoil(folder)
    names = [path.name for path in images.paths]
    bad, good = names.index("00.png"), names.index("1.png")
    line = complaint(images.load, [good, bad, names.index("00.jpg"), bad], PLAIN)
    assert line.startswith("images: 2 of 3 files cannot be decoded: ")
    for name in ("dough/00.png", "wall clock/00.jpg"):
        assert line.count(f"{folder / name} (") == 1
    images.load([good], PLAIN)  # the spoiled ones were not asked for


def test_notes_on_what_was_converted(folder):
    save(folder / "dough" / "a.png", noise(channels=1))
    save(folder / "dough" / "b.png", noise(channels=4))
    save(folder / "dough" / "c.png", noise(channels=4, seed=1))
    stream = image_folder(folder).stream(PLAIN, batch=3)
    assert sum(len(batch.rows) for batch in stream) == 8
    assert sorted(stream.notes()) == [
        "images of mode L: 1, grey copied to red, green and blue",
        "images of mode RGBA: 2, laid on white",
    ]


def spoil(folder):
    """Three files that cannot be decoded, before, among and after good ones."""
    whole = save(folder / "dough" / "00.png", noise(90, 90)).read_bytes()
    (folder / "dough" / "00.png").write_bytes(whole[: len(whole) // 2])
    (folder / "wall clock" / "00.jpg").write_text("no image at all")
    save(folder / "wall clock" / "9.png", np.zeros((12, 12), np.uint16))
    return image_folder(folder)


def test_unreadable_files_are_all_listed(folder):
    images = spoil(folder)
    seen = []
    stream = images.stream(PLAIN, batch=2)

    def read():
        seen.extend(batch.rows for batch in stream)

    line = complaint(read)
    assert seen == []  # the first batch has one
    assert line.startswith("images: 3 of 8 files cannot be decoded: ")
    for name, reason in (
        ("dough/00.png", "truncated"),
        ("wall clock/00.jpg", "no image, or of an unknown format"),
        ("wall clock/9.png", "allowed: 8 bits"),
    ):
        assert f"{folder / name} (" in line
        assert reason in line
    assert line.endswith("skip_unreadable leaves them out")


def test_unreadable_files_are_skipped_when_asked(folder):
    images = spoil(folder)
    done = []
    stream = images.stream(PLAIN, batch=3, skip_unreadable=True, advance=done.append)
    rows = np.concatenate([batch.rows for batch in stream])
    assert [images.paths[row].name for row in rows] == [
        *("0.JPEG", "1.JPEG"),
        *("0.png", "1.png", "2.png"),
    ]
    assert sum(done) == 8  # what is left out is done too
    assert [one.path.name for one in stream.unreadable] == ["00.png", "00.jpg", "9.png"]
    (note,) = stream.notes()
    assert note.startswith("left out 3: ")


def test_files_that_vanish_are_listed(folder):
    images = image_folder(folder)
    images.paths[3].unlink()
    line = complaint(lambda: list(images.stream(PLAIN)))
    assert "1 of 5 files cannot be decoded" in line
    assert "(no such file or directory)" in line


def test_many_files_are_named_up_to_a_limit(folder):
    for number in range(30):
        (folder / "dough" / f"b{number}.png").write_text("no image")
    line = complaint(lambda: list(image_folder(folder).stream(PLAIN)))
    assert "30 of 35 files" in line
    assert line.count("unknown format") == 20
    assert "and 10 more" in line


def test_fifty_thousand_images_do_not_have_to_fit_in_memory(folder, monkeypatch):
    path = folder / "list.txt"
    path.write_text("dough/0.JPEG a\nwall clock/0.png b\n" * 25_000)
    images = image_list(path, at_least=25_000)
    assert len(images) == 50_000
    decoded = []
    load = image_files.Stream._load
    monkeypatch.setattr(
        image_files.Stream, "_load", lambda self, row: (decoded.append(row), load(self, row))[1]
    )
    large = Preprocessing(224, 256, "bilinear", (0.0,) * 3, (1.0,) * 3)
    stream = iter(images.stream(large, batch=4))
    next(stream)
    assert sorted(decoded) == [0, 1, 2, 3]  # none before it is asked for
    one = 4 * 3 * 224 * 224 * 4  # bytes of a batch
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(25):
            next(stream)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    stream.close()
    assert len(decoded) == 104
    assert peak < 6 * one  # a batch, the one before, and pixels on their way; 25 were read


def test_a_file_is_decoded_once_until_it_changes(folder, monkeypatch):
    decoded = []
    real = image_files._decoded
    monkeypatch.setattr(
        image_files, "_decoded", lambda path, how: decoded.append(path) or real(path, how)
    )
    small = Preprocessing(8, None, "bilinear", (0.0,) * 3, (1.0,) * 3)
    images = image_folder(folder)
    first = images.load([0, 1, 0], small)
    np.testing.assert_array_equal(images.load([1, 0], small), first[[1, 0]])
    assert sorted(decoded) == sorted(images.paths[:2])
    path = images.paths[0]
    Image.new("RGB", (9, 9), (10, 20, 30)).save(path)
    os.utime(path, ns=(0, 1))
    again = images.load([0, 1], small)
    assert decoded[2:] == [path]
    np.testing.assert_allclose(again[0, :, 0, 0], [10, 20, 30], atol=3)  # of JPEG
    np.testing.assert_array_equal(again[1], first[1])
