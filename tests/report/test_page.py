"""The page as text: the same bytes each time, nothing from outside, names escaped, any input."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabnet import scores, tables
from tabnet.report import __main__ as command
from tabnet.report import (
    contents,
    explanation,
    figures,
    groups,
    images,
    numbers,
    page,
    report,
    store,
)
from tests.report.example import FEATURES, write

HOSTILE = (
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "\"'`",
    "a.b[c]",
    "x:y",
    "back\\slash\\",
    "right\u202eto left\u202c",
    "😀 emoji",
    "n" * 200,
    "",
    "<!--",
    "{{ 7 * 7 }} {% raw %} </style>",
    "=1+1,\r\nline",
    "__proto__",
    "label",
    "var(--accent)",
    "#3b6fd4",
)


def render(root: Path, *, dataset: str = "syn4", sort_by: str = "row") -> str:
    """The report of an example, as the stage draws it."""
    return report.html(drawn(root, dataset=dataset, sort_by=sort_by))


def drawn(root: Path, *, dataset: str = "syn4", sort_by: str = "row") -> report.Report:
    data = root / "data" / dataset
    opened = explanation.open_folder(
        data / "explanation",
        name=dataset,
        values=data / "test.parquet",
        relevance=data / "relevance.parquet",
    )
    return report.collect(
        opened,
        numbers.read(root / "reports" / dataset, features=opened.features),
        sort_by=sort_by,
        quantile={"aggregate": 0.995, "steps": 0.995},
    )


class Page(HTMLParser):
    """The elements of a page, and the text outside of scripts and styles, all spaces alike."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text += data.replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(write(tmp_path_factory.mktemp("example")), sort_by="V10")


def test_a_page_needs_nothing_from_outside(html: str) -> None:
    for tag, attributes in Page(html).elements:
        for name in ("src", "href", "action", "srcset", "data"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)[0]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_one_script_and_no_connection(html: str) -> None:
    metas = [a for tag, a in Page(html).elements if tag == "meta" and "http-equiv" in a]
    policy = str(metas[0]["content"])
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy
    scripts = policy.partition("script-src ")[2].partition(";")[0]
    assert re.fullmatch(r"'sha256-[\w+/]+=' 'unsafe-eval'", scripts)


def test_a_part_of_the_script_imports_only_from_earlier_ones() -> None:
    names: set[str] = set()
    for place, part in enumerate(page.SCRIPTS):
        code = page.asset(part)
        for source in re.findall(r'from "\./(.+)";', code):
            assert source in page.SCRIPTS[:place], f"{part} imports {source}"
        own = set(re.findall(r"^(?:export )?(?:async )?(?:function|const|let) (\w+)", code, re.M))
        assert not own & names, f"{part} says again what {own & names} is"
        names |= own
    assert not re.search(r"^(import|export) ", page.script(), re.M)


def test_sentences_name_the_groups_and_the_leading_features(html: str) -> None:
    text = Page(html).text
    for phrase in (
        "V10 ≤ 0",
        "V10 > 0",
        "exactly the truly relevant ones",
        "500 test observations",
    ):
        assert phrase in text


def test_no_line_begins_with_the_sign_of_a_percentage(html: str) -> None:
    for tag in ("p", "th[^>]*", "td[^>]*"):
        texts = re.findall(rf"<{tag}>(.*?)</", html)
        assert any("\N{NO-BREAK SPACE}%" in text for text in texts)
        assert not any(re.search(r"\d %", text) for text in texts)


def test_sentences_of_the_scores_say_them(html: str) -> None:
    text = Page(html).text
    assert "the consensus has 97 % of its mass on truly relevant features, single seeds" in text
    assert "has an AUC of 0.998, single seeds have 0.968 on average." in text


def with_limits(root: Path, limits: dict[str, float | None] | None) -> str:
    """The text of the example's report with other Bayes limits, or none."""
    path = root / "reports/syn4/metrics.json"
    metrics = json.loads(path.read_text())["syn4"]
    metrics.pop("bayes", None)
    path.write_text(json.dumps({"syn4": metrics | ({"bayes": limits} if limits else {})}))
    return Page(render(root, sort_by="V10")).text


def test_the_bayes_limit_is_shown_where_it_is_known(tmp_path: Path) -> None:
    """The example's consensus has an AUC of 0.998, an accuracy of 0.975 and a log loss of 0.07."""
    root = write(tmp_path)
    noisy = with_limits(root, {"auc": 0.999, "accuracy": 0.98, "log_loss": 0.05, "brier": None})
    for phrase in (
        "AUC, Bayes limit 0.999",
        "the true probabilities have an AUC of 0.999",
        "0.9990 (−0.001)",
        "0.0500 (+0.020)",
    ):
        assert phrase in noisy
    certain = with_limits(root, {"auc": 1.0, "accuracy": 1.0, "log_loss": 0.0, "brier": 0.0})
    assert "Bayes limit 1" not in certain
    assert "an AUC of 1 is possible" in certain
    assert "1.0000 (−0.002)" in certain
    unknown = with_limits(root, None)
    assert "limit" not in unknown


def test_every_chart_is_valid_vega_lite(tmp_path: Path) -> None:
    one = drawn(write(tmp_path, rows=40), sort_by="V10")
    below = figures.below(
        one.explanation,
        one.numbers,
        importance=one.importance,
        grouped=groups.groups(one.explanation, sort_by="V10"),
        held=one.store,
    )
    every = [figures.heat(one.explanation, one.names), figures.strip(one.names, "V10"), *below]
    judged = report.judged_section(one.numbers)
    assert judged is not None
    every += judged.figures
    assert len(every) == 13
    for figure in every:
        assert figure.chart.to_dict(validate=True)["$schema"].endswith(".json")


def test_masks_that_do_not_compress_leave_less_in_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, rows=800)
    whole = drawn(root)
    monkeypatch.setattr(report, "ARRAYS", len(whole.arrays) // 3)
    part = drawn(root)
    assert len(part.arrays) <= len(whole.arrays) // 3
    assert whole.store.bins is None
    assert part.store.bins is not None
    assert len(part.store.row) < 800
    assert "800 observations lie in" in Page(report.html(part)).text


@pytest.mark.slow
def test_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    root = write(tmp_path, rows=60)
    folder = root / "data/syn4/explanation"
    written = []
    for seed in ("0", "1", "random"):
        out = tmp_path / f"{seed}.html"
        masks = tmp_path / f"{seed}.svg"
        options = ["--out", str(out), "--masks", str(masks)]
        subprocess.run(
            [sys.executable, "-m", "tabnet.report", str(folder), *options],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.DEVNULL,
        )
        written.append((out.read_bytes(), masks.read_bytes()))
    assert written[0] == written[1] == written[2]


def test_names_are_shown_and_never_markup(tmp_path: Path) -> None:
    html = render(
        write(tmp_path, dataset="<i>&name", rows=40, features=HOSTILE), dataset="<i>&name"
    )
    shown = Page(html)
    names = {tag for tag, _ in shown.elements}
    assert names.isdisjoint({"img", "i&name"})
    assert [tag for tag, _ in shown.elements].count("script") == 5
    for name in HOSTILE:
        assert name.replace("\r\n", "\n") in shown.text.replace("\r\n", "\n")
    assert "<i>&name" in shown.text


def test_any_name_can_be_in_a_picture(tmp_path: Path) -> None:
    names = ("a\nb", "a\x01b\x1f", "\u2028", "\ufffe", *HOSTILE)
    root = write(tmp_path, dataset="a\x02\nb", rows=40, features=names)
    picture = images.svg(report.picture(drawn(root, dataset="a\x02\nb", sort_by=names[0])))
    texts = "".join(ElementTree.fromstring(picture.result()).itertext())
    assert "a\ufffdb\ufffd" in texts
    assert images.png(picture).result().startswith(b"\x89PNG")


def test_what_diverged_is_named(tmp_path: Path) -> None:
    root = write(tmp_path, rows=40)
    path = root / "reports/syn4/metrics.json"
    metrics = json.loads(path.read_text())["syn4"]
    assert "diverged" not in Page(render(root)).text
    path.write_text(json.dumps({"syn4": {**metrics, "diverged": {"seed_8": 3}}}))
    text = "Training left out what diverged: seed 8 (in epoch 3)."
    assert text in Page(render(root)).text


def test_importance_knows_the_truth_with_or_without_its_file(tmp_path: Path) -> None:
    root = write(tmp_path, rows=40)
    there = drawn(root).importance
    (root / "reports/syn4/importance.csv").unlink()
    columns = ["relevant", "consensus"]
    np.testing.assert_allclose(drawn(root).importance[columns], there[columns], atol=1e-6)
    assert there["relevant"].gt(0).any()


def test_importance_is_a_distribution_also_where_rows_are_empty(tmp_path: Path) -> None:
    root = write(tmp_path, rows=40)
    (root / "reports/syn4/importance.csv").unlink()
    path = root / "data/syn4/explanation/consensus.parquet"
    mask = pd.read_parquet(path)
    mask.iloc[10:] = 0.0
    tables.write(path, pa.Table.from_pandas(mask, preserve_index=False))
    expected = scores.importance(mask.to_numpy())
    np.testing.assert_allclose(drawn(root).importance["consensus"], expected, atol=1e-6)


CASES: dict[str, Any] = {
    "no rows": {"rows": 0},
    "one row": {"rows": 1},
    "one feature": {"features": ("only",)},
    "200 features": {"features": tuple(f"f{j}" for j in range(200)), "rows": 30},
    "one step": {"steps": 1},
    "ten steps": {"steps": 10},
    "one seed": {"seeds": (5,)},
}


def example(root: Path, case: str) -> Path:
    """A degenerate example by its name."""
    if case in CASES:
        return write(root, **{"rows": 40, **CASES[case]})
    write(root, rows=40)
    data = root / "data/syn4"
    if case == "constant column":
        replace(data / "test.parquet", {"V03": [1.0] * 40})
    elif case == "missing values":
        replace(data / "test.parquet", {name: [None, *[0.5] * 39] for name in FEATURES})
    elif case == "unknown labels":
        path = data / "explanation/predictions.parquet"
        table = pq.read_table(path)
        column = pa.array([None] * 40, pa.string())
        tables.write(path, table.set_column(0, "label", column))
    elif case == "all-zero masks":
        for path in sorted((data / "explanation").glob("*.parquet")):
            if path.stem != "predictions":
                replace(path, {name: [0.0] * 40 for name in FEATURES})
        (root / "reports/syn4/importance.csv").unlink()
    elif case == "masks alone":
        (data / "explanation/predictions.parquet").unlink()
        for path in (root / "reports/syn4").iterdir():
            path.unlink()
    elif case == "one nameless seed":
        for path in (data / "explanation").glob("aggregate_seed_*"):
            path.unlink()
        (root / "reports/syn4/importance.csv").unlink()
    elif case == "infinite values":
        replace(data / "test.parquet", {"V01": [np.inf, -np.inf, *[1e30] * 38]})
    else:
        raise ValueError(case)
    return root


def replace(path: Path, columns: dict[str, list[float | None]]) -> None:
    """Writes other values into columns of a Parquet file."""
    table = pq.read_table(path)
    for name, values in columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, pa.array(values, pa.float32()))
    tables.write(path, table)


DEGENERATE = [
    *CASES,
    "constant column",
    "missing values",
    "unknown labels",
    "all-zero masks",
    "masks alone",
    "one nameless seed",
    "infinite values",
]


@pytest.mark.slow
@pytest.mark.parametrize("case", DEGENERATE)
def test_any_input_has_a_report_and_a_picture(tmp_path: Path, case: str) -> None:
    one = drawn(example(tmp_path, case))
    text = Page(report.html(one)).text
    assert f"{one.explanation.rows:,} test observation" in text
    assert "nan" not in text.lower().split()
    assert "<svg" in images.svg(report.picture(one)).result()


def test_the_command_draws_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path, rows=30)
    data, out, masks = root / "data/syn4", tmp_path / "r.html", tmp_path / "m.png"
    options = ["--values", data / "test.parquet", "--relevance", data / "relevance.parquet"]
    options += ["--numbers", root / "reports/syn4", "--sort-by", "V10", "--name", "mine"]
    options += ["--out", out, "--masks", masks]
    command.main([str(option) for option in (data / "explanation", *options)])
    assert capsys.readouterr().out.split() == [str(out), str(masks)]
    assert "TabNet masks · mine" in Page(out.read_text("utf-8")).text
    assert masks.read_bytes().startswith(b"\x89PNG")


def test_what_is_no_text_in_a_name_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    odd = os.fsdecode(b"a\xff")
    folder, out = write(tmp_path, rows=5) / "data/syn4/explanation", tmp_path / odd
    command.main([str(folder), "--name", odd, "--out", str(out)])
    assert capfdbinary.readouterr().out == f"{tmp_path}/a?\n".encode()
    assert "TabNet masks · a?" in Page(out.read_text("utf-8")).text
    monkeypatch.chdir(tmp_path)
    folder.rename(tmp_path / os.fsdecode(b"b\xff"))
    with pytest.raises(SystemExit) as stopped:
        command.main([os.fsdecode(b"b\xff")])
    assert str(stopped.value).endswith("must have a name in UTF-8, however: other bytes")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere"], "nowhere/consensus.parquet: must be a Parquet file, however: it is missing"),
        (["FOLDER", "--sort-by", "V99"], "sort_by must be one of row, label, prediction"),
        (["FOLDER", "--quantile", "0"], "--quantile must be above 0 and at most 1, however: 0.0"),
        (["FOLDER", "--masks", "x.gif"], "--masks must be a .png or .svg file, however: x.gif"),
        (["FOLDER", "--out", "."], "--out must be a file, however: . is a folder"),
        (["params.yaml"], "the masks must be in a folder, however: params.yaml is a file"),
        (["FOLDER", "--numbers", "none"], "--numbers must be a folder, however: none"),
        (["FOLDER", "--values", "params.yaml"], "params.yaml: must be a whole Parquet file"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    folder = write(tmp_path, rows=5) / "data/syn4/explanation"
    (tmp_path / "params.yaml").write_text("no: table")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        command.main([str(folder) if option == "FOLDER" else option for option in options])
    assert str(stopped.value).startswith(message)
    assert "\n" not in str(stopped.value)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--out", "data/syn4/explanation/consensus.parquet"),
        ("--out", "data/syn4/test.parquet"),
        ("--masks", "link.svg"),
        ("--out", "reports/syn4/metrics.json"),
    ],
)
def test_what_is_read_is_not_written_over(tmp_path: Path, option: str, name: str) -> None:
    root = write(tmp_path, rows=8)
    (root / "link.svg").symlink_to(root / "data/syn4/relevance.parquet")
    data, before = root / "data/syn4", (root / name).read_bytes()
    options = ["--values", data / "test.parquet", "--relevance", data / "relevance.parquet"]
    options += ["--numbers", root / "reports/syn4", option, root / name]
    with pytest.raises(SystemExit, match=f"^{option} must be no file that is read, however: /"):
        command.main([str(one) for one in (data / "explanation", *options)])
    assert (root / name).read_bytes() == before


def test_the_picture_does_not_take_the_place_of_the_page(tmp_path: Path) -> None:
    folder = write(tmp_path, rows=8) / "data/syn4/explanation"
    options = [str(folder), "--out", str(tmp_path / "a.svg"), "--masks", f"{tmp_path}/./a.svg"]
    with pytest.raises(SystemExit, match=r"^--masks must be another file than --out, however: "):
        command.main(options)


def test_rows_without_a_consensus_are_counted(tmp_path: Path) -> None:
    root = write(tmp_path, rows=8)
    path = root / "data/syn4/explanation/consensus.parquet"
    assert "their consensus is empty" not in render(root)
    mask = pq.read_table(path).to_pandas()
    mask.iloc[[2, 5]] = 0
    pq.write_table(pa.Table.from_pandas(mask, preserve_index=False), path)
    assert "On 2 of 8 observations no feature has half of the seeds" in Page(render(root)).text


def test_a_missing_truth_is_no_irrelevant_cell(tmp_path: Path) -> None:
    root = write(tmp_path, rows=8)
    table = pq.read_table(root / "data/syn4/relevance.parquet")
    unknown = pa.array([None, *table["V02"].to_pylist()[1:]], table["V02"].type)
    place = table.column_names.index("V02")
    pq.write_table(table.set_column(place, "V02", unknown), tmp_path / "t.parquet")
    folder = root / "data/syn4/explanation"
    with pytest.raises(SystemExit, match="'V02' must hold truths, however: nothing in a row"):
        command.main([str(folder), "--relevance", str(tmp_path / "t.parquet")])


def test_the_order_of_the_file_is_that_whatever_features_are_called(tmp_path: Path) -> None:
    names = {"V01": "row", "V02": "label", "V03": "agreement"}
    root = write(tmp_path, rows=30)
    for path in root.glob("data/syn4/**/*.parquet"):
        table = pq.read_table(path)
        new = [names.get(name, name) for name in table.column_names]
        if path.stem != "predictions":
            pq.write_table(table.rename_columns(new), path)
    folder, values = root / "data/syn4/explanation", root / "data/syn4/test.parquet"
    made = explanation.open_folder(folder, name="syn4", values=values)
    assert made.predictions is not None
    np.testing.assert_array_equal(made.key("row"), np.arange(30))
    np.testing.assert_array_equal(made.key("label"), made.predictions.label)
    column = pq.read_table(values)["V04"].to_numpy()
    np.testing.assert_array_equal(made.key("V04"), column.astype(np.float64))
    known = report.collect(
        made, numbers.Numbers(), sort_by="row", quantile={"aggregate": 1, "steps": 1}
    )
    facts = contents.facts(made, known.store, sort_by="row", quantile={})
    assert facts["sort_by"] == "row"


@pytest.mark.parametrize("kind", [pa.float64(), pa.int64()])
def test_rows_are_ordered_by_all_digits_of_a_feature(tmp_path: Path, kind: pa.DataType) -> None:
    seconds = [1_700_000_000 + second for second in (2, 0, 3, 1)]
    for name in ("consensus", "aggregate"):
        pq.write_table(pa.table({"time": [1.0] * 4}), tmp_path / f"{name}.parquet")
    for values, order in ((seconds, [1, 3, 0, 2]), ([None, *seconds[1:]], [1, 3, 2, 0])):
        pq.write_table(pa.table({"time": pa.array(values, kind)}), tmp_path / "values.parquet")
        made = explanation.open_folder(tmp_path, name="one", values=tmp_path / "values.parquet")
        held = store.collect(made, sort_by="time", features=(0,))
        assert held.row.tolist() == order


def test_places_in_the_file_are_no_values_of_a_feature_called_row(tmp_path: Path) -> None:
    half = np.arange(10) < 5
    masks = {"row": half.astype(np.float32), "other": (~half).astype(np.float32)}
    for name in ("consensus", "aggregate", "values"):
        pq.write_table(pa.table(masks), tmp_path / f"{name}.parquet")
    truth = {"split": ["test"] * 10, "row": half, "other": ~half}
    pq.write_table(pa.table(truth), tmp_path / "truth.parquet")
    made = explanation.open_folder(
        tmp_path,
        name="one",
        values=tmp_path / "values.parquet",
        relevance=tmp_path / "truth.parquet",
    )
    labels = {group.label for group in groups.groups(made, sort_by="row")}
    assert labels == {"pattern 1", "pattern 2"}
    assert {g.label for g in groups.groups(made, sort_by="other")} == {"other ≤ 0", "other > 0"}


def test_more_bins_than_16_bits_number_are_not_asked_for(tmp_path: Path) -> None:
    rows = 2**16 + 5000
    mask = pa.table({"a": np.linspace(0, 1, rows, dtype=np.float32)})
    for name in ("consensus", "aggregate"):
        pq.write_table(mask, tmp_path / f"{name}.parquet")
    held = store.collect(
        explanation.open_folder(tmp_path, name="one"), sort_by="row", features=(0,)
    )
    assert held.bins is not None
    assert (np.diff(held.bins.peak["consensus"][:, 0]) > 0).all()


def test_without_the_truth_a_page_says_so_beside_scores_and_alone(tmp_path: Path) -> None:
    root = write(tmp_path, rows=8)
    options = [str(root / "data/syn4/explanation"), "--out", str(tmp_path / "r.html")]
    for more, said in (
        ([], "masks are shown without a judgement"),
        (["--numbers", str(root / "reports/syn4")], "the heatmap marks none"),
    ):
        command.main([*options, *more])
        text = Page((tmp_path / "r.html").read_text("utf-8")).text
        assert said in text
        assert ("mask mass on relevant" in text) == bool(more)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_masks_as_pandas_saves_them_are_drawn(tmp_path: Path, kind: pa.DataType) -> None:
    """Words of its kinds, and rows that were chosen, whose index it saves as a column."""
    root = write(tmp_path, rows=8)
    plain = render(root)
    folder = root / "data/syn4/explanation"
    for path in folder.glob("*.parquet"):
        table = pq.read_table(path)
        chosen = pa.Table.from_pandas(
            table.to_pandas().set_index(pd.Index([3, 1, 4, 5, 9, 2, 6, 8]))
        )
        assert chosen.column_names[-1] == "__index_level_0__"
        if "label" in chosen.column_names:
            words = chosen["label"].cast(pa.string()).cast(kind)
            chosen = chosen.set_column(chosen.column_names.index("label"), "label", words)
        metadata = {**(table.schema.metadata or {}), **chosen.schema.metadata}
        pq.write_table(chosen.replace_schema_metadata(metadata), path)
    assert render(root) == plain


def foreign(root: Path, case: str) -> None:
    """Puts a file into an example that does not belong to it."""
    folder, reports = root / "data/syn4/explanation", root / "reports/syn4"
    name, _, content = case.partition(" ")
    path = next(p / name for p in (folder, reports, root / "data/syn4") if (p / name).exists())
    if path.suffix != ".parquet":
        path.write_text(content, "utf-8")
    elif content == "short":
        tables.write(path, pq.read_table(path).slice(1))
    elif content == "renamed":
        path.rename(path.with_stem("aggregate_seed_x"))
    elif content == "gap":
        path.rename(path.with_stem("step_9"))
    else:
        table = pq.read_table(path)
        kinds = {"text": "a word", "two": 2.0, "below": -0.5, "endless": np.inf, "nan": np.nan}
        kind = content.partition("=")[2]
        values = pa.array([kinds.get(kind, n) for n in range(len(table))])
        place = table.schema.get_field_index(content.partition("=")[0])
        table = table.set_column(place, table.schema.field(place).name, values)
        tables.write(path, table)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("metrics.json {}", "what the stage evaluate writes, however: not one data set, but none"),
        ("metrics.json []", "metrics.json: must have what the stage evaluate writes, however: Inp"),
        (
            f"metrics.json {json.dumps({k: {'consensus': {}, 'seeds': {}} for k in 'ab'})}",
            "must have what the stage evaluate writes, however: not one data set, but 'a', 'b'",
        ),
        (
            'metrics.json {"a": 1}',
            "must have what the stage evaluate writes, however: a: Input sho",
        ),
        (
            'metrics.json {"a": {"consensus": {}, "seeds": {}, "bayes": {"auc": "x"}}}',
            "metrics.json: must have what the stage evaluate writes, however: a: bayes: auc: Input",
        ),
        ('metrics.json {"a": {"consensus": {"auc": 1}, "seeds": {}}}', "metrics.json: must have"),
        ("metrics.json {", "metrics.json: must be JSON, however: Expecting"),
        ("history.csv a,b\n1,2\n", "history.csv: must have a column 'epoch', however: it has a, b"),
        ("history.csv", "history.csv: must be a table (CSV), however: No columns"),
        ("history.csv epoch,seed,loss\n1,1,x\n", "history.csv: must be a table of numbers"),
        (
            "trust.json []",
            "trust.json: must have what the stage trust writes, however: Input should",
        ),
        ("trust.json {", "trust.json: must be JSON, however: Expecting"),
        ('trust.json {"a": {"rows": "5"}}', "trust.json: must have what the stage trust writes"),
        ("faithfulness.csv", "faithfulness.csv: must be a table (CSV), however: No columns"),
        ("faithfulness.csv side,order\nkeep,random\n", "must have a column 'k', however: it has"),
        (
            "faithfulness.csv side,order,k,auc,log_loss,drop\nkeep,random,1,0.5,1,0\n",
            "faithfulness.csv: must have the same k for each of consensus, seeds, fixed, random",
        ),
        ("importance.csv a\n1\n", "importance.csv: must have a column 'feature'"),
        ("importance.csv feature,relevant,consensus\na,1,1\n", "must have the features 'V01', 'V"),
        ("importance.csv feature,relevant,consensus\nV01,1,x\n", "must be a table of numbers"),
        ("consensus.parquet V01=text", "consensus.parquet: column 'V01' must hold numbers"),
        ("step_2.parquet short", "step_2.parquet: must have 6 rows, however: 5"),
        ("step_2.parquet gap", "step_2.parquet: must be a Parquet file, however: it is missing"),
        ("aggregate_seed_2.parquet short", "aggregate_seed_2.parquet: must have 6 rows"),
        ("aggregate_seed_2.parquet renamed", "aggregate_seed_x.parquet: its seed must be"),
        ("predictions.parquet short", "predictions.parquet: must have 6 rows, however: 5"),
        ("predictions.parquet agreement=text", "predictions.parquet: column 'agreement' must"),
        ("predictions.parquet label=text", "label must be yes or no, however: 'a word'"),
        ("predictions.parquet agreement=two", "agreement must be from 0 to 1, however: 2"),
        ("predictions.parquet probability=below", "probability must be from 0 to 1, however: -0.5"),
        (
            "predictions.parquet probability=endless",
            "probability must be from 0 to 1, however: inf",
        ),
        ("predictions.parquet agreement=endless", "agreement must be from 0 to 1, however: inf"),
        (
            "predictions.parquet probability_seed_2=two",
            "predictions.parquet: a seed's probability must be from 0 to 1, however: 2",
        ),
        ("predictions.parquet probability_seed_1=nan", "must be from 0 to 1, however: nan"),
        ("consensus.parquet V01=two", "a row's attention must be from 0 to 1, however: 2"),
        ("step_2.parquet V01=below", "a row's attention must be from 0 to 1, however: -0.5"),
        ("predictions.parquet label=number", "column 'label' must hold words, however: int64"),
        ("test.parquet V03=text", "test.parquet: column 'V03' must hold numbers, however: string"),
        ("relevance.parquet short", "relevance.parquet: must have 6 rows of split 'test'"),
        ("relevance.parquet split=number", "column 'split' must hold words, however: int64"),
    ],
)
def test_a_foreign_file_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, message: str
) -> None:
    root = write(tmp_path, rows=6)
    foreign(root, case)
    monkeypatch.chdir(tmp_path)
    data = root / "data/syn4"
    options = [data / "explanation", "--numbers", root / "reports/syn4"]
    options += ["--values", data / "test.parquet", "--relevance", data / "relevance.parquet"]
    with pytest.raises(SystemExit) as stopped:
        command.main([str(option) for option in options])
    assert message in str(stopped.value)
    assert str(root) in str(stopped.value)
    assert "\n" not in str(stopped.value)
    assert not (tmp_path / "report.html").exists()
