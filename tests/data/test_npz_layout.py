import numpy as np

from moe_lab.data.npz_file import NpzFile
from moe_lab.data.npz_layout import read_layout


class Counting(NpzFile):
    """Remembers which arrays were read whole."""

    def __init__(self, path):
        super().__init__(path)
        self.seen = []

    def read(self, key):
        self.seen.append(key)
        return super().read(key)


def test_the_layout_reads_labels_and_names_only(tmp_path):
    path = tmp_path / "own.npz"
    test = {"x_test": np.zeros((2, 2, 3)), "y_test": [1, 1]}
    np.savez(path, x_train=np.zeros((4, 2, 3)), y_train=[0, 1, 0, 1], class_names=np.array(["a", "b"]), **test)
    file = Counting(path)
    layout = read_layout(file)
    assert (layout.shape, layout.class_names) == ((1, 2, 3), ("a", "b"))
    assert layout.y_train_N.tolist() == [0, 1, 0, 1]
    assert layout.y_test_N.tolist() == [1, 1]
    assert file.seen == ["y_train", "class_names", "y_test"]


def test_without_a_test_part_and_names(tmp_path):
    np.savez(tmp_path / "own.npz", x_train=np.zeros((4, 2)), y_train=[0, 1, 2, 1])
    layout = read_layout(NpzFile(tmp_path / "own.npz"))
    assert (layout.shape, layout.class_names, layout.y_test_N) == ((2,), ("0", "1", "2"), None)
