"""The stage trust: what it writes, from which rows, and the same each time."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import evaluate, explain, generate, train, trust
from tabnet import weights
from tabnet.params import Generate, Params, Train, Trust
from tabnet.report import judged
from tabnet.trust import measure
from tests.imports import ROOT

PARAMS = Params(
    generate=Generate(train_rows=300, test_rows=200),
    train=Train(seeds=(1, 2, 3), epochs=4),
    trust=Trust(rows=120, draws=1, resamples=2, resample_seeds=2),
)
REPORTS = Path("reports/syn4")
FILES = ["faithfulness.csv", "trust.json", "trust_by_seed.csv"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("trust")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("DVC_ROOT", str(path))
        for stage in (generate, train, explain):
            stage.main(PARAMS, "syn4")
        yield path


def run(params: Params = PARAMS) -> dict[str, Any]:
    trust.main(params, "syn4")
    return dict(json.loads((REPORTS / "trust.json").read_text())["syn4"])


def written() -> dict[str, str]:
    return {name: (REPORTS / name).read_text() for name in FILES}


def changed(**trust: object) -> Params:
    return PARAMS.model_copy(update={"trust": PARAMS.trust.model_copy(update=trust)})


@pytest.mark.usefixtures("folder")
def test_the_files_say_the_same() -> None:
    found = run()
    by_seed = pd.read_csv(REPORTS / "trust_by_seed.csv").set_index("seed")
    assert list(by_seed.index) == [1, 2, 3]
    assert found["consensus"].pop("undecided") is None  # three votes decide nothing
    assert set(by_seed) == set(found["seeds"]) == {*found["consensus"], "agreement"}
    for name, spread in found["seeds"].items():
        assert spread["mean"] == pytest.approx(by_seed[name].mean(), rel=1e-4, abs=1e-6)
        assert spread["std"] == pytest.approx(by_seed[name].std(), rel=1e-3, abs=1e-6)
    curves = judged.curves(REPORTS / "faithfulness.csv")
    for order in ("consensus", "fixed", "random"):
        for side, name in (("keep", "sufficiency"), ("remove", "comprehensiveness")):
            one = curves[(curves["order"] == order) & (curves["side"] == side)]
            for score in ("auc", "log_loss", "drop"):
                area = np.trapezoid(one[score], one["k"] / 10)
                assert found[order][f"{name}_{score}"] == pytest.approx(area, rel=1e-4, abs=1e-6)
    assert found["rows"] == 120


@pytest.mark.usefixtures("folder")
def test_of_more_rows_than_the_buffer_so_many_are_drawn() -> None:
    path, fitted = Path("data/syn4/train.parquet"), weights.load("data/syn4/model.safetensors")
    small = PARAMS.train.model_copy(update={"buffer_rows": 250})
    some = trust._trained_on(path, fitted, PARAMS.model_copy(update={"train": small}))
    every = trust._trained_on(path, fitted, PARAMS)
    where = [np.flatnonzero((every.x == row).all(1)).item() for row in some.x]
    assert (len(every.x), len(where)) == (300, 250)
    assert where == sorted(set(where))
    assert (some.y == every.y[where]).all()


@pytest.mark.usefixtures("folder")
def test_of_all_rows_the_agreement_is_that_of_the_explanation() -> None:
    agreement = run(changed(rows=10_000))["seeds"]["agreement"]["mean"]
    predictions = pq.read_table("data/syn4/explanation/predictions.parquet")
    assert agreement == pytest.approx(predictions["agreement"].to_numpy().mean(), rel=1e-5)


@pytest.mark.usefixtures("folder")
def test_no_metric_has_the_name_of_one_of_evaluate() -> None:
    def names(tree: dict[str, Any], path: str = "") -> set[str]:
        nested = [
            names(value, f"{path}.{key}") if isinstance(value, dict) else {f"{path}.{key}"}
            for key, value in tree.items()
        ]
        return set().union(*nested)

    evaluate.main(PARAMS, "syn4")
    metrics = json.loads((REPORTS / "metrics.json").read_text())["syn4"]
    assert not names(run()) & names(metrics)


@pytest.mark.usefixtures("folder")
def test_a_report_can_read_it() -> None:
    run(changed(resamples=0, rows=1))
    assert judged.trust(REPORTS / "trust.json").bootstrap.distance is None
    one_row = judged.curves(REPORTS / "faithfulness.csv")
    assert one_row["auc"].isna().all()  # a row has one label
    assert one_row["log_loss"].notna().all()


@pytest.mark.usefixtures("folder")
def test_the_same_bytes_however_the_rows_are_read() -> None:
    run()
    before = written()
    batches = PARAMS.explain.model_copy(update={"batch_rows": 7})
    run(PARAMS.model_copy(update={"explain": batches}))
    assert written() == before
    numbers = re.findall(r"\d+\.\d+(?:e-\d+)?", "".join(before.values()))
    assert all(float(number) == float(f"{float(number):.6g}") for number in numbers)
    run(changed(seed=2))
    assert written() != before


@pytest.mark.usefixtures("folder")
def test_the_rows_are_those_of_the_split_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = []
    whole = measure

    def seen(fitted: Any, sample: Any, *rest: Any, **options: Any) -> Any:
        samples.append(sample)
        return whole(fitted, sample, *rest, **options)

    monkeypatch.setattr(trust, "measure", seen)
    for split in ("test", "train"):
        split_of = PARAMS.explain.model_copy(update={"split": split})
        run(PARAMS.model_copy(update={"explain": split_of}))
        table = pq.read_table(f"data/syn4/{split}.parquet").to_pandas()
        x = samples.pop().x
        places = [int(np.flatnonzero((table.iloc[:, :10] == row).all(axis=1))[0]) for row in x]
        assert len(set(places)) == 120
        assert places == sorted(places)


@pytest.mark.usefixtures("folder")
def test_unlabelled_rows_are_known_as_such() -> None:
    path = Path("data/syn4/test.parquet")
    before = path.read_bytes()
    table = pq.read_table(path)
    try:
        place, empty = table.column_names.index("y"), pa.nulls(len(table), pa.string())
        pq.write_table(table.set_column(place, "y", empty), path)
        found = run()
    finally:
        path.write_bytes(before)
    assert found["consensus"]["sufficiency_auc"] is None
    assert found["consensus"]["sufficiency_drop"] is not None
    assert pd.read_csv(REPORTS / "faithfulness.csv")["auc"].isna().all()


@pytest.mark.usefixtures("folder")
def test_on_the_cpu_neither_torch_nor_scikit_learn_is_imported() -> None:
    code = (
        "import sys; from stages import trust; from tabnet.params import Params\n"
        f"trust.main(Params.model_validate_json({PARAMS.model_dump_json()!r}), 'syn4')\n"
        "print(sorted({'torch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
