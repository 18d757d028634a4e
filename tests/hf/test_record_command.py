"""`moe-lab trace record`: labels by folder, and one line for a model or a text that cannot be recorded."""

import json
import re
from pathlib import Path

import pytest

from moe_lab import Trace
from tests.hf.families import tiny

pytestmark = pytest.mark.hf


@pytest.fixture
def saved(cli):
    """A model and its tokenizer in tiny/, and texts of two folders and of none."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, **{chr(97 + n): n + 3 for n in range(26)}}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained("tiny")
    tiny("deepseek_v3").save_pretrained("tiny")
    for name, text in (
        ("a/one", "abcdefgh"),
        ("b/deep/two", "xyz"),
        ("b/.hidden", "h"),
        ("three", "abab"),
        ("a/no", ""),
    ):
        path = Path("texts", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cli


def test_texts_are_documents_and_folders_their_label(saved):
    result = saved("trace", "record", "tiny", "--texts", "texts", "--name", "tiny", "--length", "6")
    assert result.code == 0 and result.err == "", result
    lines = result.out.splitlines()
    assert lines[0].startswith("13 rows of 3 documents, 2 layers: recorded from deepseek_v3 (DeepseekV3ForCausalLM) in")
    assert "- rest of texts: 1 of 3 texts have more than 6 tokens, of which the first 6 are recorded" in lines
    assert any(line.startswith("- shared experts: ") for line in lines)
    trace = Trace.read("runs/tiny")
    assert [layer.name for layer in trace.layers] == ["layer1", "layer2"]
    assert trace.token_id_T.tolist() == [3, 4, 5, 6, 7, 8, *(26, 27, 28), *(3, 4, 3, 4)]
    folder = trace.label("folder")
    assert [folder.names[one] if one >= 0 else None for one in folder.value[[0, 6, 9]]] == ["a", "b", None]


def test_again_the_same_bytes(saved):
    for name in ("first", "second"):
        assert saved("trace", "record", "tiny", "--texts", "texts", "--name", name).code == 0
    for name in ("trace.json", "rows.npz", "documents.npz", "layers.npz"):
        assert Path("runs/first", name).read_bytes() == Path("runs/second", name).read_bytes()


def config(**changed):
    """tiny/, another model's config in place of its own."""
    path = Path("tiny/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def test_code_in_the_models_folder_is_not_run(saved):
    Path("tiny/evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    config(model_type="strange", auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"})
    result = saved("trace", "record", "tiny", "--texts", "texts", "--name", "tiny")
    assert result.code == 2 and result.err.count("\n") == 1, result
    assert not Path("ran").exists()


def other(family, **changed):
    tiny(family, **changed).save_pretrained("tiny")


WEIGHTS = Path("tiny/model.safetensors")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: Path("texts/a/one").write_bytes(b"\xff"), "texts/a/one is no UTF-8 text .*; expected a file of text"),
        (lambda: Path("tiny/tokenizer.json").unlink(), "tiny: transformers finds no tokenizer there .*save_pretrained"),
        (WEIGHTS.unlink, "tiny: transformers finds no causal language model there"),
        (lambda: WEIGHTS.write_bytes(b"x"), "tiny: transformers finds no causal language model there"),
        (lambda: config(model_type="switch_transformers"), "tiny .switch_transformers. .* an encoder-decoder"),
        (lambda: config(model_type="strange"), "tiny: transformers finds no .* there .*strange"),
        (lambda: other("doge"), "^moe-lab: doge .* cannot be recorded: it has no module `experts`"),
        (lambda: other("llama4_text"), "llama4_text .* cannot be recorded: in layer0 `experts` are not called with"),
        (lambda: other("olmoe", vocab_size=20), "the tokenizer gives token 28, .* knows 20"),
        (lambda: other("olmoe", max_position_embeddings=4), "takes 4 tokens, .* add --length 4"),
    ],
)
def test_what_cannot_be_recorded_is_one_line_and_no_folder(saved, change, said):
    change()
    result = saved("trace", "record", "tiny", "--texts", "texts", "--name", "tiny")
    assert result.code == 2 and result.out == "" and result.err.count("\n") == 1, result
    assert re.search(said, result.err) and not Path("runs").exists(), result.err
