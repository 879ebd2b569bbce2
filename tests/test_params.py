import math
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

from tabnet.datasets import DATASETS
from tabnet.errors import InputError
from tabnet.params import (
    Explain,
    Generate,
    Model,
    Override,
    Params,
    Quantile,
    Report,
    Section,
    Train,
    load,
)

FILE = Path(__file__).parents[1] / "params.yaml"
TEXT = FILE.read_text()


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "params.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def changed(**changes: str) -> str:
    """The default file with the values of some keys replaced, as a person would: by their text."""
    text = TEXT
    for dotted, value in changes.items():
        section, *keys = dotted.split("__")
        start = re.search(rf"^{section}:", text, re.MULTILINE)
        assert start
        position = start.start()
        for depth, key in enumerate(keys, start=1):
            found = re.compile(rf"^{'  ' * depth}{key}:", re.MULTILINE).search(text, position)
            assert found
            position = found.start()
        line = text.index("\n", position)
        end = re.compile(rf"^(?! {{{2 * len(keys) + 1}}})", re.MULTILINE).search(text, line + 1)
        head = text[position : text.index(":", position) + 1]
        text = f"{text[:position]}{head} {value}\n{text[end.start() if end else len(text) :]}"
    return text


def refusal(path: Path) -> str:
    with pytest.raises((ValueError, OSError)) as caught:
        load(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def accepted(path: Path) -> bool:
    try:
        load(path)
    except ValueError:
        return False
    return True


KNOWN = ", ".join(DATASETS)

# What is written in the file -> the whole line, without the file's name.
BAD_VALUES = [
    ("train__epochs", "0", "train.epochs must be at least 1, however: 0"),
    ("train__epochs", "-3", "train.epochs must be at least 1, however: -3"),
    ("train__epochs", "10000000", "train.epochs must be at most 1000000, however: 10000000"),
    ("train__epochs", "2.5", "train.epochs must be a whole number, however: 2.5"),
    ("train__epochs", "60.0", "train.epochs must be a whole number, however: 60.0"),
    ("train__epochs", "'60'", "train.epochs must be a whole number, however: '60'"),
    ("train__epochs", "true", "train.epochs must be a whole number, however: true"),
    ("train__epochs", "", "train.epochs must be a whole number, however: null"),
    ("train__epochs", "[60]", "train.epochs must be a whole number, however: [60]"),
    ("train__epochs", "{a: 1}", "train.epochs must be a whole number, however: {'a': 1}"),
    ("train__epochs", ".nan", "train.epochs must be a whole number, however: nan"),
    ("train__epochs", "2026-01-31", "train.epochs must be a whole number, however: datetime.date"),
    ("train__epochs", "9" * 40, "train.epochs must be at most 1000000, however: a number of 133"),
    ("train__epochs", "9" * 5000, "must be readable YAML"),
    ("train__epochs", "0x" + "f" * 5000, "train.epochs must be at most 1000000, however: a number"),
    (
        "train__epochs",
        "[0x" + "f" * 5000 + "]",
        "train.epochs must be a whole number, however: a l",
    ),
    ("train__seeds", "[]", "train.seeds must have at least one entry, however: []"),
    ("train__seeds", "[1, 2, 1]", "train.seeds must have no entry twice, however: 1 is repeated"),
    ("train__seeds", "3", "train.seeds must be a list, however: 3"),
    ("train__seeds", "", "train.seeds must be a list, however: null"),
    ("train__seeds", "'12'", "train.seeds must be a list, however: '12'"),
    ("train__seeds", "{1: 2}", "train.seeds must be a list, however: {1: 2}"),
    ("train__seeds", "[1, '2']", "train.seeds[1] must be a whole number, however: '2'"),
    ("train__seeds", "[true]", "train.seeds[0] must be a whole number, however: true"),
    ("train__seeds", "[1.0]", "train.seeds[0] must be a whole number, however: 1.0"),
    ("train__seeds", "[-1]", "train.seeds[0] must be at least 0, however: -1"),
    ("train__seeds", "[4294967296]", "train.seeds[0] must be at most 4294967295, however: 4294967"),
    ("train__seeds", str(list(range(1001))), "train.seeds must have at most 1000 entries, however"),
    ("train__batch_size", "1", "train.batch_size must be at least 2, however: 1"),
    ("train__buffer_rows", "1", "train.buffer_rows must be at least 2, however: 1"),
    (
        "train__buffer_rows",
        "100",
        "train.buffer_rows must be at least batch_size (1000), however: 100",
    ),
    ("train__learning_rate", "0", "train.learning_rate must be greater than 0, however: 0"),
    ("train__learning_rate", ".inf", "train.learning_rate must be a finite number, however: inf"),
    ("train__learning_rate", "1e999", "train.learning_rate must be a finite number, however: inf"),
    ("train__learning_rate", ".nan", "train.learning_rate must be a finite number, however: nan"),
    ("train__learning_rate", "'0.1'", "train.learning_rate must be a number, however: '0.1'"),
    ("train__learning_rate", "yes", "train.learning_rate must be a number, however: 'yes'"),
    ("train__learning_rate", "true", "train.learning_rate must be a number, however: true"),
    ("train__learning_rate", "9" * 400, "train.learning_rate must be a number, however: a number"),
    (
        "train__schedule",
        "linear",
        "train.schedule must be one of one_cycle, cosine, staircase, constant, however: 'linear'",
    ),
    ("train__lambda_sparse", "-0.01", "train.lambda_sparse must be at least 0, however: -0.01"),
    ("train__clip_norm", "0.0", "train.clip_norm must be greater than 0, however: 0.0"),
    ("train__device", "gpu", "train.device must be one of auto, cpu, cuda, mps, however: 'gpu'"),
    (
        "train__device",
        "[cpu]",
        "train.device must be one of auto, cpu, cuda, mps, however: ['cpu']",
    ),
    ("train__validation_share", "1", "train.validation_share must be less than 1, however: 1"),
    ("train__validation_share", "-0.1", "train.validation_share must be at least 0, however: -0.1"),
    ("train__validation_share", "20%", "train.validation_share must be a number, however: '20%'"),
    ("train__patience", "0", "train.patience must be at least 1, however: 0"),
    ("train__patience", "", "train.patience must be a whole number, however: null"),
    ("train__warm_start", "1", "train.warm_start must be true or false, however: 1"),
    ("train__threads", "0", "train.threads must be at least 1, however: 0"),
    ("train__threads", "1025", "train.threads must be at most 1024, however: 1025"),
    ("train__threads", "all", "train.threads must be auto or a whole number, however: 'all'"),
    ("train__threads", "true", "train.threads must be auto or a whole number, however: true"),
    ("train__threads", "1.5", "train.threads must be auto or a whole number, however: 1.5"),
    ("train__checkpoint_every", "0", "train.checkpoint_every must be at least 1, however: 0"),
    ("train", "", "train must be a mapping, however: null"),
    ("train", "[1, 2]", "train must be a mapping, however: [1, 2]"),
    ("train", "fast", "train must be a mapping, however: 'fast'"),
    ("model__n_d", "0", "model.n_d must be at least 1, however: 0"),
    ("model__n_a", "100000", "model.n_a must be at most 1024, however: 100000"),
    ("model__n_steps", "0", "model.n_steps must be at least 1, however: 0"),
    ("model__gamma", "0.99", "model.gamma must be at least 1, however: 0.99"),
    ("model__n_shared", "-1", "model.n_shared must be at least 0, however: -1"),
    ("model__virtual_batch_size", "1", "model.virtual_batch_size must be at least 2, however: 1"),
    ("model__momentum", "0", "model.momentum must be greater than 0, however: 0"),
    ("model__momentum", "1.5", "model.momentum must be at most 1, however: 1.5"),
    ("model__mask_type", "softmax", "model.mask_type must be one of sparsemax, entmax15, however:"),
    ("generate__seed", "-1", "generate.seed must be at least 0, however: -1"),
    ("generate__train_rows", "0", "generate.train_rows must be at least 2, however: 0"),
    ("generate__test_rows", "1e12", "generate.test_rows must be a whole number, however: 10000000"),
    (
        "generate__test_rows",
        "10_000_000_000",
        "generate.test_rows must be at most 1000000000, howe",
    ),
    ("explain__split", "validation", "explain.split must be one of test, train, however: 'validat"),
    ("explain__batch_rows", "0", "explain.batch_rows must be at least 1, however: 0"),
    ("explain__seed", "first", "explain.seed must be auto or one of train.seeds, however: 'first'"),
    ("explain__seed", "true", "explain.seed must be auto or one of train.seeds, however: true"),
    ("explain__seed", "", "explain.seed must be auto or one of train.seeds, however: null"),
    (
        "explain__seed",
        "99",
        "explain.seed must be auto or one of train.seeds (1, 2, 3, 4, 5, 6, 7,",
    ),
    ("trust__rows", "0", "trust.rows must be at least 1, however: 0"),
    ("trust__draws", "0", "trust.draws must be at least 1, however: 0"),
    ("trust__draws", "1e9", "trust.draws must be a whole number, however: 1000000000.0"),
    ("trust__noise", "-0.1", "trust.noise must be at least 0, however: -0.1"),
    ("trust__resamples", "-1", "trust.resamples must be at least 0, however: -1"),
    ("trust__resample_seeds", "0", "trust.resample_seeds must be at least 1, however: 0"),
    ("trust__seed", "-1", "trust.seed must be at least 0, however: -1"),
    ("evaluate__threshold", "1", "evaluate.threshold must be less than 1, however: 1"),
    ("evaluate__threshold", "-1e-6", "evaluate.threshold must be at least 0, however: -1e-06"),
    (
        "report__quantile__steps",
        "0",
        "report.quantile.steps must be a number greater than 0 and",
    ),
    (
        "report__quantile__steps",
        "99.5",
        "report.quantile.steps must be a number greater than 0 and",
    ),
    (
        "report__quantile__steps",
        "true",
        "report.quantile.steps must be a number greater than 0 and",
    ),
    (
        "report__quantile__steps",
        "{syn4: 2}",
        "report.quantile.steps.syn4 must be a number greater",
    ),
    ("report__quantile__steps", "{syn9: 1}", "report.quantile.steps must name data sets"),
    ("report__quantile", "0.99", "report.quantile must be a mapping, however: 0.99"),
    ("report__sort_by", "V10", "report.sort_by must be a mapping, however: 'V10'"),
    (
        "report__sort_by",
        "{syn3: row}",
        f"report.sort_by must name data sets ({KNOWN}), however: ",
    ),
    ("report__sort_by", "{4: row}", "a key must be a string, however: 4"),
    (
        "report__sort_by__syn4",
        "V11",
        "report.sort_by.syn4 must be one of row, label, prediction, a",
    ),
    ("report__sort_by__syn4", "10", "report.sort_by.syn4 must be a string, however: 10"),
    ("report__sort_by__syn4", "", "report.sort_by.syn4 must be a string, however: null"),
    ("datasets", "[]", "datasets must have at least one entry, however: []"),
    ("datasets", "syn2", "datasets must be a list, however: 'syn2'"),
    ("datasets", "[syn2, syn2]", "datasets must have no entry twice, however: 'syn2' is repeated"),
    ("datasets", "[syn2, syn9]", f"datasets must name data sets ({KNOWN}), however: 'syn9'"),
    (
        "overrides__paper_syn1__train__epochs",
        "0",
        "overrides.paper_syn1.train.epochs must be at least 1, however: 0",
    ),
    (
        "overrides__syn2__train",
        "{epoch: 3}",
        "overrides.syn2.train.epoch is not a known key, did you mean overrides.syn2.train.epochs?",
    ),
    (
        "overrides__syn2__model",
        "{n_shared: 0, n_independent: 0}",
        "overrides.syn2.model must have n_independent + n_shared of at least 1, however: 0",
    ),
    (
        "overrides__syn2__model",
        "{gamma: 100, n_steps: 22}",
        "overrides.syn2.model must have a gamma of at most 57.79 with n_steps of 22, however: 100",
    ),
    (
        "overrides__syn2__train",
        "{seeds: [1, 1]}",
        "overrides.syn2.train.seeds must have no entry twice, however: 1 is repeated",
    ),
    ("overrides__syn2__generate", "", "overrides.syn2.generate must be a mapping, however: null"),
    ("overrides__syn2__generate", "3", "overrides.syn2.generate must be a mapping, however: 3"),
    ("overrides__syn2__generate", "{3: 4}", "a key must be a string, however: 3"),
    ("overrides__syn2", "", "overrides.syn2 must be a mapping, however: null"),
    (
        "overrides__syn2",
        "{explain: {}}",
        "overrides.syn2.explain is not a known key, the keys here are generate, model, train",
    ),
    (
        "overrides__syn2",
        "{generate: {}, model: {}}",
        "must have overrides.syn2.train ({} for none), however: it is missing",
    ),
    ("overrides", "{}", "must have overrides.syn2.generate ({} for none), however: it is missing"),
    ("overrides", "", "overrides must be a mapping, however: null"),
    ("overrides", "{syn9: {}}", f"overrides must name data sets ({KNOWN}), however: 'syn9'"),
    (
        "train__validation_share",
        "0.9999",
        "train.validation_share must leave at least 2 of 5000 rows to train on and 1 to validate"
        " on, however: 0.9999 leaves 0 and 5000",
    ),
    (
        "overrides__syn4__train",
        "{validation_share: 0.9999}",
        "overrides.syn4.train.validation_share must leave at least 2 of 5000 rows to train on and 1"
        " to validate on, however: 0.9999 leaves 0 and 5000",
    ),
    (
        "overrides__syn2__generate",
        "{train_rows: 1}",
        "overrides.syn2.generate.train_rows must be at least 2, however: 1",
    ),
    *(
        (key.replace(".", "__"), "1e300", f"{key} must be at most 1000000, however: 1e+300")
        for key in (
            "model.gamma",
            "train.learning_rate",
            "train.lambda_sparse",
            "train.clip_norm",
            "trust.noise",
        )
    ),
    ("datasets", "[2]", "datasets[0] must be a string, however: 2"),
    ("datasets", "[null]", "datasets[0] must be a string, however: null"),
    ("peers", "[syn9]", f"peers must name data sets ({KNOWN}), however: 'syn9'"),
    ("peers", "[syn2, syn2]", "peers must have no entry twice, however: 'syn2' is repeated"),
    ("peers", "[paper_syn1]", "peers must be of datasets (syn2, syn4), however: 'paper_syn1'"),
    ("peers", "syn2", "peers must be a list, however: 'syn2'"),
    ("tables", "[paper, paper]", "tables must have no entry twice, however: 'paper' is repeated"),
    ("tables", "[index]", "tables[0] must be one of paper, however: 'index'"),
    ("datasets", r'["a\nb"]', rf"datasets must name data sets ({KNOWN}), however: 'a\nb'"),
]
# The whole of the file -> a part of the line.
BAD_FILES: list[tuple[str | bytes, str]] = [
    ("", "must be a mapping of sections, however: null"),
    ("# nothing\n", "must be a mapping of sections, however: null"),
    ("60", "must be a mapping of sections, however: 60"),
    ("- a\n- b\n", "must be a mapping of sections, however: ['a', 'b']"),
    ("{}", "must have the section datasets, however: it is missing"),
    (TEXT[: TEXT.index("report:")], "must have the section report, however: it is missing"),
    (
        TEXT.replace("\n  epochs:", "\n  epoch:"),
        "train.epoch is not a known key, did you mean train.epoch",
    ),
    (TEXT.replace("\ntrain:", "\ntrian:"), "trian is not a known key, did you mean train?"),
    (TEXT.replace("    steps: ", "    step: "), "report.quantile.step is not a known key, did you"),
    (
        TEXT + "x: 1\n",
        "x is not a known key, the keys here are datasets, peers, seed_counts, tables",
    ),
    (TEXT + '"a b": 1\n', "'a b' is not a known key"),
    (TEXT + r'"a\nb": 1' + "\n", r"'a\nb' is not a known key"),
    (TEXT + "7: 1\n", "a key must be a string, however: 7"),
    (TEXT + "train: {}\n", "found duplicate key"),
    (TEXT.replace("\n  epochs: ", "\n  epochs: 6\n  epochs: ", 1), "found duplicate key"),
    (changed(train__epochs="0", train__threads="0"), "however: 0 (and 1 more)"),
    (changed(model__n_shared="0", model__n_independent="0"), "model must have n_independent + n_s"),
    (changed(train__seeds="[3]", explain__seed="4"), "one of train.seeds (3), however: 4"),
    ("a: [1, 2\n", "line 2: expected ',' or ']'"),
    ("a: b: c\n", "line 1: mapping values are not allowed"),
    ("a:\n\t- 1\n", "line 2: found character '\\t'"),
    ("? [a]\n: 1\n", "a key must be a string, however: ('a',)"),
    ("? [{a: 1}]\n: 1\n", "must be readable YAML, however: unhashable type: 'dict'"),
    ("--- 1\n--- 2\n", "line 2: but found another document"),
    ("a: &x 1\nb: *x\n", "line 2: must be plain YAML, however: alias"),
    ("a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]\n", "line 2: must be plain YAML, however: alias"),
    ("a: &a\n  <<: *a\n", "line 2: must be plain YAML, however: alias"),
    ("a: !!python/object/apply:os.system [ls]\n", "line 1: must be plain YAML, however: tag"),
    ("a: !!set {x, y}\n", "line 1: must be plain YAML, however: tag"),
    ("%YAML 1.1\n---\na: 1\n", "must be plain YAML, however: directive"),
    ("a: " + "[" * 50_000, "line 1: must be plain YAML, however: more than 20 levels"),
    ("a: " + "[" * 20 + "]" * 20, "must be plain YAML, however: more than 20 levels"),
    ("x: 1\n" * 400_000, "must have at most 65536 bytes"),
    (b"\xff\xfe\x00", "must be UTF-8, however: invalid start byte"),
    (b"a: \x00\n", "must be readable YAML"),
    (TEXT.encode("utf-16"), "must be UTF-8"),
]


@pytest.mark.parametrize(("key", "value", "line"), BAD_VALUES)
def test_a_bad_value_is_one_line(key: str, value: str, line: str, tmp_path: Path) -> None:
    assert refusal(written(tmp_path, changed(**{key: value}))).startswith(line)


@pytest.mark.parametrize(("content", "part"), BAD_FILES)
def test_a_bad_file_is_one_line(content: str | bytes, part: str, tmp_path: Path) -> None:
    assert part in refusal(written(tmp_path, content))


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == (
        "must be a readable file, however: No such file or directory"
    )
    assert refusal(tmp_path) == "must be a readable file, however: Is a directory"


@settings(max_examples=300, deadline=None)
@given(content=st.one_of(st.text(), st.text("ab:-[]{}&*!|>%@`'\"#?,~<= \n0.e+x"), st.binary()))
def test_any_content_is_accepted_or_one_line(
    content: str | bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    refusal(written(tmp_path_factory.getbasetemp(), data))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(section=st.sampled_from(list(Params.model_fields)), value=VALUES, data=st.data())
def test_any_value_is_accepted_or_one_line(
    section: str, value: object, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = YAML(typ="safe", pure=True).load(TEXT)
    keys = content[section]
    if isinstance(keys, dict) and data.draw(st.booleans()):
        keys[data.draw(st.sampled_from(list(keys)))] = value
    else:
        content[section] = value
    path = tmp_path_factory.getbasetemp() / "params.yaml"
    YAML(typ="safe", pure=True).dump(content, path)
    if not accepted(path):
        refusal(path)


def test_the_defaults_are_those_of_the_file() -> None:
    assert load(FILE).model_copy(update={"overrides": {}}) == Params()


def test_the_file_has_every_key_and_comments_on_each() -> None:
    def check(model: type[BaseModel], data: Mapping[str, Any]) -> None:
        assert list(data) == list(model.model_fields)
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                check(field.annotation, data[name])

    check(Params, YAML(typ="safe", pure=True).load(TEXT))
    overrides = load(FILE).overrides
    assert list(overrides) == list(DATASETS)
    assert all(override.model_fields_set == set(SECTIONS) for override in overrides.values())
    # Of the overrides, each data set has a comment.
    lines = TEXT.splitlines()
    for dataset in overrides:
        assert lines[lines.index(f"  {dataset}:", lines.index("overrides:")) - 1].startswith("  # ")
    lines = TEXT[: TEXT.index("overrides:")].splitlines()
    leaves = [at for at, line in enumerate(lines) if re.match(r"^ *\w+: \S", line)]
    assert len(leaves) >= 28
    for at in [*leaves, lines.index("datasets:"), lines.index("  seeds:")]:
        assert lines[at - 1].strip().startswith("# "), lines[at]


def test_the_file_is_block_style() -> None:
    """DVC rewrites flow lists as block lists, which would change more than a person asked for."""
    # What is empty has no other style.
    assert not re.search(r"^[^#\n]*[\[{](?![\]}]$)", TEXT, re.MULTILINE)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("train__learning_rate", "1e-3", 0.001),
        ("train__learning_rate", "1", 1.0),
        ("evaluate__threshold", "1e-6", 1e-6),
        ("evaluate__threshold", "0", 0.0),
        ("train__seeds", "[1, 2, 3]", (1, 2, 3)),
        ("train__seeds", "[4294967295, 0]", (4294967295, 0)),
        ("train__epochs", "0x10", 16),
        ("explain__split", "train", "train"),
        ("trust__resamples", "0", 0),
        ("trust__noise", "0", 0.0),
        ("explain__seed", "7", 7),
        ("datasets", "[syn4]", ("syn4",)),
        ("peers", "[]", ()),
        ("peers", "[syn4, syn2]", ("syn4", "syn2")),
        ("tables", "[paper]", ("paper",)),
        ("report__quantile__steps", "1", 1.0),
        ("report__sort_by", "{}", {}),
        ("report__sort_by", "{syn4: agreement}", {"syn4": "agreement"}),
        ("overrides__syn2__train", "{epochs: 3}", {"epochs": 3}),
    ],
)
def test_a_good_value_is_taken(key: str, text: str, value: object, tmp_path: Path) -> None:
    content = changed(**{key: text})
    found: Any = load(written(tmp_path, content))
    for name in key.split("__"):
        found = found[name] if isinstance(found, Mapping) else getattr(found, name)
    assert found == value
    assert type(found) is type(value)


def test_a_number_is_what_dvc_reads(tmp_path: Path) -> None:
    load_yaml = import_module("dvc.utils.serialize").load_yaml
    numbers = ["1e-6", "1E3", "1.e-2", "0o17", "017", "1_000", "+.5", "5.", "12:30:45", ".5e-3"]
    for text in numbers:
        path = written(tmp_path, changed(evaluate__threshold=text))
        read = load_yaml(str(path))["evaluate"]["threshold"]
        if isinstance(read, (int, float)) and 0 <= read < 1:
            assert load(path).evaluate.threshold == read
        else:
            assert refusal(path).endswith(f"however: {read!r}")


def test_a_key_that_is_left_out_has_its_default(tmp_path: Path) -> None:
    path = written(tmp_path, re.sub(r"^  epochs: \d+\n", "", TEXT, flags=re.MULTILINE))
    assert load(path).train.epochs == Train().epochs


def test_sections_serve_without_a_file() -> None:
    assert Model(n_d=16).n_a == Model().n_a
    assert Train(seeds=(3,)).seeds == (3,)
    assert Report(quantile=Quantile(steps=1.0)).quantile.aggregate == Quantile().aggregate
    for section, values, line in (
        (Train, {"epochs": 0}, "epochs must be at least 1, however: 0"),
        (Train, {"buffer_rows": 9}, "buffer_rows must be at least batch_size (1000), however: 9"),
        (Model, {"n_d": 0, "n_a": 0}, "n_d must be at least 1, however: 0 (and 1 more)"),
        (Params, {"train": {"epochs": 0}}, "train.epochs must be at least 1, however: 0"),
    ):
        with pytest.raises(InputError) as error:
            section(**values)
        assert str(error.value) == line
    with pytest.raises(ValidationError):
        Explain.model_validate({"seed": "first"})


SECTIONS: dict[str, type[Section]] = {"generate": Generate, "model": Model, "train": Train}


@settings(max_examples=50, deadline=None)
@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "generate": st.fixed_dictionaries({}, optional={"test_rows": st.integers(1, 9)}),
            "model": st.fixed_dictionaries({}, optional={"gamma": st.floats(1, 2)}),
            "train": st.fixed_dictionaries(
                {}, optional={"epochs": st.integers(1, 9), "seeds": st.just([7])}
            ),
        },
    )
)
def test_an_override_changes_its_keys_of_its_data_set_alone(
    changes: dict[str, dict[str, Any]],
) -> None:
    params = Params(overrides={"syn2": Override.model_validate(changes)})
    own = params.of("syn2")
    for name, section in SECTIONS.items():
        expected = section.model_validate(changes.get(name, {}))
        assert getattr(own, name) == expected
        assert getattr(params.of("syn4"), name) == getattr(params, name) == section()
    assert own.of("syn2") == own
    assert own.overrides == {}


def test_a_data_set_that_is_not_run_stands_in_the_way_of_none(tmp_path: Path) -> None:
    """Its batches are larger than the buffer that is enough for the others."""
    small = {"train__batch_size": "100", "train__buffer_rows": "100", "datasets": "[syn2]"}
    larger = {"overrides__syn4__train": "{batch_size: 200}"}
    assert load(written(tmp_path, changed(**small, **larger))).train.buffer_rows == 100
    line = "overrides.syn4.train.buffer_rows must be at least batch_size (200), however: 100"
    both = changed(**{**small, "datasets": "[syn2, syn4]"}, **larger)
    assert refusal(written(tmp_path, both)) == line
    small_buffer = changed(**small, overrides__syn4__train="{buffer_rows: 500}")
    assert load(written(tmp_path, small_buffer)).datasets == ("syn2",)
    wrong = changed(**small, overrides__syn4__train="{epochs: 0}")
    assert "syn4.train.epochs must be at least 1" in refusal(written(tmp_path, wrong))


def test_the_shown_seed_is_one_of_each_data_set_that_runs(tmp_path: Path) -> None:
    other = {"overrides__syn4__train": "{seeds: [5, 6]}"}
    line = "explain.seed must be auto or one of overrides.syn4.train.seeds (5, 6), however: 3"
    assert refusal(written(tmp_path, changed(explain__seed="3", **other))) == line
    alone = changed(explain__seed="3", datasets="[syn2]", **other)
    assert load(written(tmp_path, alone)).explain.seed == 3
    assert load(written(tmp_path, changed(explain__seed="5", **other))).explain.seed == 5
    own = {"overrides__syn2__train": "{seeds: [99]}", "datasets": "[syn2]"}
    assert load(written(tmp_path, changed(explain__seed="99", **own))).of("syn2").train.seeds == (
        99,
    )


def test_sections_are_frozen() -> None:
    params = Params()
    with pytest.raises(ValidationError, match="frozen"):
        params.train.epochs = 3  # type: ignore[misc, unused-ignore]
    assert params.train.epochs == Train().epochs


def test_choices_are_complete() -> None:
    assert get_args(Train.model_fields["schedule"].annotation) == (
        "one_cycle",
        "cosine",
        "staircase",
        "constant",
    )
    assert math.isclose(Params().evaluate.threshold, 1e-6)
