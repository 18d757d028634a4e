"""scikit-learn's digits."""

import hashlib
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from moe_lab.data.dataset import Data, Dataset
from moe_lab.data.images import image_split
from moe_lab.data.split import stratified
from moe_lab.data.strokes import image_columns
from moe_lab.data.units import Units
from moe_lab.errors import DataError

MD5 = "7696c07daa6d85010f8268703ab8b067"
FILE = "datasets/data/digits.csv.gz"
TEST_SHARE = 0.2
LARGEST_PIXEL = 16


class Digits(Dataset):
    """Handwritten digits that come inside scikit-learn: 1,797 images of 8 x 8 grey pixels in 10 classes.

    360 of them (20 % of each class) are always the same test split, whatever the seeds; x = (pixel / 16 - mean) / sd
    with the mean .3048 and sd .3756 of the other 1,437.

    Source: Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits" (UCI), its test part, as
    `sklearn.datasets.load_digits` gives it
    """

    shape = (1, 8, 8)
    class_names = tuple("0123456789")
    mean, sd = 0.3048, 0.3756

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return self.shape, self.class_names

    def units(self) -> Units:
        return Units(LARGEST_PIXEL, self.mean, self.sd)

    def load(self) -> Data:
        image_NHW, y_N = self._read()
        rest, test = stratified(y_N, TEST_SHARE, 0, "digits/test")
        train, validation = (rest[rows] for rows in self.split_rows(y_N[rest]))
        split = partial(image_split, largest=LARGEST_PIXEL, mean=self.mean, sd=self.sd)
        return Data(
            train=split(image_NHW, y_N, train),
            validation=split(image_NHW, y_N, validation),
            test=split(image_NHW, y_N, test),
            shape=self.shape,
            class_names=self.class_names,
            units=self.units(),
            attributes={"class": y_N[test].astype(np.int64), **image_columns(image_NHW[test], LARGEST_PIXEL)},
        )

    def check(self) -> list[dict[str, str]]:
        image_NHW, _ = self._read()
        sizes = " x ".join(map(str, image_NHW.shape))
        source = f"scikit-learn {version('scikit-learn')}"
        return [{"file": FILE, "source": source, "found": f"{sizes} bytes, md5 {MD5}"}]

    def prepare(self) -> str:
        """Nothing to get: the images are part of scikit-learn."""
        return f"scikit-learn {version('scikit-learn')}"

    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        """From the file that load_digits reads, without importing scikit-learn, which takes longer than the training
        of a small run."""
        spec = find_spec("sklearn")
        places = [] if spec is None else spec.submodule_search_locations or []
        file = next((file for file in (Path(place) / FILE for place in places) if file.exists()), None)
        rows_ND = np.zeros((0, 65), np.uint8) if file is None else np.loadtxt(file, delimiter=",", dtype=np.uint8)
        image_NHW, y_N = rows_ND[:, :-1].reshape(-1, 8, 8), rows_ND[:, -1]
        found = hashlib.md5(image_NHW.tobytes() + y_N.tobytes(), usedforsecurity=False).hexdigest()
        if found != MD5:
            raise DataError(
                f"{FILE} of scikit-learn is not the data set it should be: expected md5 {MD5}, found {found}; "
                "install scikit-learn again with `pip install --force-reinstall scikit-learn`"
            )
        return image_NHW, y_N
