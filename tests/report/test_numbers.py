"""Laws of what a report is computed from: orders, bins, packed arrays, groups, tables, texts."""

import gzip
import json
import re
import struct
from base64 import b64decode
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from tabnet.params import Params
from tabnet.report import (
    agreement,
    charts,
    contents,
    groups,
    images,
    index,
    page,
    payload,
    pooling,
    predictions,
    report,
    scoreboard,
    sentences,
    store,
    words,
)
from tabnet.report.explanation import Explanation, open_folder
from tests.report.example import write

Floats = npt.NDArray[np.float64]
KEYS = arrays(np.float64, st.integers(0, 30), elements=st.sampled_from([-1.0, 0.0, 2.5, np.nan]))
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 4))
MASKS = arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32))


def opened(root: Path, dataset: str = "syn4") -> Explanation:
    data = root / "data" / dataset
    return open_folder(
        data / "explanation",
        name=dataset,
        values=data / "test.parquet",
        relevance=data / "relevance.parquet",
    )


@given(KEYS)
def test_an_order_is_a_stable_sort_with_missing_values_last(key: Floats) -> None:
    expected = sorted(range(len(key)), key=lambda i: (np.isnan(key[i]), np.nan_to_num(key[i]), i))
    assert pooling.order(key).tolist() == expected


@given(MASKS, st.data())
def test_a_pool_in_batches_is_the_pool_of_the_ordered_rows(
    mask: Floats, data: st.DataObject
) -> None:
    rows, width = mask.shape
    bins = data.draw(st.integers(1, rows))
    order = np.array(data.draw(st.permutations(range(rows))))
    pool = pooling.Pool(pooling.bin_of_row(order, bins), bins=bins, width=width)
    size = data.draw(st.integers(1, rows))
    pooling.scan((mask[i : i + size] for i in range(0, rows, size)), pool)
    parts = [mask[order][a:b] for a, b in pairwise(pooling.edges(rows, bins))]
    # The sizes of numpy's bins, though the larger ones may lie elsewhere.
    assert sorted(map(len, parts)) == sorted(map(len, np.array_split(mask, bins)))
    np.testing.assert_allclose(pool.peak, [part.max(axis=0) for part in parts], rtol=1e-6)
    np.testing.assert_allclose(pool.mean, [part.mean(axis=0) for part in parts], atol=1e-6)
    np.testing.assert_allclose(pooling.pool(mask[order], bins=bins), pool.peak, rtol=1e-6)


@given(MASKS)
def test_levels_are_within_half_a_level_and_0_where_the_mask_is(mask: Floats) -> None:
    levels = payload.levels(mask, 1.0, top=4095)
    np.testing.assert_array_equal(levels == 0, mask == 0)
    more = levels > 1
    np.testing.assert_allclose(levels[more] / 4095, mask[more], atol=0.5 / 4095 + 1e-12)
    assert (mask[levels == 1] < 1.5 / 4095 + 1e-12).all()


def test_packed_arrays_can_be_read_back() -> None:
    numbers: dict[str, npt.NDArray[np.generic]] = {
        "a": np.arange(5, dtype=np.uint16),
        "b": np.array([1.5, -2.0], dtype=np.float32),
    }
    text, contents = payload.pack(numbers)
    data = gzip.decompress(b64decode(text))
    for name, array in numbers.items():
        part = contents[name]
        size = int(part["type"][1])
        planes = np.frombuffer(data, np.uint8, part["length"] * size, part["offset"])
        shuffled = planes.reshape(size, part["length"]).T
        read = np.frombuffer(shuffled.tobytes(), dtype=array.dtype)
        np.testing.assert_array_equal(read, array)
    assert struct.unpack("<I", b64decode(text)[4:8]) == (0,)  # gzip's time stamp


def test_all_rows_are_held_where_they_fit(tmp_path: Path) -> None:
    explanation = opened(write(tmp_path, rows=200))
    held = store.collect(explanation, sort_by="V10", features=tuple(range(10)))
    assert held.bins is None
    assert sorted(held.row) == list(range(200))
    assert (np.diff(held.key) >= 0).all()
    mask = np.concatenate(list(explanation.masks("consensus")))
    np.testing.assert_array_equal(held.masks["consensus"], mask[held.row])


def test_the_default_run_is_held_in_full() -> None:
    params = Params()
    panels = 1 + params.model.n_steps + len(params.train.seeds)  # the consensus, steps, seeds
    assert params.generate.test_rows * 10 * panels <= store.CELLS
    assert params.generate.test_rows <= store.ROWS


def binned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: dict[str, int], *, rows: int
) -> tuple[Explanation, store.Store]:
    """An example and what a page with room for so many cells holds of it."""
    for name, number in cells.items():
        monkeypatch.setattr(store, name, number)
    explanation = opened(write(tmp_path, rows=rows))
    return explanation, store.collect(explanation, sort_by="V10", features=tuple(range(10)))


def test_more_rows_are_held_as_bins_and_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = {"CELLS": 1000, "SAMPLE_CELLS": 2800, "BINNED_CELLS": 1000}
    explanation, held = binned(tmp_path, monkeypatch, cells, rows=3000)
    assert held.bins is not None
    assert held.predictions is not None
    assert explanation.predictions is not None
    lowest = np.argsort(explanation.predictions.agreement, kind="stable")[: store.LOWEST]
    assert set(lowest) <= set(held.row)
    order = np.argsort(explanation.key("V10"), kind="stable")
    mask = np.concatenate(list(explanation.masks("step_1")))[order]
    expected = np.array([mask[a:b].max(axis=0) for a, b in pairwise(held.bins.edges)])
    np.testing.assert_array_equal(held.bins.peak["step_1"], expected)
    np.testing.assert_array_equal(held.masks["step_1"], mask[held.position])


def test_tenths_are_means_over_rows_however_the_bins_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 bins, of 1 or 2 rows."""
    cells = {"CELLS": 100, "SAMPLE_CELLS": 2800, "BINNED_CELLS": 1500}
    explanation, held = binned(tmp_path, monkeypatch, cells, rows=47)
    assert held.bins is not None
    assert set(np.diff(held.bins.edges)) == {1, 2}
    order = np.argsort(explanation.key("V10"), kind="stable")
    mask = np.concatenate(list(explanation.masks("consensus")))[order]
    bins = len(held.bins.edges) - 1
    starts = held.bins.edges[pooling.edges(bins, 10)]
    for name, shares in report.tenths(explanation, held, "V10")["rows"]:
        j = explanation.features.index(name)
        expected = [mask[a:b, j].mean(dtype=np.float64) for a, b in pairwise(starts)]
        np.testing.assert_allclose([float(share) for share in shares], expected, atol=0.00501)


def test_groups_are_the_patterns_of_the_truth(tmp_path: Path) -> None:
    explanation = opened(write(tmp_path, rows=400))
    found = groups.groups(explanation, sort_by="V10")
    assert {group.label for group in found} == {"V10 ≤ 0", "V10 > 0"}
    key = explanation.key("V10")
    mask = np.concatenate(list(explanation.masks("consensus")))
    for group in found:
        rows = key <= 0 if "≤" in group.label else key > 0
        assert group.rows == rows.sum()
        np.testing.assert_allclose(group.share, mask[rows].mean(axis=0), atol=1e-6)
        relevant = [0, 1, 9] if ">" in group.label else [4, 5, 9]
        assert group.relevant is not None
        assert np.flatnonzero(group.relevant).tolist() == relevant


def test_a_groups_share_leaves_rows_of_an_empty_mask_out(tmp_path: Path) -> None:
    """As importances do."""
    root = write(tmp_path, rows=400)
    file = root / "data/syn4/explanation/consensus.parquet"
    mask = pd.read_parquet(file)
    mask[::3] = 0.0
    mask.to_parquet(file)
    explanation = opened(root)
    key = explanation.key("V10")
    for group in groups.groups(explanation, sort_by="V10"):
        rows = key <= 0 if "≤" in group.label else key > 0
        expected = mask[rows & (np.arange(400) % 3 > 0)].mean().to_numpy(np.float64)
        np.testing.assert_allclose(group.share, expected, atol=1e-6)


@pytest.mark.parametrize("low", [0.1, 12.5, 1_234_567.25, 1_764_288_000.5, 1e-9])
def test_the_border_of_two_groups_lies_between_them_as_it_is_written(low: float) -> None:
    key = np.array([low, low * (1 + 1e-6)])
    labels = groups.interval_labels("t", key, np.array([0, 1]), 2)
    assert labels is not None
    for label, sign in zip(labels, ("≤", ">"), strict=True):
        border = float(label.removeprefix(f"t {sign} "))
        assert key[0] <= border < key[1]


@given(arrays(bool, st.tuples(st.integers(0, 30), st.integers(1, 70))))
def test_equal_rows_have_equal_patterns(relevance: npt.NDArray[np.bool_]) -> None:
    patterns = groups.Patterns(len(relevance))
    pooling.scan([relevance[:7], relevance[7:]], patterns)
    known = {number: row for row, number in patterns.found.items()}
    assert [known[int(number)] for number in patterns.of_row] == [tuple(row) for row in relevance]


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 10))
def test_the_roundest_number_lies_between(low: float, width: float) -> None:
    high = low + width
    if low < high:
        assert low <= groups.roundest(low, high) < high


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.7, 0.9])), min_size=2))
def test_the_roc_curve_has_the_area_of_scikit_learn(pairs: list[tuple[bool, float]]) -> None:
    label, score = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    curve = predictions.roc_table(label, score)
    if 0 < label.sum() < len(label):
        area = np.trapezoid(curve["tpr"], curve["fpr"])
        assert area == pytest.approx(roc_auc_score(label, score), abs=1e-3)
    else:
        assert curve.empty


def test_the_corner_of_a_perfect_roc_curve_is_not_cut_off() -> None:
    curve = predictions.roc_table(np.repeat([0.0, 1.0], 100), np.arange(200.0))
    assert np.trapezoid(curve["tpr"], curve["fpr"]) == 1


def test_a_histogram_counts_what_is_outside_by_rounding() -> None:
    values = np.array([1.0000001, -1e-6, 0.5, np.nan])
    assert predictions.histogram(values, bins=2)["rows"].tolist() == [1, 2]


def test_rows_of_unknown_label_are_drawn_below_those_of_no_and_not_over_them() -> None:
    table = predictions.spread_table(np.array([0.0, 0.0, 0.0, np.nan]), np.full(4, 0.31))
    drawn = images.svg(predictions.spread(table)).result()
    bars = re.findall(r'"low: 0\.3 [^"]*label: (\w+);[^>]* d="M\d+,(\d+)h\d+v(\d+)', drawn)
    spans = {label: (int(top), int(top) + int(height)) for label, top, height in bars}
    assert spans == {"no": (0, 150), "unknown": (150, 200)}


def test_calibration_counts_every_row_once() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(1000)
    label = (rng.random(1000) < score).astype(float)
    table = predictions.calibration_table(label, score)
    assert table["rows"].sum() == 1000
    assert ((table["low"] <= table["observed"]) & (table["observed"] <= table["high"])).all()
    assert (
        (table["predicted"] >= table["low"]) & (table["predicted"] <= table["high"])
    ).mean() > 0.7


@pytest.mark.parametrize("rows", [1, 2, 5, 50, 399])
def test_the_bounds_of_a_calibration_are_wilsons(rows: int) -> None:
    for yes in {0, 1, rows // 2, rows}:
        label = (np.arange(rows) < yes).astype(float)
        found = predictions.calibration_table(label, np.full(rows, 0.5)).iloc[0]
        expected = binomtest(yes, rows).proportion_ci(method="wilson")
        assert (found["low"], found["high"]) == pytest.approx(tuple(expected), abs=1e-4)


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_predictions_that_are_certain_and_right_are_not_said_to_be_off(answer: float) -> None:
    for rows in range(1, 100):
        table = predictions.calibration_table(np.full(rows, answer), np.full(rows, answer))
        (said,) = sentences.calibration(table)
        assert said.startswith("In 1 of 1 bin the predicted probability agrees")


def test_a_squeezed_picture_is_still_a_picture() -> None:
    chart = predictions.roc(predictions.roc_table(np.array([0.0, 1.0]), np.array([0.1, 0.9])))
    picture = images.squeezed(images.png(images.svg(chart)).result())
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture[-8:-4] == b"IEND"
    assert images.squeezed(picture) == picture


@given(st.floats(0, 1))
def test_a_percentage_has_no_exponent_and_is_true(share: float) -> None:
    text = words.percent(share)
    assert re.fullmatch(r"((less|more) than )?\d+(\.\d+)? %", text)
    assert (text == "100 %") == (share == 1)
    assert (text == "0 %") == (share == 0)
    assert abs(float(text.split()[-2]) - 100 * share) <= 0.51


@given(st.text())
def test_embedded_json_cannot_leave_its_script(text: str) -> None:
    embedded = page.script_json({text: text})
    assert not set("<>&\u2028\u2029") & set(embedded)
    assert json.loads(embedded) == {text: text}


def test_twenty_data_sets_look_different() -> None:
    one = {"consensus": {"auc": 1.0}, "seeds": {"auc": {"mean": 0.9, "std": 0.3}}}
    chart = scoreboard.comparison(scoreboard.table({f"data set {i}": one for i in range(20)}))
    encoding = chart.to_dict()["layer"][-1]["encoding"]
    looks = zip(*(encoding[name]["scale"]["range"] for name in ("color", "shape")), strict=True)
    assert len(set(looks)) == 20


def test_a_half_of_a_bins_rows_is_stored_as_a_half() -> None:
    """So the page marks as relevant what the picture does: more than half."""
    level = int(np.rint(0.5 * contents.TRUTH_LEVELS))
    assert level / contents.TRUTH_LEVELS == 0.5
    assert contents.TRUTH_LEVELS < contents.UNKNOWN < 256


def test_scores_are_rounded_once() -> None:
    one = {"consensus": {"fdr": 0.0}, "seeds": {"fdr": {"mean": 0.106549, "std": 0.106549}}}
    ((_, (cell,)),) = index._rows(scoreboard.table({"a": one}), ["a"])
    assert cell == "0.000 (seeds 0.107 ± 0.107)"


def test_no_deviation_leaves_the_range_of_a_score() -> None:
    one = {"consensus": {"auc": 1.0}, "seeds": {"auc": {"mean": 0.9, "std": 0.3}}}
    drawn = scoreboard.comparison(scoreboard.table({"a": one})).to_dict()
    (high,) = {row["high"] for rows in drawn["datasets"].values() for row in rows if "high" in row}
    assert high == 1


@pytest.mark.parametrize("last", [2, 3, 5])
def test_ticks_between_whole_numbers_have_no_label(last: int) -> None:
    history = pd.DataFrame({"epoch": range(1, last + 1), "seed": 7, "loss": 0.5})
    history["loss"] /= history["epoch"]
    drawn = images.svg(charts.training(history)).result()
    ticks = re.findall(r">(\d+)</text>", drawn)
    assert ticks == [str(n) for n in range(1, last + 1)]


@pytest.mark.parametrize("rows", [1, 2])
def test_numbers_of_few_rows_are_whole(rows: int) -> None:
    values = np.full(rows, 0.31)
    for chart in (
        agreement.distribution(values),
        predictions.spread(predictions.spread_table(np.ones(rows), values)),
    ):
        axis = (
            images.svg(chart).result().partition('aria-label="Y-axis')[2].partition("axis-title")[0]
        )
        assert re.findall(r">([^<>]+)</text>", axis) == [str(n) for n in range(rows + 1)]
