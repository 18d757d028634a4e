"""Data sets of tokens: split by document, labels of documents and tokens, what is missing, and what is in the key."""

import numpy as np
import pytest

from moe_lab.config.compose import compose
from moe_lab.data.language import installed, modules
from moe_lab.data.language.chains import bayes, entropy_rate_nats
from moe_lab.data.language.folder import TextFolder
from moe_lab.data.language.markov import MarkovLanguages
from moe_lab.data.language.modules import TextModules
from moe_lab.data.language.python_kinds import KINDS, kinds_of
from moe_lab.errors import ConfigError, DataError
from moe_lab.experiment.job import prepare
from moe_lab.routing.trace import NONE

SMALL = {"chains": 3, "symbols": 7, "sequences": 200, "context": 5}
FEW = {"domain_bytes": 6000, "document_bytes": 900, "context": 16}


@pytest.fixture
def folder(tmp_path):
    for domain, text in (("en", "the cat sat on the mat "), ("de", "die Katze saß auf der Matte ")):
        (tmp_path / domain).mkdir()
        for section in range(6):
            (tmp_path / domain / f"{section:02d}.txt").write_text(text * (section + 1), encoding="utf-8")
    (tmp_path / "en" / "alone.txt").write_text("once upon a time there was")
    (tmp_path / "README.txt").write_text("in no domain")
    return tmp_path


def documents_of(data):
    """The documents of each split, by the numbers of their windows."""
    return [set(split.index_N.tolist()) for split in (data.train, data.validation, data.test)]


def test_markov_languages():
    dataset = MarkovLanguages(**SMALL)
    data = dataset.load()
    # a twentieth of 200 documents, and of the other 190 again: 10 and ceil(9.5)
    assert [len(one) for one in (data.train, data.validation, data.test)] == [180, 10, 10]
    assert dataset.describe() == ((5,), tuple("0123456")) and data.classes == 7
    assert (data.train.x_ND[:, 1:] == data.train.y_N[:, :-1]).all()
    sequences = data.sequences
    chain_D = sequences.document_labels["domain"]
    assert chain_D.names == ("chain 0", "chain 1", "chain 2")
    np.testing.assert_array_equal(chain_D.value, data.test.index_N.numpy() % 3)
    assert sequences.unit == "symbol" and sequences.position_NS.tolist() == [[0, 1, 2, 3, 4]] * 10
    previous = sequences.token_labels["previous_symbol"].value.reshape(10, 5)
    assert (previous[:, 0] == NONE).all()
    np.testing.assert_array_equal(
        np.array(sequences.token_labels["previous_symbol"].names).astype(int)[previous[:, 1:]], data.test.x_ND[:, :-1]
    )
    np.testing.assert_array_equal(sequences.known["entropy_rate_nats"], entropy_rate_nats(dataset.drawn))
    token_NL = np.concatenate([data.validation.x_ND.numpy(), data.validation.y_N[:, -1:].numpy()], 1)
    assert sequences.known["bayes_validation_loss"] == bayes(dataset.drawn, token_NL).loss_NS.mean()
    assert "bayes_validation_loss" not in MarkovLanguages(**SMALL, validation_share=0).load().sequences.known
    assert sequences.known["bayes_loss"].shape == sequences.known["bayes_domain"].shape == (50,)


def test_the_same_seed_draws_the_same(folder):
    first, again, other = (MarkovLanguages(**SMALL, data_seed=seed).load() for seed in (1, 1, 2))
    assert (first.train.x_ND == again.train.x_ND).all() and (first.train.x_ND != other.train.x_ND).any()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"symbols": 5}, "dataset.symbols=5: each of the 6 chains has a symbol of its own; give 6 or more"),
        ({"sequences": 119}, "dataset.sequences=119: too few for 6 chains; give 120 or more"),
    ],
)
def test_markov_languages_that_cannot_be(options, text):
    with pytest.raises(ConfigError, match=text):
        MarkovLanguages(**options)


def test_the_smallest_has_every_chain_in_the_test_split():
    data = MarkovLanguages(sequences=120, context=2).load()
    assert len(data.sequences.document_labels["domain"].names) == 6


def test_text_folder(folder):
    data = TextFolder(path=str(folder), context=8).load()
    labels = data.sequences.document_labels
    assert list(labels) == ["domain", "section"] and set(labels["domain"].names) == {"de", "en"}
    # of 7 and 6 documents together 3, by domain
    assert len(labels["domain"].value) == 3
    # lower case by ASCII: the two bytes of an s sharp are beyond it
    token_labels = data.sequences.token_labels
    assert {"byte_class", "previous_byte", "position"} == set(token_labels)
    position = data.sequences.position_NS
    for name_T, byte_T in zip(token_labels["previous_byte"].value.reshape(position.shape), position, strict=True):
        assert (name_T[0] == NONE) == (byte_T[0] == 0)


def test_text_folder_takes_a_documents_first_bytes_at_most(folder):
    whole, few = (TextFolder(path=str(folder), document_bytes=most) for most in (None, 27))
    # "the cat sat on the mat " has 23 bytes, of which the document of section s holds s + 1 copies
    assert [len(one.token_X) for one in whole.documents if one.labels["domain"] == "en"][:3] == [23, 46, 69]
    for short, long in zip(few.documents, whole.documents, strict=True):
        assert short.labels == long.labels and short.token_X.tobytes() == long.token_X.tobytes()[:27]
    assert few.content() != whole.content()


def test_a_documents_windows_are_all_in_one_split(folder):
    dataset = TextFolder(path=str(folder), context=8, validation_share=0.3)
    data = dataset.load()
    counts = [(len(one.token_X) - 1) // 8 for one in dataset.kept]
    document_N = np.repeat(np.arange(len(counts)), counts)
    parts = [set(document_N[sorted(rows)].tolist()) for rows in documents_of(data)]
    assert all(parts) and len(set.union(*parts)) == sum(map(len, parts)) == len(counts)


def test_text_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"expected text as .*DOMAIN/\*\.txt, found no such folder"):
        TextFolder(path=str(tmp_path / "none")).load()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found no such file"):
        TextFolder(path=str(tmp_path)).load()
    (tmp_path / "empty" / "one.txt").write_text("x" * 100)
    with pytest.raises(DataError, match="two documents or more of 65 tokens in each domain, found fewer in empty"):
        TextFolder(path=str(tmp_path)).load()


def test_a_checksum_of_the_text_is_in_the_key(folder, monkeypatch):
    words = ["network=language_model", "dataset=text_folder", f"dataset.path={folder}", "gate=top_k"]
    before = prepare(words).key
    assert prepare(words).key == before
    (folder / "en" / "00.txt").write_text("other words")
    assert prepare(words).key != before
    assert TextFolder(path=str(folder)).content()["checksum"].startswith("sha256:")


def test_text_modules():
    dataset = TextModules(**FEW)
    data = dataset.load()
    labels = data.sequences.document_labels
    assert labels["domain"].names == ("cpp", "prose", "python") and list(labels) == ["domain", "package"]
    kinds, domain = data.sequences.token_labels["python_token"], labels["domain"]
    of_python = np.repeat(domain.value[data.sequences.document_N] == 2, 16)
    assert (kinds.value[~of_python] == NONE).all() and (kinds.value[of_python] != NONE).any()
    for name in ("python", "prose", "cpp"):
        own = [len(one.token_X) for one in dataset.documents if one.labels["domain"] == name]
        assert sum(own) == 6000 and max(own) <= 900
    content = dataset.content()
    assert {"python", "numpy", "scipy", "pandas", "torch", "checksum"} == set(content)
    assert TextModules(**FEW, domains=("cpp",)).content()["checksum"] != content["checksum"]


def test_a_domain_that_is_not_installed(monkeypatch, tmp_path):
    modules._read.cache_clear()
    nowhere = installed.Domain(lambda: {"torch": tmp_path / "include"}, (".h",), installed.whole)
    monkeypatch.setitem(installed.DOMAINS, "cpp", nowhere)
    with pytest.raises(DataError, match=r"include: expected files of \.h for .*dataset\.domains=\[python,prose\]"):
        TextModules(**FEW).load()
    modules._read.cache_clear()


def test_docstrings():
    inside = b'    """Of a class."""\n    def f(self):\n        "Of a method."\n        return "no"\n'
    source = b'"""Of the module."""\nclass A:\n' + inside
    assert installed.docstrings(source) == b"Of the module.\n\nOf a class.\n\nOf a method."
    assert installed.docstrings(b"def (") == b"" and installed.docstrings(b"\0") == b""


def test_a_passage_begins_with_a_line():
    text = b"".join(b"line %d\n" % number for number in range(100))
    for name in "abc":
        start = installed._start(text, 50, name)
        assert start == 0 or text[start - 1 : start] == b"\n"
        assert start + 50 <= len(text)
    assert installed._start(text, len(text), "a") == 0


def test_kinds_of_python():
    source = 'def f(é):\n    return é + 1  # "x"\n'.encode()
    found = "".join("kn1s#o "[kind] for kind in kinds_of(source))
    #                def f(é):     return é + 1  # "x"   with two bytes an é
    assert found == "kkk nonnoo     kkkkkk nn o 1  ##### "
    assert KINDS == ("keyword", "name", "number", "string", "comment", "operator", "space")


def test_python_that_cannot_be_read_on():
    found = kinds_of(b'x = 1\ny = """')
    assert found[:5].tolist() == [KINDS.index(one) for one in ("name", "space", "operator", "space", "number")]
    assert found[-1] == NONE


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["dataset=markov_languages"],
            "dataset MarkovLanguages has tokens, which one mixture cannot read: take network",
        ),
        (["dataset=markov_languages", "network=mlp"], "which Mlp cannot read"),
        (["network=language_model", "dataset=digits"], "dataset Digits has none: take dataset=text_modules"),
        (["network=language_model", "dataset=markov_languages", "classes=[0,1]"], "leave classes null"),
        (["network=language_model", "dataset=markov_languages", "gate=expert_choice"], "from the other tokens"),
    ],
)
def test_models_and_samples_that_do_not_fit(words, text):
    with pytest.raises(ConfigError, match=text):
        prepare(words)


def test_a_language_model_reads_text_modules_if_nothing_else_is_said():
    assert compose(["network=language_model"])["dataset"]["_target_"].endswith("TextModules")
    other = compose(["network=language_model", "dataset=markov_languages"])
    assert other["dataset"]["_target_"].endswith("MarkovLanguages")
