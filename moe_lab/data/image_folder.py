"""A user's own images: one folder per class."""

import os
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from moe_lab.config.ranges import Count
from moe_lab.data.dataset import Data
from moe_lab.data.own import Layout, Own, OwnData
from moe_lab.data.understood import splits
from moe_lab.errors import DataError, cut, one_line, shown
from moe_lab.store.untrusted import Unusable, check_fits, opened

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


@dataclass(kw_only=True)
class ImageFolder(OwnData):
    """Your own images, one folder per class (`dataset=image_folder dataset.path=FOLDER`): ``FOLDER/CLASS/any.png``.

    With ``FOLDER/train/CLASS`` and ``FOLDER/test/CLASS`` the test split is yours; otherwise ``test_share`` of each
    class is held out. PNG, JPEG, BMP, GIF (its first picture), WebP, TIFF, PPM and PGM are read; other files are
    ignored.
    size: height and width to which images are scaled; null: all images have one size already.
    grey: whether colours are converted to grey values. Values 0 to 255 are divided by 255.
    Raises DataError if the folder does not hold this.
    """

    size: Count | None = None
    grey: bool = False

    test_part = "folders train and test"

    def files(self) -> list[str]:
        return [str(folder) for folders in self._parts().values() for folder in folders]

    def read(self) -> Own:
        parts = {part: self._images(folders) for part, folders in self._parts().items()}
        names = [folder.name for folder in self._parts()["train"]]
        y_N = {part: _labels(images, names) for part, images in parts.items()}
        shape = self._shape(parts["train"][0])
        check_fits(4 * int(np.prod(shape)) * sum(map(len, parts.values())))
        return Own(
            Layout(shape, tuple(names), y_N["train"], y_N.get("test")),
            features=lambda part: self._pixels(parts[part], shape),
            attributes=lambda rows: {},
            error=self._error,
            largest=255.0,
        )

    def check(self) -> list[dict[str, str]]:
        data = self.load()
        rows = [
            {"file": str(folder), "source": "your images", "found": f"{len(self._images([folder]))} images"}
            for folders in self._parts().values()
            for folder in folders
        ]
        return [*rows, {"file": self.path, "source": "splits", "found": splits(data)}]

    def odd(self, data: Data) -> list[str]:
        folders = [folder for folders in self._parts().values() for folder in folders]
        others = [path for folder in folders for path in _listed(folder) if path.suffix.lower() not in ENDINGS]
        left = [f"{len(others)} files that are no images were left alone, such as {others[0]}"] if others else []
        return super().odd(data) + left

    def _parts(self) -> dict[str, list[Path]]:
        """The folders of the classes, of each part."""
        root = Path(self.path).expanduser()
        if not root.is_dir():
            raise self._error("expected a folder with a folder for each class, found none; give dataset.path=FOLDER")
        if (root / "train").is_dir() and (root / "test").is_dir():
            parts = {part: _folders(root / part) for part in ("train", "test")}
            known = {folder.name for folder in parts["train"]}
            if unknown := [folder for folder in parts["test"] if folder.name not in known]:
                raise self._error(
                    f"expected the classes of {root / 'train'} in {root / 'test'}, found {shown(unknown[0].name)} too; "
                    "move it away, or add images of it to the training part"
                )
        else:
            parts = {"train": _folders(root)}
        if len(parts["train"]) < 2:
            found = "one" if parts["train"] else "none"
            raise self._error(f"expected a folder for each of two classes or more, found {found}")
        return parts

    def _images(self, folders: list[Path]) -> list[Path]:
        """The images of each class, by name."""
        found = []
        for folder in folders:
            images = [path for path in _listed(folder) if path.suffix.lower() in ENDINGS]
            if not images:
                raise self._error(f"expected images in {folder}, found none; add some, or move the folder away")
            found += images
        return found

    def _shape(self, first: Path) -> tuple[int, int, int]:
        channels = 1 if self.grey else 3
        if self.size is not None:
            return channels, self.size, self.size
        height, width, _ = _decoded(first, None, self.grey).shape
        return channels, height, width

    def _pixels(self, images: list[Path], shape: tuple[int, ...]) -> np.ndarray:
        """x (N, D) from 0 to 1, channel after channel."""
        x_ND = np.empty((len(images), int(np.prod(shape))), dtype=np.float32)
        for row, path in enumerate(images):
            pixel_HWC = _decoded(path, self.size, self.grey)
            if pixel_HWC.shape != (*shape[1:], shape[0]):
                height, width, _ = pixel_HWC.shape
                raise self._error(
                    f"expected images of one size, found {shape[1]} x {shape[2]} pixels in {images[0]} and "
                    f"{height} x {width} in {path}; dataset.size=32 scales all to 32 x 32"
                )
            x_ND[row] = pixel_HWC.transpose(2, 0, 1).reshape(-1)
        x_ND /= 255
        return x_ND

    def _error(self, text: str) -> DataError:
        return DataError(f"{cut(self.path, 200)}: {text}")


def _folders(root: Path) -> list[Path]:
    return sorted(folder for folder in _listed(root, files=False) if folder.is_dir())


def _listed(folder: Path, files: bool = True) -> list[Path]:
    """What is in a folder, by name, without what is hidden."""
    found = sorted(folder / name for name in os.listdir(folder) if not name.startswith("."))
    return [path for path in found if path.is_file() == files]


def _labels(images: list[Path], names: list[str]) -> np.ndarray:
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[path.parent.name] for path in images], dtype=np.int64)


def _decoded(path: Path, size: int | None, grey: bool) -> np.ndarray:
    """(height, width, channels) in bytes, turned as the camera was held. Raises DataError if the file is no image."""
    from PIL import Image, ImageOps

    refuse = partial(_unusable, path)
    try:
        with opened(path) as file, warnings.catch_warnings():
            # an image that unpacks to far more than it says is an error, and so is any other odd thing
            warnings.simplefilter("error")
            image: Image.Image = Image.open(file)
            if image.mode[0] in "IF":
                raise refuse(f"its values are of mode {image.mode}; save it with 8 bits a channel")
            image = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
            if size is not None:
                image = image.resize((size, size), Image.Resampling.BILINEAR)
            pixel = np.asarray(image)
    except (Unusable, OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        raise refuse(f"{one_line(str(error))}; remove it, or save it again") from None
    return pixel[:, :, None] if grey else pixel


def _unusable(path: Path, reason: str) -> DataError:
    return DataError(f"{cut(str(path), 200)}: expected an image with 8 bits a channel, found none: {reason}")
