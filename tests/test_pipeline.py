"""The pipeline as a person uses it: what runs again, what is shown, experiments, same bytes."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from tests.clones import Clone

pytestmark = pytest.mark.slow

DATASETS = ("syn2", "syn4")


@pytest.fixture
def run(small_run: Clone) -> Iterator[Clone]:
    """The small run, put back afterwards to what was committed."""
    yield small_run
    small_run.run("git", "reset", "-q", "--hard")
    small_run.run("git", "clean", "-qfd")
    small_run.run("dvc", "checkout", "-q", "--force")


def of(*stages: str) -> set[str]:
    return {f"{stage}@{dataset}" for stage in stages for dataset in DATASETS}


def test_every_promised_file_is_there(run: Clone) -> None:
    for dataset in DATASETS:
        data, reports = run.path / "data" / dataset, run.path / "reports" / dataset
        tables = ["train.parquet", "test.parquet", "relevance.parquet", "model.safetensors"]
        masks = ["consensus", "aggregate", "predictions", "step_1", "step_2", "step_3", "step_4"]
        masks += [f"aggregate_seed_{seed}" for seed in (1, 2, 3)]
        expected = {*tables, "explanation", *(f"explanation/{mask}.parquet" for mask in masks)}
        assert {p.relative_to(data).as_posix() for p in data.rglob("*")} == expected
        assert {p.name for p in reports.iterdir()} >= {
            "report.html",
            "metrics.json",
            "history.csv",
            "importance.csv",
            "trust.json",
            "trust_by_seed.csv",
            "faithfulness.csv",
            "masks.png",
            "masks.svg",
        }
    assert (run.path / "reports" / "index.html").is_file()


def test_nothing_runs_twice(run: Clone) -> None:
    assert run.repro() == []
    assert run.run("git", "status", "--porcelain").stdout == ""


def test_a_colour_clip_redraws_only_the_reports(run: Clone) -> None:
    run.set(report__quantile__aggregate="0.9")
    assert set(run.repro()) == of("report") | {"index"}


def test_other_noise_judges_the_masks_again_and_trains_nothing(run: Clone) -> None:
    run.set(trust__noise="0.1")
    assert set(run.repro()) == of("trust", "report")  # the index shows none of it


def test_an_override_runs_its_data_set_alone(run: Clone) -> None:
    run.set(overrides__syn4__train="{epochs: 4}")
    ran = set(run.repro())
    stages = ("train", "explain", "evaluate", "trust", "report")
    assert ran == {f"{stage}@syn4" for stage in stages} | {"index"}
    for dataset, epochs in (("syn2", 2), ("syn4", 4)):
        history = pd.read_csv(run.path / "reports" / dataset / "history.csv")
        assert history["epoch"].max() == epochs
        report = (run.path / "reports" / dataset / "report.html").read_text()
        assert f'<th scope="row">train.epochs</th><td>{epochs}</td>' in report
        assert "overrides" not in report
    run.set(overrides__syn2__generate="{test_rows: 150}")
    ran = set(run.repro())
    assert not {stage for stage in ran if stage.endswith("@syn4")}
    assert {"generate@syn2", "explain@syn2"} <= ran
    assert "train@syn2" not in ran


def test_a_data_set_of_the_paper_runs(run: Clone) -> None:
    run.run("dvc", "exp", "run", "-S", "datasets=[paper_syn4]")
    metrics = json.loads((run.path / "reports/paper_syn4/metrics.json").read_text())["paper_syn4"]
    assert 0.5 < metrics["bayes"]["auc"] < 1
    assert "overrides" not in (run.path / "reports/paper_syn4/report.html").read_text()
    assert "paper_syn4" in (run.path / "reports/index.html").read_text()


def test_editing_a_chart_retrains_nothing(run: Clone) -> None:
    module = run.path / "tabnet" / "report" / "charts.py"
    module.write_text(module.read_text() + "\n# A remark.\n")
    assert set(run.repro()) <= of("report") | {"index"}


def test_fewer_data_sets_leave_no_trace_in_what_is_shown(run: Clone) -> None:
    run.set(datasets="[syn4]")
    assert set(run.repro()) == {"index"}
    assert "syn2" not in (run.path / "reports" / "index.html").read_text()
    assert "syn2" not in run.run("dvc", "metrics", "show").stdout
    assert "syn2" not in run.run("dvc", "dag", "--dot").stdout


def test_what_dvc_notes_does_not_depend_on_the_runs_before(run: Clone) -> None:
    lock, params = run.path / "dvc.lock", run.path / "params.yaml"
    run.set(tables="[paper]", datasets="[syn4]", train__epochs="1")
    text = params.read_text()
    for folder in ("index", "paper"):
        shutil.rmtree(run.path / "reports" / folder)
    run.repro()
    before = YAML(typ="safe").load(lock)["stages"]
    # What is no longer listed is noted as it last ran.
    expected = {name: noted for name, noted in before.items() if not name.endswith("@syn2")}
    assert len(expected) > 8
    run.set(datasets="[syn2, syn4]", peers="[syn2]")
    run.repro()
    params.write_text(text)
    run.repro()
    found = YAML(typ="safe").load(lock)["stages"]
    assert {name: found[name] for name in expected} == expected
    assert run.repro() == []


def test_the_page_beside_the_paper_is_made_when_it_is_asked_for(run: Clone) -> None:
    page, numbers = (run.path / "reports" / f"paper.{kind}" for kind in ("html", "json"))
    assert not page.exists()
    run.set(tables="[paper]")
    assert run.repro() == ["paper@paper"]
    assert set(json.loads(numbers.read_text())["masks"]) == {"syn2", "syn4"}
    run.set(peers="[syn4]")
    assert run.repro() == ["peers@syn4", "paper@paper"]
    assert set(json.loads(numbers.read_text())["peers"]) == {"syn4"}
    assert run.repro() == []
    run.set(peers="[]")
    assert run.repro() == ["paper@paper"]
    assert json.loads(numbers.read_text())["peers"] == {}
    run.set(datasets="[syn4]", evaluate__threshold="0.1")
    assert set(run.repro()) >= {"evaluate@syn4", "paper@paper"}
    assert set(json.loads(numbers.read_text())["masks"]) == {"syn4"}
    assert "syn2.scores.json" not in page.read_text()


def test_fewer_seeds_generate_nothing_again_and_leave_no_trace_in_what_is_shown(run: Clone) -> None:
    run.set(train__seeds="[2]")
    ran = set(run.repro())
    assert not ran & of("generate")
    assert ran >= of("train", "explain", "evaluate", "trust", "report")
    for dataset in DATASETS:
        explanation = run.path / "data" / dataset / "explanation"
        assert [p.name for p in explanation.glob("*seed*")] == ["aggregate_seed_2.parquet"]
        history = pd.read_csv(run.path / "reports" / dataset / "history.csv")
        assert set(history["seed"]) == {2}
        consensus = pd.read_parquet(explanation / "consensus.parquet")
        alone = pd.read_parquet(explanation / "aggregate_seed_2.parquet")
        pd.testing.assert_frame_equal(consensus, alone, rtol=1e-5)


def test_what_dvc_shows(run: Clone) -> None:
    dag = run.run("dvc", "dag", "--dot").stdout
    for edge in (
        "generate train",
        "train explain",
        "explain evaluate",
        "evaluate report",
        "train trust",
        "trust report",
    ):
        first, second = edge.split()
        assert f'"{first}@syn4" -> "{second}@syn4"' in dag
    metrics = json.loads(run.run("dvc", "metrics", "show", "--json").stdout)
    shown = metrics[""]["data"][str(Path("reports", "syn4", "metrics.json"))]["data"]["syn4"]
    assert {"rma", "rra", "tpr", "fdr", "auc"} <= shown["consensus"].keys()
    judged = metrics[""]["data"][str(Path("reports", "syn4", "trust.json"))]["data"]["syn4"]
    assert {"sufficiency_auc", "noise_distance"} <= judged["consensus"].keys()
    run.set(train__lambda_sparse="0.5")
    assert "train.lambda_sparse" in run.run("dvc", "params", "diff").stdout
    run.repro()
    assert "syn4.consensus.rma" in run.run("dvc", "metrics", "diff").stdout
    for command in ("show", "diff"):
        run.run("dvc", "plots", command, "-o", "plots")
        page = (run.path / "plots" / "index.html").read_text()
        assert "Training loss (syn4)" in page
        assert "Importance by the consensus mask (syn2)" in page
        assert "AUC with k features kept or removed (syn4)" in page
        assert page.count("masks.png") >= 2


def test_experiments(run: Clone) -> None:
    one = ("-S", "datasets=[syn2]", "evaluate@syn2")
    seeds = ("-S", "train.seeds=[4,5]", "-S", "train.epochs=4", "-S", "train.device=cpu")
    run.run("dvc", "exp", "run", "-n", "seeds", *seeds, *one)
    run.run("dvc", "exp", "run", "--queue", "-S", "train.lambda_sparse=0.001,0.1", *one)
    run.run("dvc", "queue", "start", "-j", "2")
    status = run.finish_queue()
    assert status.count("Success") == 2, status
    table = run.run("dvc", "exp", "show", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    found = {row["train.lambda_sparse"] for row in rows}
    assert {"0.001", "0.1"} <= found
    assert "4" in {row["train.epochs"] for row in rows}
    queued = [row["Experiment"] for row in rows if row["train.lambda_sparse"] in ("0.001", "0.1")]
    assert len(queued) == 2
    for name in queued:  # what ran beside another is what runs alone
        run.run("git", "reset", "-q", "--hard")
        run.run("dvc", "exp", "apply", name)
        lock = (run.path / "dvc.lock").read_bytes()
        assert set(run.repro("-f", "evaluate@syn2")) >= {"train@syn2", "explain@syn2"}
        assert (run.path / "dvc.lock").read_bytes() == lock
    run.run("git", "reset", "-q", "--hard")
    run.run("dvc", "exp", "apply", "seeds")
    assert YAML(typ="safe").load(run.path / "params.yaml")["train"]["seeds"] == [4, 5]
    history = pd.read_csv(run.path / "reports" / "syn2" / "history.csv")
    assert set(history["seed"]) == {4, 5}


def test_running_everything_again_changes_no_byte(run: Clone) -> None:
    before = (run.path / "dvc.lock").read_bytes()
    run.run("dvc", "repro", "-f", PYTHONHASHSEED="7", LC_ALL="C", TZ="Asia/Tokyo")
    assert (run.path / "dvc.lock").read_bytes() == before
    assert run.run("git", "status", "--porcelain").stdout == ""


def test_dvc_works_from_any_folder(run: Clone) -> None:
    inner = Clone(run.path / "tests")
    assert inner.repro("../dvc.yaml") == []
    assert inner.run("dvc", "--cd", "..", "status").stdout.startswith("Data and pipelines are up")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train__epochs": "0"}, "train.epochs"),
        ({"train__device": "cuda"}, "train.device must be"),
        ({"train__validation_share": "0.9999"}, "train.validation_share must leave"),
        ({"report__sort_by__syn4": "V99"}, "report.sort_by"),
        ({"model__virtual_batch_size": "1"}, "model.virtual_batch_size"),
        ({"overrides__syn4__train": "{epochs: 0}"}, "overrides.syn4.train.epochs"),
        ({"overrides__syn4": "{}"}, "overrides.syn4.generate"),
    ],
)
def test_a_mistake_is_one_line_and_touches_no_output(
    run: Clone, change: dict[str, str], message: str
) -> None:
    outputs = [p for d in ("data", "reports") for p in (run.path / d).rglob("*") if p.is_file()]
    # Of the stage that checks, DVC has deleted what it makes before it starts.
    outputs = [path for path in outputs if path.parent != run.path / "data/code"]
    before = {path: path.read_bytes() for path in outputs}
    run.set(**change)
    done = run.run("dvc", "repro", check=False)
    if "cuda" in change.values() and done.returncode == 0:
        pytest.skip("this machine has a CUDA device")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert message in done.stderr
    assert {path: path.read_bytes() for path in outputs} == before
