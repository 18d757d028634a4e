"""What to save in place of arrays that cannot be used. Each function looks at the arrays it found and gives expressions
over them (and ``numpy``), for the messages about a user's file; a test runs each on the array that it was printed for.

A remedy is key -> expression, in an order in which they can be assigned one after the other; empty if no expression
is known to be right.
"""

import numpy as np

from moe_lab.data.npz_file import NpzFile

Remedy = dict[str, str]
#: no value of float32 is as large
_FITS = "1e38"
_TEXT = "US"
_TIMES = "mM"


def save(remedy: Remedy, otherwise: str) -> str:
    """The remedy in words: "save KEY as `EXPRESSION`, KEY as ...", and ``otherwise`` if there is none."""
    return "save " + ", ".join(f"{key} as `{text}`" for key, text in remedy.items()) if remedy else otherwise


def of_targets(file: NpzFile, part: str) -> Remedy:
    """Numbers to predict from dates and from text that says fractions; else labels from what is none."""
    key = f"y_{part}"
    y_N = file.read(key)
    if y_N.dtype.kind in _TIMES or says_fractions(y_N):
        return {one: f"{one}.astype('float64')" for one in _targets(file)}
    return {key: f"{key}.astype('int64')"} if says_whole_numbers(y_N) else as_numbers(file, key)


def as_whole_numbers(file: NpzFile) -> Remedy:
    """Labels in floating point that are whole numbers, in both parts."""
    whole = says_whole_numbers(file.read("y_train"))
    return {key: f"{key}.astype('int64')" for key in _targets(file)} if whole else {}


def _targets(file: NpzFile) -> list[str]:
    return [key for key in ("y_train", "y_test") if key in file.keys]


def as_in_training(file: NpzFile, label_C: np.ndarray) -> Remedy:
    """Labels of the test part in the kind that the training part has: text or whole numbers."""
    y_test = file.read("y_test")
    if label_C.dtype.kind == "U":
        return {"y_test": "y_test.astype(str)"} if np.isin(y_test.astype(str), label_C).all() else {}
    return {"y_test": "y_test.astype('int64')"} if says_whole_numbers(y_test) else {}


def as_one_column(file: NpzFile, part: str) -> Remedy:
    """One value a sample: of a column, of one label in C columns, of several columns; and x turned if its samples
    lie along its second axis."""
    x, y = f"x_{part}", f"y_{part}"
    x_shape, shape = file.header(x)[0], file.header(y)[0]
    count = x_shape[0]
    if int(np.prod(shape)) == count:
        return {y: f"{y}.reshape(-1)"}
    if len(shape) == 1:
        turned = len(x_shape) == 2 and x_shape[1] == shape[0]
        return {key: f"{key}.T" for key in (x, "x_test") if turned and key in file.keys}
    if len(shape) != 2 or shape[0] != count or 0 in shape:
        return {}
    return {y: f"{y}.argmax(axis=1)" if _shares(file.read(y)) else f"{y}[:, 0]"}


def _shares(y_NC: np.ndarray) -> bool:
    """Whether every row is a distribution over columns, such as a one for the label and zeros."""
    if y_NC.dtype.kind not in "buif" or y_NC.shape[1] < 2:
        return False
    sums_N = y_NC.sum(axis=1, dtype=np.float64)
    return bool((y_NC >= 0).all() and np.allclose(sums_N, 1, atol=1e-3))


def as_numbers(file: NpzFile, key: str) -> Remedy:
    """The array as real numbers: text that says numbers, other text as a code for each value of its column, dates as
    they count, the real part of complex numbers, the fields of records as columns."""
    array = file.read(key)
    kind = array.dtype.kind
    if kind in _TEXT:
        return {key: f"{key}.astype('float64')"} if _says_numbers(array) else _codes(key, array)
    if kind in _TIMES:
        return {key: f"{key}.astype('int64')"}
    if kind == "c":
        return {key: f"{key}.real"}
    if kind == "b":
        return {key: f"{key}.astype('int64')"}
    if array.dtype.names and all(array.dtype[name].kind in "buif" for name in array.dtype.names):
        columns = ", ".join(f"{key}[{name!r}]" for name in array.dtype.names)
        return {key: f"numpy.stack([{columns}], axis=-1)"}
    return {}


def _says_numbers(array: np.ndarray) -> bool:
    """Whether it is text or real numbers, each of which float64 can read and hold."""
    try:
        return array.dtype.kind in "buifUS" and bool(np.isfinite(array.astype(np.float64)).all())
    except ValueError:
        return False


def says_whole_numbers(array: np.ndarray) -> bool:
    return _says_numbers(array) and bool((np.rint(array.astype(np.float64)) == array.astype(np.float64)).all())


def says_fractions(array: np.ndarray) -> bool:
    """Whether it is text that says numbers, not all of them whole."""
    return array.dtype.kind in _TEXT and _says_numbers(array) and not says_whole_numbers(array)


def _codes(key: str, array: np.ndarray) -> Remedy:
    codes = "numpy.unique({}, return_inverse=True)[1]"
    if array.ndim == 1:
        return {key: codes.format(key)}
    columns = f"{key}.reshape(len({key}), -1).T"
    return {key: f"numpy.stack([{codes.format('column')} for column in {columns}], axis=1)"}


def as_samples(file: NpzFile, key: str) -> Remedy:
    """x with its samples along its first axis and one to three axes behind it."""
    shape, _ = file.header(key)
    if 0 in shape or not shape:
        return {}
    if len(shape) == 1:
        return {key: f"{key}.reshape(-1, 1)"}
    return {key: f"{key}.reshape(len({key}), -1)"}


def as_x_train(file: NpzFile) -> Remedy:
    """x_test with samples of the shape of those of x_train, if it has as many numbers."""
    (_, *own), (_, *wanted) = file.header("x_test")[0], file.header("x_train")[0]
    if len(own) == len(wanted) == 3 and [own[2], *own[:2]] == wanted:
        return {"x_test": "x_test.transpose(0, 3, 1, 2)"}
    return {"x_test": "x_test.reshape(len(x_test), *x_train.shape[1:])"} if np.prod(own) == np.prod(wanted) else {}


def finite_x(file: NpzFile, part: str) -> Remedy:
    """The samples without NaN, infinities and values too large; if there is none, the features without, in both
    parts. Of whatever has a value a sample, those of the samples that stay."""
    key = f"x_{part}"
    x_ND = file.read(key).reshape(file.header(key)[0][0], -1)
    good_ND = np.abs(x_ND) < float(_FITS)
    if good_ND.all(axis=1).any():
        flat = key if len(file.header(key)[0]) == 2 else f"{key}.reshape(len({key}), -1)"
        return _rows_kept(file, part, f"[(numpy.abs({flat}) < {_FITS}).all(axis=1)]")
    if len(file.header(key)[0]) == 2 and good_ND.all(axis=0).any():
        keys = sorted((one for one in ("x_train", "x_test") if one in file.keys), key=lambda one: one == key)
        return {one: f"{one}[:, (numpy.abs({key}) < {_FITS}).all(axis=0)]" for one in keys}
    return {}


def without_features(file: NpzFile, features: list[int]) -> Remedy:
    """x without some of its features, in both parts."""
    return {key: f"numpy.delete({key}, {features}, axis=1)" for key in ("x_train", "x_test") if key in file.keys}


def finite_y(file: NpzFile, part: str) -> Remedy:
    """The samples whose number to predict is finite."""
    key = f"y_{part}"
    column = key if len(file.header(key)[0]) == 1 else f"{key}.reshape(-1)"
    return _rows_kept(file, part, f"[numpy.isfinite({column})]") if np.isfinite(file.read(key)).any() else {}


def _rows_kept(file: NpzFile, part: str, rows: str) -> Remedy:
    """Some rows of all arrays that have a value for each sample of a part."""
    keys = [f"x_{part}", f"y_{part}"]
    if part == "test" or "x_test" not in file.keys:
        keys += [key for key in file.keys if key.startswith("attribute_")]
    return {key: f"{key}{rows}" for key in sorted(keys, key=lambda key: key in rows)}


def known_classes(file: NpzFile) -> Remedy:
    """The test samples whose class the training part has."""
    if not len(file.header("y_train")[0]) == len(file.header("y_test")[0]) == 1:
        return {}
    known = np.isin(file.read("y_test"), file.read("y_train")).any()
    return _rows_kept(file, "test", "[numpy.isin(y_test, y_train)]") if known else {}


def as_names(file: NpzFile, label_C: np.ndarray) -> Remedy:
    """class_names as a text a class, without those behind the last class."""
    array = file.read("class_names")
    text, flat = "class_names", array.reshape(-1)
    if array.dtype.kind == "S":
        text = f"numpy.char.decode(class_names, '{_encoding(flat)}')"
    elif array.dtype.kind != "U":
        text = "class_names.astype(str)"
    if array.ndim != 1:
        text += ".reshape(-1)"
    if label_C.dtype.kind == "U":
        return {"class_names": "numpy.unique(y_train)"}
    classes = len(label_C)
    return {} if len(flat) < classes else {"class_names": text if len(flat) == classes else f"{text}[:{classes}]"}


def as_attribute(file: NpzFile, key: str, count: int) -> Remedy:
    """A number or a text a sample."""
    shape, dtype = file.header(key)
    if dtype.kind == "S":
        return {key: f"numpy.char.decode({key}, '{_encoding(file.read(key))}')"}
    if dtype.kind not in "buifU":
        return as_numbers(file, key)
    if int(np.prod(shape)) == count:
        return {key: f"{key}.reshape(-1)"}
    return {key: f"{key}[:, 0]"} if len(shape) == 2 and shape[0] == count and shape[1] else {}


def decoded(array: np.ndarray) -> np.ndarray:
    """Bytes as text."""
    return np.char.decode(array, _encoding(array))


def _encoding(array: np.ndarray) -> str:
    """UTF-8, or the one in which every byte is a character."""
    try:
        np.char.decode(array, "utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def for_the_other_task(file: NpzFile) -> str:
    """What to save if the targets are to be read in the other way; to be appended to a message."""
    whole = says_whole_numbers(file.read("y_train"))
    if file.header("y_train")[1].kind == "f":
        return f"; if these whole numbers are labels, {save(as_whole_numbers(file), '')}" if whole else ""
    if not whole or len(file.header("y_train")[0]) > 1:
        return ""
    remedy = {key: f"{key}.astype('float64')" for key in _targets(file)}
    without = ", and leave class_names out" if "class_names" in file.keys else ""
    return f"; to predict numbers, {save(remedy, '')}{without}"
