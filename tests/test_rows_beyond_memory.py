"""Training on rows that come through a buffer: every one once, by each seed as by it alone."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, settings
from hypothesis import given as drawn
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from stages.train import main as train_stage
from tabnet import files, row_groups, weights
from tabnet.buffers import Buffers
from tabnet.checkpoint import Checkpoint
from tabnet.datasets import DATASETS
from tabnet.explain import explain
from tabnet.params import Model, Params, Train
from tabnet.row_groups import RowGroups
from tabnet.source import Floats, Indices, Source, given
from tabnet.survivors import Losses
from tabnet.train import fit

SYN2 = DATASETS["syn2"]
# 78 groups, of which 20 fit into a buffer.
ROWS, GROUP, BUFFER = 3890, 50, 1000
TRAIN = Train(
    seeds=(1, 2),
    epochs=3,
    batch_size=128,
    buffer_rows=BUFFER,
    learning_rate=0.06,
    lambda_sparse=0.05,
    checkpoint_every=1,
)
MODEL = Model(n_steps=3, gamma=1.3, virtual_batch_size=64)


class Counting(Source):
    """Rows that are their own numbers, and how many of them were read at once."""

    features, classes = ("number",), ("no", "yes")

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.most = 0

    def read(self, groups: Sequence[int]) -> tuple[Floats, Indices]:
        starts = np.cumsum([0, *self.sizes])
        numbers = np.concatenate([np.arange(starts[g], starts[g + 1]) for g in groups])
        self.most = max(self.most, len(numbers))
        return numbers[:, None].astype(np.float32), numbers % 2


def seen(buffers: Iterator[tuple[Floats, Indices, NDArray[np.integer]]]) -> NDArray[np.int64]:
    """The numbers of the rows that each seed sees, in order: N x K."""
    return np.concatenate([x[rows, 0] for x, _, rows in buffers]).astype(np.int64)


@settings(max_examples=25, deadline=None)  # threads that read ahead take their time
@drawn(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(lambda s: sum(s) > 5),
    most=st.integers(30, 90),
    share=st.sampled_from([0, 0.3, 0.5]),
    batch_size=st.integers(2, 20),
)
# A single row comes first, last and between what fills a buffer alone.
@example(sizes=[1, 30, 30], most=30, share=0, batch_size=5)
@example(sizes=[30, 1, 30], most=30, share=0, batch_size=5)
@example(sizes=[30, 30, 1], most=30, share=0, batch_size=5)
def test_each_seed_sees_every_row_once(
    sizes: list[int], most: int, share: float, batch_size: int
) -> None:
    seeds = (1, 2, 3)
    source = Counting(sizes)
    buffers = Buffers(source, seeds, most=most, share=share, batch_size=batch_size)
    held_out, orders = seen(buffers.held_out()) if share else np.empty((0, 3)), []
    for epoch in range(3):
        batches = buffers.batches(epoch)
        parts = [
            rows[batch]
            for (_, _, rows), slices in zip(buffers.epoch(epoch), batches, strict=True)
            for batch in slices
        ]
        assert all(2 <= len(part) <= batch_size + 1 for part in parts)
        orders.append(seen(buffers.epoch(epoch)))
        assert sum(map(len, parts)) == len(orders[-1]) == buffers.training
        together = np.sort(np.concatenate([orders[-1], held_out]), 0)
        assert (together == np.arange(sum(sizes))[:, None]).all()
    assert len(held_out) == buffers.validation == round(share * sum(sizes))
    assert source.most <= most + max(sizes)
    for k, seed in enumerate(seeds):
        alone = Buffers(source, (seed,), most=most, share=share, batch_size=batch_size)
        assert (seen(alone.epoch(2))[:, 0] == orders[2][:, k]).all()
    if sum(sizes) > 20:
        assert (orders[0] != orders[1]).any()
        assert (orders[0][:, 0] != orders[0][:, 1]).any()


@drawn(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(lambda s: sum(s) > 30),
    most=st.integers(30, 90),
    batch_size=st.integers(2, 30),
)
# What is left over: groups that do not fill a buffer, the file's last one.
@example(sizes=[10] * 7, most=30, batch_size=30)
@example(sizes=[30, 30, 5], most=30, batch_size=30)
def test_no_batch_has_less_than_half_of_its_rows(
    sizes: list[int], most: int, batch_size: int
) -> None:
    """A few rows would step as far as a whole batch, and weigh as much in the statistics."""
    buffers = Buffers(Counting(sizes), (1,), most=most, share=0, batch_size=batch_size)
    for epoch in range(5):
        found = [b.stop - b.start for batches in buffers.batches(epoch) for b in batches]
        assert min(found) >= batch_size // 2


def test_a_buffer_mixes_groups_that_lie_apart() -> None:
    """And others in each epoch: a file in the order of its labels is no worse than any."""
    buffers = Buffers(Counting([10] * 100), (1,), most=100, share=0, batch_size=10)
    together = Counter(
        frozenset(pair) for epoch in range(3) for pair in map(tuple, buffers.pieces(epoch))
    )
    assert max(together.values()) == 1
    apart = [np.ptp(piece) for piece in buffers.pieces(0)]
    assert np.mean(apart) > 60


def test_each_group_holds_out_rows_of_its_own() -> None:
    buffers = Buffers(Counting([100, 100]), (1,), most=100, share=0.5, batch_size=10)
    found = seen(buffers.held_out())[:, 0]
    first, second = set(found[found < 100]), set(found[found >= 100] - 100)
    assert len(first) == len(second) == 50
    assert first != second


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of Syn2 in the order of their labels, as a file may well have them."""
    sample = SYN2.sample(ROWS, seed=1)
    order = np.argsort(sample.y, kind="stable")
    columns = {name: sample.x[order, d] for d, name in enumerate(SYN2.features)}
    table = pa.table(columns | {"y": np.where(sample.y[order], "yes", "no")})
    path = tmp_path_factory.mktemp("rows") / "train.parquet"
    pq.write_table(table, path, row_group_size=GROUP)
    return path


def source(file: Path) -> RowGroups:
    return RowGroups(file, label="y")


def test_an_index_that_pandas_saves_is_no_feature(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [0.5, 1.5, 2.5, 3.5], "label": ["no", "yes"] * 2})
    named = table.set_index(pd.Index([5, 3, 9, 1], name="id"))
    for chosen, saved in (
        (table, []),
        (table.iloc[[2, 0, 3]], ["__index_level_0__"]),
        (named, ["id"]),
    ):
        chosen.to_parquet(tmp_path / "rows.parquet")
        assert pq.read_schema(tmp_path / "rows.parquet").names == ["a", "label", *saved]
        assert RowGroups(tmp_path / "rows.parquet", label="label").features == ("a",)
    pq.write_table(pa.table(table.to_dict("list")), tmp_path / "rows.parquet")
    for block in (b"{", b"[]", b"{}", b'{"index_columns": 1}', b"\xff"):
        plain = pq.read_table(tmp_path / "rows.parquet").replace_schema_metadata({b"pandas": block})
        pq.write_table(plain, tmp_path / "odd.parquet")
        assert RowGroups(tmp_path / "odd.parquet", label="label").features == ("a",)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["yes", "no", "maybe"], pa.string()),
        (["yes", "no", "maybe"], pa.large_string()),
        (["yes", "no", "maybe"], pa.dictionary(pa.int8(), pa.string())),
        ([10, -1, 9], pa.int64()),
        ([10, 1, 9], pa.uint8()),
        ([10, 1, 9], pa.dictionary(pa.int32(), pa.int16())),
        ([True, False], pa.bool_()),
    ],
    ids=str,
)
def test_labels_are_classes_as_in_memory(
    values: list[object], kind: pa.DataType, tmp_path: Path
) -> None:
    labels: Any = (values * ROWS)[:ROWS]
    table = pa.table({"a": np.arange(ROWS, dtype=np.float32), "label": pa.array(labels, kind)})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=GROUP)
    ours = RowGroups(tmp_path / "rows.parquet", label="label")
    theirs = given(table.select(["a"]).to_pandas(), labels)
    assert ours.classes == theirs.classes
    groups = range(len(ours.sizes))
    for found, expected in zip(ours.read(groups), theirs.read([0]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_other_labels_are_refused(tmp_path: Path) -> None:
    table = pa.table({"a": [0.5, 1.5], "label": [0.5, 1.5]})
    pq.write_table(table, tmp_path / "rows.parquet")
    allowed = "'label' must hold text, whole numbers or truth values, however: double"
    with pytest.raises(ValueError, match=allowed):
        RowGroups(tmp_path / "rows.parquet", label="label")


def test_what_fits_into_the_buffer_is_as_in_memory(file: Path) -> None:
    table = pd.read_parquet(file)
    few = TRAIN.model_copy(update={"buffer_rows": ROWS, "epochs": 2, "validation_share": 0.2})
    ours, history = fit(source(file), model=MODEL, train=few)
    theirs, expected = fit(table[list(SYN2.features)], table["y"], model=MODEL, train=few)
    assert (ours.features, ours.classes) == (theirs.features, theirs.classes)
    pd.testing.assert_frame_equal(history, expected, check_exact=True)
    for name, array in ours.weights.items():
        assert array.tobytes() == theirs.weights[name].tobytes(), name


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_seed_is_a_seed_and_a_killed_one_goes_on(
    file: Path, tmp_path: Path, share: float
) -> None:
    train = TRAIN.model_copy(update={"validation_share": share})
    together, history = fit(source(file), model=MODEL, train=train)
    alone, _ = fit(source(file), model=MODEL, train=train.model_copy(update={"seeds": (2,)}))
    for name, array in together.only(2).weights.items():
        assert array.tobytes() == alone.weights[name].tobytes(), name
    checkpoint = Checkpoint(tmp_path, [b"inputs"])

    def stop(epoch: int, losses: Losses) -> None:
        if epoch == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(source(file), model=MODEL, train=train, checkpoint=checkpoint, progress=stop)
    resumed, again = fit(source(file), model=MODEL, train=train, checkpoint=checkpoint)
    pd.testing.assert_frame_equal(again, history, check_exact=True)
    for name, array in together.weights.items():
        assert array.tobytes() == resumed.weights[name].tobytes(), name


@pytest.mark.slow
def test_it_learns_as_in_memory(file: Path, tmp_path: Path) -> None:
    """Four seeds each; a file in the order of its labels, the worst case, costs a little."""
    mixed = tmp_path / "mixed.parquet"
    order = np.random.default_rng(0).permutation(ROWS)
    pq.write_table(pq.read_table(file).take(order), mixed, row_group_size=GROUP)
    test = SYN2.sample(2000, seed=1, split="test")

    def auc(path: Path, most: int) -> float:
        update = {"seeds": (1, 2, 3, 4), "epochs": 20, "buffer_rows": most}
        fitted, _ = fit(source(path), model=MODEL, train=TRAIN.model_copy(update=update))
        by_seed = explain(fitted, test.x).by_seed.probability[..., 1]
        return float(np.mean([roc_auc_score(test.y, p) for p in by_seed]))

    in_memory = auc(file, ROWS)
    assert in_memory > 0.998
    assert auc(mixed, BUFFER) > in_memory - 0.001
    assert auc(file, BUFFER) > 0.99


def test_groups_that_are_too_large_are_named(file: Path) -> None:
    small = TRAIN.model_copy(update={"buffer_rows": 49, "batch_size": 49})
    with pytest.raises(ValueError, match=r"train.buffer_rows \(49\) must .*, however: one has 50"):
        fit(source(file), train=small)


def test_a_bad_cell_is_named_by_its_row_in_the_file(file: Path, tmp_path: Path) -> None:
    table = pq.read_table(file)
    values = table["V03"].to_numpy().copy()
    values[2817] = np.inf
    path = tmp_path / "bad.parquet"
    pq.write_table(table.set_column(2, "V03", pa.array(values)), path, row_group_size=GROUP)
    with pytest.raises(ValueError, match=r"bad.parquet: column 'V03' .*: inf in row 2818$"):
        fit(source(path), train=TRAIN)


def test_a_file_that_is_replaced_while_it_is_looked_at_trains_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "replaced.parquet"
    files.copy(file, path)
    read = source(path)
    table = pq.read_table(file)
    column, labels = table.schema.get_field_index("y"), ["yes", "no", "maybe"] * len(table)
    other = table.set_column(column, "y", pa.array(labels[: len(table)]))
    pq.write_table(other, path, row_group_size=GROUP)
    with pytest.raises(ValueError, match="must stay as it is in training"):
        read.read([0])
    monkeypatch.setattr(row_groups, "_version", lambda path: read._version)
    with pytest.raises(ValueError, match="must stay as it is in training"):
        read.read([0])


def test_labels_alone_cannot_be_trained_on(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    pq.write_table(pq.read_table(file, columns=["y"]), path)
    with pytest.raises(ValueError, match="must have columns beside 'y', however: it has no"):
        source(path)


def test_the_stage_takes_a_file_through_the_buffer(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    target = Path("data/syn2/train.parquet")
    target.parent.mkdir(parents=True)
    files.copy(file, target)
    with caplog.at_level(logging.WARNING):
        train_stage(Params(model=MODEL, train=TRAIN), "syn2")
    ours = weights.load(target.with_name("model.safetensors"))
    theirs, _ = fit(source(file), model=MODEL, train=TRAIN)
    for name, array in ours.weights.items():
        assert array.tobytes() == theirs.weights[name].tobytes(), name
    assert not caplog.text
