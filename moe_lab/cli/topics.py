"""Topics of `moe-lab explain`: options, metrics, measures of traces and studies, with what is declared about each."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import moe_lab
from moe_lab.config.details import details
from moe_lab.config.sources import Sources, open_sources
from moe_lab.errors import ConfigError, cut, did_you_mean
from moe_lab.metrics import METRICS
from moe_lab.metrics.registry import parts_of
from moe_lab.metrics.traces import MEASURES
from moe_lab.reports.paper.references import cited, papers

if TYPE_CHECKING:
    from moe_lab.sweeps.studies.file import Row

METRIC, MEASURE, STUDY, CLAIM = "metric", "measure", "study", "claim"
#: the study whose claims can be explained
BENCH = "claims"
#: groups whose options are checked against each other
CHECKED = ("gate", "objective", "regularizer", "controller", "experts")
#: most test files that are named
MOST = 3
#: the tests of a source checkout; an installed package has none
TESTS = Path(moe_lab.__file__).resolve().parents[1] / "tests"

#: what is known about one name; every topic has all of COLUMNS, empty if it does not apply
Topic = dict[str, Any]
COLUMNS = (
    "group", "name", "summary", "source", "papers", "facts", "target", "text", "brings", "keys", "sentences", "fits",
    "refused", "arms", "published", "tests",
)  # fmt: skip


def names(config_dir: Path | None = None) -> list[str]:
    """Everything that has a topic, sorted."""
    sources = open_sources(config_dir)
    return sorted(
        {*METRICS, *MEASURES, *_claims(), *(name for group in sources.groups for name in sources.options(group))}
    )


def topics(name: str, config_dir: Path | None = None, plugins: Sequence[Path] = ()) -> list[Topic]:
    """Everything that has this name: options of one or several groups, a metric (also of a layer,
    ``block0.load_entropy_bits``), a measure of traces, a study. ``gate=softmax`` selects the option of that group
    alone, ``metric=...`` and ``measure=...`` one of these kinds.

    Parts that go together, which need torch, are added by ``with_partners``. Raises ConfigError if nothing has this
    name.
    """
    group, equals, option = name.partition("=")
    found = _of_group(group, option.strip("[]"), config_dir, plugins) if equals else _of_all(name, config_dir, plugins)
    return [dict.fromkeys(COLUMNS) | one for one in found]


def with_partners(topic: Topic) -> Topic:
    """The topic of a built-in option, with the options that it goes with, and for the others the reason why not, from
    the checks of composition. Imports torch if there is something to check.
    """
    group, name = topic["group"], topic["name"]
    if group not in CHECKED or name not in open_sources().options(group):
        return topic
    from moe_lab.experiment.pairs import partners

    found = partners(group, name)
    return topic | {
        "fits": [word for word, why in found.items() if why is None],
        "refused": {word: why for word, why in found.items() if why is not None},
    }


def _of_all(name: str, config_dir: Path | None, plugins: Sequence[Path]) -> list[Topic]:
    sources = open_sources(config_dir)
    found = [_part(sources, group, name, config_dir, plugins) for group in sources.groups if _has(sources, group, name)]
    found += [*_metric(name), *_measure(name), *_claim(name)]
    if found:
        return found
    if name in sources.groups:
        raise ConfigError(f"{name} is a group of options: `moe-lab list {name}` lists them; explain one of those")
    near = did_you_mean(name, names(config_dir))
    raise ConfigError(f"nothing is named '{cut(name)}'.{near} `moe-lab list` and `moe-lab list metric` have all names")


def _of_group(group: str, name: str, config_dir: Path | None, plugins: Sequence[Path]) -> list[Topic]:
    kinds = ((METRIC, METRICS, _metric), (MEASURE, MEASURES, _measure), (CLAIM, _claims(), _claim))
    for kind, known, found in kinds:
        if group == kind:
            if topics := list(found(name)):
                return topics
            near = did_you_mean(name, known)
            has = f"explain {BENCH}` has all claims" if kind == CLAIM else f"list {METRIC}` has all metrics"
            raise ConfigError(f"no {kind} named '{cut(name)}'.{near} `moe-lab {has}")
    return [_part(open_sources(config_dir), group, name, config_dir, plugins)]


def _has(sources: Sources, group: str, name: str) -> bool:
    return name in sources.options(group)


def _part(sources: Sources, group: str, name: str, config_dir: Path | None, plugins: Sequence[Path]) -> Topic:
    found = asdict(details(group, name, config_dir, plugins))
    word = re.escape(name)
    words = [rf"\b{word}\b" if group == STUDY else rf"\b{group}=\[?[\w,]*\b{word}\b"]
    if cls := found["target"].rpartition(".")[2]:
        words.append(rf"\b{cls}\(")
    built_in = group in open_sources().groups and name in open_sources().options(group)
    tests = _tests(words, _own_file(group, name), found["target"]) if built_in else None
    claims = _study(name, config_dir) if group == STUDY else {}
    return found | {"papers": _papers(found["source"]), "tests": tests} | claims


def _metric(name: str) -> Iterator[Topic]:
    _, bare, _ = parts_of(name)
    if (metric := METRICS.get(bare)) is None:
        return
    facts = {"unit": metric.unit, "bounds": metric.range, "better": metric.better, "task": metric.task or "both"}
    of_others = "runs of networks" if metric.of_networks else "runs"
    facts["computed of"] = "runs and layers of traces" if metric.of_routing else of_others
    yield {
        "group": METRIC, "name": bare, "summary": metric.definition, "source": metric.source, "text": metric.notes,
        "papers": _papers(metric.source), "facts": facts, "target": f"{metric.function.__module__}.{bare}",
        "tests": _tests([rf"\b{bare}\b"]),
    }  # fmt: skip


def _measure(name: str) -> Iterator[Topic]:
    if (one := MEASURES.get(name)) is None:
        return
    ends = f"at least {one.low:g}" if one.high is None else f"{one.low:g} to {one.high:g}"
    yield {
        "group": MEASURE, "name": name, "summary": one.definition, "source": one.source, "papers": _papers(one.source),
        "facts": {"unit": one.unit, "bounds": ends, "computed of": f"traces: of a {one.scope}"},
        "tests": _tests([rf"\b{name}\b"]),
    }  # fmt: skip


def _study(name: str, config_dir: Path | None) -> Topic:
    """Arms with their overrides, and a row for every published number."""
    from moe_lab.sweeps.studies.claims import claim_names
    from moe_lab.sweeps.studies.file import read_study

    if claims := claim_names(name, config_dir):
        return {"facts": {"claims": ", ".join(claims)}}
    study = read_study(name, config_dir)
    margins = {metric: f"{value:g}" for metric, value in study.margins.items()}
    published = [
        {"arm": arm, "metric": metric, "value": value, "sd": sd, "n": n, "how": how, "where": one.where}
        for one in study.published
        for arm, row in one.rows.items()
        for metric, value, sd, n, how in _numbers(row)
    ]
    choices = {key: of for key, of in study.options.items() if key in study.choices or len(of) > 1}
    facts = {
        "title": study.title, "choices": "; ".join(f"{key}={', '.join(of)}" for key, of in choices.items()),
        "seeds": str(study.seeds), "set against": study.against,
        "metrics": ", ".join(study.metrics),
        "margins of equivalence": ", ".join(f"{metric} {margin}" for metric, margin in margins.items()),
    }  # fmt: skip
    arms = {arm: " ".join(one.words) for arm, one in study.arms.items()}
    shared = {"source": study.source, "papers": _papers(study.source)}
    return shared | {"facts": facts, "arms": arms, "published": published}


def _claims() -> list[str]:
    from moe_lab.sweeps.studies.claims import claim_names

    return claim_names(BENCH)


def _claim(name: str) -> Iterator[Topic]:
    """A published result with what is predicted of it here."""
    from moe_lab.sweeps.studies.claims import expectation, read_claim

    if name not in _claims():
        return
    claim = read_claim(BENCH, name)
    predictions = [
        f"{one.arm}: {claim.metrics[one.metric]} {expectation(one.expect, than, one.margin)}"
        for one in claim.predictions
        for than in [claim.against if one.than is None else one.than]
    ]
    facts = {
        "reported": claim.reported, "formula": claim.formula, "could fail here": claim.caution,
        "predicted": "; ".join(predictions), "seeds": f"{claim.seeds}, from {claim.first_seed}",
        "run by": f"moe-lab study {BENCH} {CLAIM}={name}",
    }  # fmt: skip
    yield {
        "group": CLAIM, "name": name, "summary": claim.claim, "source": claim.source, "papers": _papers(claim.source),
        "facts": facts, "arms": {arm: " ".join(one.words) for arm, one in claim.arms.items()},
        "tests": _tests([rf"\b{CLAIM}={name}\b"], "tests/sweeps/studies/test_claims.py"),
    }  # fmt: skip


def _numbers(row: "Row") -> Iterator[tuple[str, float, float | None, int | None, str]]:
    """Metric, value, sd, number of runs, and how the value was computed from them."""
    for metric, (mean, sd) in row.mean.items():
        yield metric, mean, sd, row.n, f"mean over {row.over}" if row.over else "mean"
    for metric, value in row.best.items():
        yield metric, value, None, row.of, f"best by {row.by}"


def _papers(source: str) -> list[str]:
    """Title, year and arXiv number of the papers that a source names, from the bibliography."""
    known = {entry.key: entry for entry in papers()}
    return [
        f"{entry.title}, {entry.year}" + (f", arXiv:{entry.arxiv}" if entry.arxiv else "")
        for entry in map(known.__getitem__, cited(source))
    ]


def _own_file(group: str, name: str) -> str:
    """The part's own file of conformance tests; parts of most groups have one."""
    stem = "paper" if name.startswith("paper_") else name
    return f"tests/conformance/{group.rpartition('/')[2]}/test_{stem}.py"


def _tests(patterns: Sequence[str], own: str = "", target: str = "") -> list[str] | None:
    """The part's own test file, or else the files that mention it most often, or else that of its module. None in an
    installed package, which has no tests.
    """
    files = _test_files()
    if not files:
        return None
    if own in files:
        return [own]
    mention = re.compile("|".join(patterns))
    found = Counter({file: len(mention.findall(text)) for file, text in files.items()})
    named = [file for file, count in found.most_common(MOST) if count]
    room, _, module = target.rpartition(".")[0].removeprefix("moe_lab.").replace(".", "/").rpartition("/")
    return named or [file for file in [f"tests/{room}/test_{module}.py"] if file in files]


@cache
def _test_files() -> dict[str, str]:
    """The test files of a source checkout by their path; none in an installed package."""
    if not (TESTS / "conformance").is_dir():
        return {}
    found = sorted(TESTS.rglob("test_*.py"))
    return {f"tests/{file.relative_to(TESTS).as_posix()}": file.read_text() for file in found}
