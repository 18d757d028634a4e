"""scikit-learn's diabetes."""

import hashlib
from importlib.metadata import version

import numpy as np

from moe_lab.data.dataset import Data, Dataset
from moe_lab.data.split import stratified
from moe_lab.data.standardize import regression_data
from moe_lab.errors import DataError

MD5 = "707fed7afb374583ada1002f406ffb1b"
TEST_SHARE = 0.2


class Diabetes(Dataset):
    """Patients with diabetes, inside scikit-learn: regression of the disease's progression on 10 measurements, 442
    rows.

    The target is a score of the disease's progression one year later, 25 to 346. 89 rows (20 %) are always the same
    test split, whatever the seeds. Inputs and target are standardized by the training split.

    Source: Efron, Hastie, Johnstone & Tibshirani 2004, "Least angle regression", as `sklearn.datasets.load_diabetes`
    gives it (unscaled)
    """

    target_name = "disease progression (score)"

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return (10,), ()

    def load(self) -> Data:
        x_ND, y_N = self._read()
        alike_N = np.zeros(len(y_N), dtype=np.int64)
        rest, test = stratified(alike_N, TEST_SHARE, 0, "diabetes/test")
        train, validation = (rest[rows] for rows in self.split_rows(alike_N[rest]))
        return regression_data(x_ND, y_N, (train, validation, test), target_name=self.target_name)

    def check(self) -> list[dict[str, str]]:
        x_ND, _ = self._read()
        found = f"{' x '.join(map(str, x_ND.shape))} numbers, md5 {MD5}"
        return [{"file": "sklearn.datasets.load_diabetes", "source": self.prepare(), "found": found}]

    def prepare(self) -> str:
        """Nothing to get: the table is part of scikit-learn."""
        return f"scikit-learn {version('scikit-learn')}"

    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        # half a second that no other command should pay
        from sklearn.datasets import load_diabetes

        x_ND, y_N = load_diabetes(return_X_y=True, scaled=False)
        found = hashlib.md5(x_ND.tobytes() + y_N.tobytes(), usedforsecurity=False).hexdigest()
        if found != MD5:
            raise DataError(
                f"sklearn.datasets.load_diabetes is not the data set it should be: expected md5 {MD5}, found {found}; "
                "install scikit-learn again with `pip install --force-reinstall scikit-learn`"
            )
        return x_ND, y_N
