"""Folders of images of one's own."""

import numpy as np
import pytest
from PIL import Image

from moe_lab.data.image_folder import ImageFolder
from moe_lab.errors import DataError

RNG = np.random.default_rng(0)
TRAIN = ("train", "dataset=image_folder", "dataset.path=pics", "trainer.epochs=1", "trainer.limit_batches=1")


def draw(folder, count, shape=(6, 5, 3), ending="png", dtype=np.uint8):
    folder.mkdir(parents=True, exist_ok=True)
    images = RNG.integers(0, 255, (count, *shape)).astype(dtype)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:02}.{ending}")
    return images


@pytest.fixture
def pics(tmp_path):
    root = tmp_path / "cwd" / "pics"
    return root, {name: draw(root / name, 10) for name in ("cat", "dog")}


def test_a_folder_a_class(pics):
    root, images = pics
    dataset = ImageFolder(path=str(root), standardize=False)
    data = dataset.load()
    assert (data.shape, data.class_names) == ((3, 6, 5), ("cat", "dog")) == dataset.describe()
    # cat's ten, then dog's; channels before height and width
    pixel_NCHW = np.concatenate([images["cat"], images["dog"]]).transpose(0, 3, 1, 2)
    rows = data.test.index_N.numpy()
    np.testing.assert_allclose(data.test.x_ND, pixel_NCHW[rows].reshape(4, -1) / 255, rtol=1e-6)
    assert data.test.y_N.tolist() == (rows >= 10).astype(int).tolist() and "ink" in data.attributes
    np.testing.assert_allclose(data.units.inputs(pixel_NCHW[rows], data.shape), data.test.x_ND, rtol=1e-6)
    assert dataset.check() == [
        *({"file": str(root / name), "source": "your images", "found": "10 images"} for name in ("cat", "dog")),
        # .2 x 10 = 2 a class for the test, of the other 16 ceil(.1 x 16) = 2 for validation
        {"file": str(root), "source": "splits", "found": "14 + 2 + 4 samples (training, validation, test)"},
    ]


def test_a_test_part_of_ones_own(tmp_path):
    for part, count in (("train", 8), ("test", 3)):
        for name in ("cat", "dog"):
            draw(tmp_path / part / name, count)
    data = ImageFolder(path=str(tmp_path)).load()
    assert len(data.test) == 6 and len(data.train) + len(data.validation) == 16
    draw(tmp_path / "test" / "emu", 1)
    with pytest.raises(DataError, match="expected the classes of .*train in .*test, found emu too; move it away"):
        ImageFolder(path=str(tmp_path)).load()


def test_scaled_and_grey_as_pillow_does(pics):
    root, images = pics
    data = ImageFolder(path=str(root), size=4, grey=True, standardize=False).load()
    assert data.shape == (1, 4, 4) and "thickness" in data.attributes
    row = data.test.index_N[0].item()
    image = Image.fromarray(images["cat" if row < 10 else "dog"][row % 10])
    expected = np.asarray(image.convert("L").resize((4, 4), Image.Resampling.BILINEAR)).reshape(-1) / 255
    np.testing.assert_allclose(data.test.x_ND[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("ending", "shape"), [("jpg", (6, 5, 3)), ("bmp", (6, 5)), ("gif", (6, 5)), ("png", (6, 5, 4))]
)
def test_other_formats_and_channels(pics, ending, shape):
    root, _ = pics
    draw(root / "emu", 10, shape, ending)
    assert ImageFolder(path=str(root)).load().class_names == ("cat", "dog", "emu")


def test_a_photograph_is_turned_as_the_camera_was_held(pics):
    root, _ = pics
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: 5 rows of 6 pixels are shown as 6 rows of 5
    for name in ("turned0", "turned1"):
        Image.fromarray(RNG.integers(0, 255, (5, 6, 3)).astype(np.uint8)).save(root / "cat" / f"{name}.jpg", exif=exif)
    assert ImageFolder(path=str(root)).load().shape == (3, 6, 5)


def test_sizes_that_differ_and_what_is_said_of_them(pics, cli):
    root, _ = pics
    draw(root / "emu", 10, (7, 7, 3))
    (root / "cat" / "notes.txt").write_text("mine")
    refused = cli(*TRAIN, "--no-report")
    assert refused.code == 2 and "found 6 x 5 pixels in " in refused.err and "dataset.size=32 scales all" in refused.err
    scaled = cli(*TRAIN, "dataset.size=32", "--no-report")
    assert scaled.code == 0 and "1 files that are no images were left alone, such as pics/cat/notes.txt" in scaled.err


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root: (root / "cat" / "00.png").write_bytes(b"no image"), "00.png: expected an image with 8 bits"),
        (lambda root: (root / "cat" / "00.png").write_bytes(b""), "00.png: expected an image with 8 bits"),
        (lambda root: draw(root / "cat", 1, (6, 5), dtype=np.uint16), "values are of mode I;16; save it with 8 bits"),
        (lambda root: (root / "empty").mkdir(), "expected images in .*empty, found none; add some, or move the folder"),
        (lambda root: (root / "dog").rename(root.parent / "dog"), "expected a folder for each of two .*, found one"),
        (lambda root: root.rename(root.parent / "moved"), "expected a folder with a folder for each class, found none"),
    ],
)
def test_what_cannot_be_used(pics, spoil, said):
    root, _ = pics
    spoil(root)
    with pytest.raises(DataError, match=said) as caught:
        ImageFolder(path=str(root)).load()
    assert "\n" not in str(caught.value)


def test_a_bomb_is_refused(pics, monkeypatch):
    # 6 x 5 pixels are more than twice the limit
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DataError, match="exceeds limit"):
        ImageFolder(path=str(pics[0])).load()
