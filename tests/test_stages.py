import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from ruamel.yaml import YAML
from sklearn.metrics import log_loss, roc_auc_score

from stages import evaluate, generate, train
from tabnet import tables
from tabnet.datasets import DATASETS, SPLITS
from tabnet.params import Evaluate, Explain, Generate, Params, Train
from tabnet.report import provenance
from tabnet.scores import importance, mask_scores, prediction_scores

ROOT = Path(__file__).parents[1]
DATA = Path("data", "syn4")
EXPLANATION = DATA / "explanation"
FEATURES = list(DATASETS["syn4"].features)
PARAMS = Params(generate=Generate(train_rows=70, test_rows=50))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    return tmp_path


def command(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-c", code, *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def stage(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", f"stages.{name}", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def started(main: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A process that runs the stage whose body is `main`."""
    code = f"import stages\ndef main(params, dataset):\n    {main}\nstages.run(main)"
    return subprocess.run(
        command(code, *arguments), env=environment(), capture_output=True, text=True, check=False
    )


def test_an_interrupt_while_modules_are_imported_has_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("raise KeyboardInterrupt")
    done = subprocess.run(
        [sys.executable, "-m", "stages.check"],
        env={**environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_stage_gets_parameters_and_arguments() -> None:
    done = started("print(params.train.epochs, dataset)", "syn4")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{Params().train.epochs} syn4\n", "")


def test_a_stage_of_a_data_set_gets_its_overrides() -> None:
    text = Path("params.yaml").read_text()
    changed = text.replace("  syn4:\n    generate: {}", "  syn4:\n    generate: {test_rows: 7}")
    assert changed != text
    Path("params.yaml").write_text(changed)
    for dataset, rows in (("syn2", Params().generate.test_rows), ("syn4", 7)):
        done = started("print(params.generate.test_rows)", dataset)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{rows}\n", "")


@pytest.mark.parametrize(
    ("main", "line"),
    [
        ("raise stages.InputError('must be 1,\\n\\nhowever:\\t 2')", "must be 1, however: 2"),
        ("raise OSError(28, 'No space left', 'x')", "[Errno 28] No space left: 'x'"),
        ("raise OSError", "OSError"),
    ],
)
def test_a_mistake_is_one_line(main: str, line: str) -> None:
    done = started(main, "syn2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "fault", ["assert False, 'impossible'", "int('seven')", "params.train.epochs = 0"]
)
def test_a_fault_of_ours_is_a_traceback(fault: str) -> None:
    done = started(fault, "syn2")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "the stage's arguments must be: dataset, however: []"),
        (["syn2", "syn4"], "the stage's arguments must be: dataset, however: ['syn2', 'syn4']"),
        (["syn9"], "the data set must be one of syn2, syn4, however: 'syn9'"),
        (["../x"], "the data set must be one of syn2, syn4, however: '../x'"),
        ([""], "the data set must be one of syn2, syn4, however: ''"),
    ],
)
@pytest.mark.parametrize("name", ["generate", "evaluate"])
def test_wrong_arguments_are_one_line(name: str, arguments: list[str], line: str) -> None:
    done = stage(name, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{line}\n")
    assert os.listdir() == ["params.yaml"]


def test_training_needs_no_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python has none where it is closed: `python -m stages.train syn4 2>&-`."""
    generate.main(PARAMS, "syn4")
    monkeypatch.setattr(sys, "stderr", None)
    train.main(PARAMS.model_copy(update={"train": Train(seeds=(1,), epochs=1)}), "syn4")
    assert capsys.readouterr().out.startswith("[Epoch 001] Loss: ")


def test_a_data_set_that_is_not_asked_for_is_refused() -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("  - syn4\n", ""))
    done = stage("generate", "syn4")
    assert done.stderr == "the data set must be one of syn2, however: 'syn4'\n"


def test_bad_parameters_are_one_line_before_any_work() -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("gamma: 1.0", "gamma: 0"))
    done = stage("generate", "syn2")
    line = "params.yaml: model.gamma must be at least 1, however: 0\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)
    Path("params.yaml").unlink()
    done = stage("generate", "syn2")
    assert done.returncode == 1
    assert done.stderr.startswith("params.yaml: must be a readable file, however: ")
    assert os.listdir() == []


def test_a_buffer_holds_a_row_group_or_all_rows() -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("buffer_rows: 1000000", "buffer_rows: 4000"))
    done = stage("check")
    least = "params.yaml: train.buffer_rows must be at least 5000, the rows of a row group"
    assert (done.returncode, done.stderr) == (1, f"{least}, however: 4000\n")
    Path("params.yaml").write_text(text.replace("buffer_rows: 1000000", "buffer_rows: 5000"))
    assert stage("check").returncode == 0


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"buffer_rows": 4000}, "buffer_rows must be at least 5000, the rows of a row group"),
        ({"device": "mps"}, "device must be "),
    ],
)
def test_a_mistake_that_check_finds_in_an_override_is_named_there(
    value: dict[str, object], line: str
) -> None:
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    params["overrides"]["syn4"]["train"] = value
    YAML().dump(params, Path("params.yaml"))
    done = stage("check")
    assert done.returncode == 1
    assert done.stderr.startswith(f"params.yaml: overrides.syn4.train.{line}")
    assert done.stderr.count("\n") == 1


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def gone(process: int) -> bool:
    """Whether the process ends within five seconds."""
    for _ in range(100):
        if not alive(process):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills orphans on request")
def test_a_stage_dies_with_its_parent() -> None:
    """Without its request to the kernel a sleeping stage outlives the killed parent."""
    for request in (True, False):
        main = "import os, time\n    print(os.getpid(), flush=True)\n    time.sleep(60)"
        omit = "" if request else "stages._die_with_parent = lambda: None\n"
        code = f"import stages\n{omit}def main(params, dataset):\n    {main}\nstages.run(main)"
        parent = f"import subprocess, sys; subprocess.run({command(code, 'syn2')!r})"
        with subprocess.Popen(
            command(parent), env=environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
        if request:
            assert gone(child)
        else:
            assert alive(child)
            os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills orphans on request")
def test_a_stage_whose_parent_just_died_dies() -> None:
    code = (
        "import os, stages; parents = iter([1, 2]); os.getppid = lambda: next(parents)\n"
        "stages.run(lambda params: print('worked'))"
    )
    done = subprocess.run(command(code), env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills orphans on request")
@pytest.mark.parametrize("session", [True, False])
def test_a_stage_whose_dvc_is_gone_before_it_starts_dies(*, session: bool) -> None:
    """Then its parent is one that adopted it, of another session than dvc's."""
    done = subprocess.run(
        command("import stages; stages.run(lambda params: print('worked'))"),
        env=environment() | {"DVC_STAGE": "check"},
        capture_output=True,
        check=False,
        start_new_session=session,
    )
    expected = (-signal.SIGKILL, b"") if session else (0, b"worked\n")
    assert (done.returncode, done.stdout) == expected


@pytest.mark.parametrize("name", ["stages", "stages.check"])
def test_the_runner_and_the_check_import_nothing_heavy(name: str) -> None:
    heavy = "{'torch', 'pandas', 'pyarrow', 'dvc'}"
    code = f"import sys, {name}; print(*(set(sys.modules) & {heavy}))"
    done = subprocess.run(command(code), env=environment(), capture_output=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", ["generate", "evaluate"])
def test_stages_without_networks_do_not_import_torch(name: str) -> None:
    code = f"import sys, stages.{name}; print(*(set(sys.modules) & {{'torch', 'dvc'}}))"
    done = subprocess.run(command(code), env=environment(), capture_output=True, check=True)
    assert done.stdout.split() == []


def test_generate_writes_the_data_set() -> None:
    generate.main(PARAMS, "syn4")
    truth = tables.read(DATA / "relevance.parquet")
    assert truth["split"].to_pylist() == ["train"] * 70 + ["test"] * 50
    relevance = np.stack([truth[name].to_numpy() for name in FEATURES], axis=1)
    for split in SPLITS:
        rows = {"train": slice(0, 70), "test": slice(70, 120)}[split]
        expected = DATASETS["syn4"].sample(70 if split == "train" else 50, seed=1, split=split)
        table = tables.read(DATA / f"{split}.parquet")
        assert table.schema.names == [*FEATURES, "y"]
        assert table.schema.types == [pa.float32()] * 10 + [pa.string()]
        np.testing.assert_array_equal(tables.matrix(table, FEATURES), expected.x)
        assert [answer == "yes" for answer in table["y"].to_pylist()] == expected.y.tolist()
        np.testing.assert_array_equal(relevance[rows], expected.relevance)
        assert truth["probability"].to_pylist()[rows] == expected.probability.tolist()
    assert truth.schema.names == ["split", "probability", *FEATURES]
    assert truth.schema.types == [pa.string(), pa.float64()] + [pa.bool_()] * 10


def test_labels_are_drawn_by_the_probability_that_is_stored() -> None:
    """Read back from the files: the share of `yes` is what the probabilities say."""
    params = Params(generate=Generate(train_rows=20_000, test_rows=10))
    generate.main(params, "paper_syn1")
    truth = tables.read("data/paper_syn1/relevance.parquet").slice(0, 20_000)
    label = tables.read("data/paper_syn1/train.parquet")["y"].to_numpy() == "yes"
    probability = truth["probability"].to_numpy()
    for likely in (probability > 0.5, probability < 0.5):
        p = probability[likely]
        assert abs(label[likely].sum() - p.sum()) < 5 * np.sqrt((p * (1 - p)).sum())


def test_generate_is_reproducible_and_the_train_rows_stay() -> None:
    generate.main(PARAMS, "syn4")
    names = sorted(os.listdir(DATA))
    assert names == ["relevance.parquet", "test.parquet", "train.parquet"]
    before = {name: (DATA / name).read_bytes() for name in names}
    generate.main(PARAMS, "syn4")
    assert {name: (DATA / name).read_bytes() for name in names} == before
    generate.main(Params(generate=Generate(train_rows=70, test_rows=51)), "syn4")
    assert (DATA / "train.parquet").read_bytes() == before["train.parquet"]
    assert (
        tables.read(DATA / "test.parquet")
        .slice(0, 50)
        .equals(
            pa.Table.from_batches(list(tables.batches(DATA / "test.parquet", batch_rows=50))[:1])
        )
    )
    generate.main(Params(generate=Generate(seed=2, train_rows=70, test_rows=50)), "syn4")
    assert (DATA / "train.parquet").read_bytes() != before["train.parquet"]


def test_generate_runs_as_the_pipeline_runs_it() -> None:
    done = stage("generate", "syn2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert tables.rows("data/syn2/train.parquet") == Params().generate.train_rows


def mask_of(seed: int, rows: int) -> NDArray[np.float32]:
    mask = np.maximum(np.random.default_rng(seed).standard_normal((rows, 10), np.float32), 0)
    mask /= np.maximum(mask.sum(axis=1, keepdims=True), 1e-9)
    return mask


def write_mask(name: str, mask: NDArray[np.float32]) -> None:
    columns = dict(zip(FEATURES, mask.T, strict=True))
    tables.write(EXPLANATION / f"{name}.parquet", pa.table(columns))


def explain(*, seeds: tuple[int, ...] = (3, 7), split: str = "test", rows: int = 50) -> None:
    """An explanation of made-up masks, of the form that the stage explain writes."""
    labels = tables.read(DATA / f"{split}.parquet")["y"]
    generator = np.random.default_rng(0)
    columns: dict[str, Any] = {"label": labels.slice(0, rows)}
    for name in ("probability", "agreement"):
        columns[name] = generator.random(rows, np.float32)
    for seed in seeds:
        columns[f"probability_seed_{seed}"] = generator.random(rows, np.float32)
        columns[f"total_seed_{seed}"] = generator.random(rows, np.float32)
        write_mask(f"aggregate_seed_{seed}", mask_of(seed, rows))
    write_mask("consensus", mask_of(0, rows))
    tables.write(EXPLANATION / "predictions.parquet", pa.table(columns))


def evaluated(params: Params = PARAMS) -> dict[str, Any]:
    evaluate.main(params, "syn4")
    metrics: dict[str, Any] = json.loads(Path("reports/syn4/metrics.json").read_text())
    return dict(metrics["syn4"])


@pytest.fixture
def explained() -> None:
    generate.main(PARAMS, "syn4")
    explain()


@pytest.mark.usefixtures("explained")
def test_evaluate_scores_each_mask_and_prediction() -> None:
    metrics = evaluated()
    sample = DATASETS["syn4"].sample(50, seed=1, split="test")
    predictions = tables.read(EXPLANATION / "predictions.parquet")

    def expected(column: str, mask: NDArray[np.float32]) -> dict[str, float]:
        return {
            **prediction_scores(predictions[column].to_numpy(), sample.y),
            **mask_scores(mask, sample.relevance, threshold=1e-6),
        }

    assert metrics["consensus"] == pytest.approx(expected("probability", mask_of(0, 50)), rel=1e-5)
    of_seeds = [expected(f"probability_seed_{seed}", mask_of(seed, 50)) for seed in (3, 7)]
    for key, summary in metrics["seeds"].items():
        values = np.array([scores[key] for scores in of_seeds])
        assert summary["mean"] == pytest.approx(values.mean(), rel=1e-5)
        assert summary["std"] == pytest.approx(abs(values[0] - values[1]) / np.sqrt(2), rel=1e-4)
    assert sorted(metrics) == ["agreement", "bayes", "consensus", "seeds"]
    # Syn4's labels have no noise.
    assert metrics["bayes"] == {"auc": 1.0, "log_loss": 0.0, "accuracy": 1.0, "brier": 0.0}
    assert sorted(metrics["seeds"]) == sorted(metrics["consensus"])
    assert metrics["agreement"] == pytest.approx(predictions["agreement"].to_numpy().mean())


@pytest.mark.usefixtures("explained")
def test_evaluate_writes_importances() -> None:
    evaluated()
    with Path("reports/syn4/importance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["feature", "relevant", "consensus", "seed_3", "seed_7"]
    assert [row["feature"] for row in rows] == FEATURES
    sample = DATASETS["syn4"].sample(50, seed=1, split="test")
    expected = {
        "relevant": sample.relevance.mean(axis=0),
        "consensus": importance(mask_of(0, 50)),
        "seed_3": importance(mask_of(3, 50)),
        "seed_7": importance(mask_of(7, 50)),
    }
    for name, values in expected.items():
        assert [float(row[name]) for row in rows] == pytest.approx(values.tolist(), rel=1e-5)


@pytest.mark.usefixtures("explained")
def test_metrics_are_small_sorted_and_the_same_again() -> None:
    evaluated()
    text = Path("reports/syn4/metrics.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    csv_text = Path("reports/syn4/importance.csv").read_text()
    numbers = re.findall(r"\d+\.\d+(?:e-\d+)?", text + csv_text)
    assert len(numbers) > 60
    assert all(float(number) == float(f"{float(number):.6g}") for number in numbers)
    evaluated()
    assert Path("reports/syn4/metrics.json").read_text() == text
    assert sorted(os.listdir("reports/syn4")) == ["importance.csv", "metrics.json"]


@pytest.mark.usefixtures("explained")
def test_evaluate_takes_threshold_and_split() -> None:
    before = evaluated()["consensus"]
    half = evaluated(PARAMS.model_copy(update={"evaluate": Evaluate(threshold=0.5)}))["consensus"]
    assert half["tpr"] < before["tpr"]
    assert half["rma"] == before["rma"]
    explain(split="train", rows=70)
    of_train = evaluated(PARAMS.model_copy(update={"explain": Explain(split="train")}))
    sample = DATASETS["syn4"].sample(70, seed=1, split="train")
    expected = mask_scores(mask_of(0, 70), sample.relevance, threshold=1e-6)
    assert of_train["consensus"]["rma"] == pytest.approx(expected["rma"], rel=1e-5)


@pytest.mark.usefixtures("explained")
def test_the_limit_is_that_of_the_stored_probability() -> None:
    p = np.random.default_rng(1).random(120)
    table = tables.read(RELEVANCE)
    tables.write(RELEVANCE, table.set_column(1, "probability", pa.array(p)))
    label = tables.read(EXPLANATION / "predictions.parquet")["label"].to_numpy() == "yes"
    of_test = p[70:]
    expected = {
        "auc": roc_auc_score(label, of_test),
        "log_loss": log_loss(label, of_test),
        "accuracy": np.mean((of_test > 0.5) == label),
        "brier": np.mean((of_test - label) ** 2),
    }
    assert evaluated()["bayes"] == pytest.approx(expected, rel=1e-5)
    relabel([*["yes"] * 49, None])
    found = evaluated()["bayes"]
    assert found["auc"] is None
    assert found["log_loss"] == pytest.approx(-np.log(of_test[:49]).mean(), rel=1e-5)


@pytest.mark.usefixtures("explained")
def test_a_label_that_cannot_be_has_no_finite_loss() -> None:
    relabel(["yes"] * 50)
    assert evaluated()["bayes"]["log_loss"] is None


def test_a_report_names_the_parameters_that_its_stage_depends_on() -> None:
    stage = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["report"]
    own = {name for name in stage["params"] if not name.startswith("overrides.")}
    assert {*provenance.SECTIONS, "report"} == own


def test_a_report_does_not_depend_on_the_patch_level_of_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for level in ("2", "7"):
        monkeypatch.setattr("platform.python_version_tuple", lambda level=level: ("3", "11", level))
        monkeypatch.setattr("platform.python_version", lambda level=level: f"3.11.{level}")
        found.append(provenance.libraries())
    assert found[0] == found[1]
    assert ("Python", "3.11") in found[0]


@pytest.mark.usefixtures("explained")
def test_one_seed_has_no_deviation() -> None:
    explain(seeds=(5,))
    assert {summary["std"] for summary in evaluated()["seeds"].values()} == {None}


def relabel(label: list[str | None]) -> None:
    path = EXPLANATION / "predictions.parquet"
    table = tables.read(path)
    tables.write(path, table.set_column(0, "label", pa.array(label, pa.string())))


@pytest.mark.usefixtures("explained")
def test_labels_of_one_class_have_no_auc() -> None:
    relabel(["yes"] * 50)
    metrics = evaluated()
    assert metrics["consensus"]["auc"] is None
    assert metrics["seeds"]["auc"] == {"mean": None, "std": None}
    assert 0 <= metrics["consensus"]["accuracy"] <= 1


@pytest.mark.usefixtures("explained")
def test_unknown_labels_are_left_out() -> None:
    label = tables.read(EXPLANATION / "predictions.parquet")["label"].to_pylist()
    probability = tables.read(EXPLANATION / "predictions.parquet")["probability"].to_numpy()
    relabel([*label[:30], *[None] * 20])
    expected = prediction_scores(probability[:30], np.array(label[:30]) == "yes")
    found = evaluated()["consensus"]
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-5)
    relabel([None] * 50)
    found = evaluated()["consensus"]
    assert [found[key] for key in ("auc", "log_loss", "accuracy", "brier")] == [None] * 4
    assert found["rma"] is not None


def drop(path: Path, *columns: str) -> None:
    tables.write(path, tables.read(path).drop_columns(list(columns)))


def poison(path: Path, value: float) -> None:
    table = tables.read(path)
    column = pa.array([value] * table.num_rows, pa.float32())
    tables.write(path, table.set_column(0, table.column_names[0], column))


PREDICTIONS = EXPLANATION / "predictions.parquet"
RELEVANCE = DATA / "relevance.parquet"
SEED = EXPLANATION / "aggregate_seed_7.parquet"
FAULTS: list[tuple[Callable[[], object], str]] = [
    (PREDICTIONS.unlink, f"{PREDICTIONS}: must be a Parquet file, however: it is missing"),
    (RELEVANCE.unlink, f"{RELEVANCE}: must be a Parquet file, however: it is missing"),
    (SEED.unlink, f"{SEED}: must be a Parquet file, however: it is missing"),
    (lambda: SEED.write_bytes(b"PAR1"), f"{SEED}: must be a whole Parquet file, however: "),
    (lambda: drop(SEED, "V05"), f"{SEED}: must have one column 'V05', however: it has the columns"),
    (lambda: drop(RELEVANCE, "V05"), f"{RELEVANCE}: must have one column 'V05', however: it has"),
    (
        lambda: drop(RELEVANCE, "probability"),
        f"{RELEVANCE}: must have one column 'probability', however: it has",
    ),
    (
        lambda: tables.write(
            RELEVANCE,
            tables.read(RELEVANCE).set_column(1, "probability", pa.array([1.5] * 120)),
        ),
        f"{RELEVANCE}: probability must be from 0 to 1, however: 1.5",
    ),
    (lambda: drop(RELEVANCE, "split"), f"{RELEVANCE}: must have one column 'split', however: it "),
    (lambda: drop(PREDICTIONS, "label"), f"{PREDICTIONS}: must have a column label, however: "),
    (lambda: drop(PREDICTIONS, "agreement"), f"{PREDICTIONS}: must have one column 'agreement'"),
    (
        lambda: drop(PREDICTIONS, "probability_seed_3", "probability_seed_7"),
        f"{PREDICTIONS}: must have a column probability_seed_<seed>, however: it has none",
    ),
    (lambda: poison(SEED, np.nan), f"{SEED}: column 'V01' must hold finite numbers, however: nan"),
    (lambda: relabel(["maybe"] * 50), f"{PREDICTIONS}: label must be yes or no, however: 'maybe'"),
    (
        lambda: write_mask("aggregate_seed_7", mask_of(7, 49)),
        f"{SEED}: must have the 50 rows of predictions.parquet, however: 49",
    ),
    (
        lambda: explain(rows=49),
        f"{RELEVANCE}: must have the 49 rows of predictions.parquet, however: 50",
    ),
    (
        lambda: tables.write(
            RELEVANCE,
            tables.read(DATA / "test.parquet")
            .append_column("split", pa.array(["test"] * 50))
            .append_column("probability", pa.array([0.5] * 50)),
        ),
        f"{RELEVANCE}: column 'V01' must be bool, however: float",
    ),
]


@pytest.mark.usefixtures("explained")
@pytest.mark.parametrize(("fault", "line"), FAULTS)
def test_evaluate_names_what_is_wrong(fault: Callable[[], object], line: str) -> None:
    fault()
    with pytest.raises((ValueError, OSError)) as caught:
        evaluate.main(PARAMS, "syn4")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert not Path("reports").exists()
