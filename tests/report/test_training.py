"""The figure of the training's losses, with and without rows that were held out."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

from tabnet.report import charts, numbers, sentences
from tests.report.browser import Opened
from tests.report.example import write
from tests.report.test_page import render

# Seed 1 stops after epoch 2, seed 2 trains on, seed 3 diverges in epoch 2.
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 1, 1, 2, 2, 2, 3],
        "seed": [1, 2, 3, 1, 2, 3, 2],
        "loss": [1.0, 0.8, 0.9, 0.6, 0.4, None, 0.2],
        "sparsity": [0.5] * 7,
        "validation_loss": [0.7, 0.9, 1.1, 0.8, 0.6, None, 0.5],
    }
)
PLAIN = HISTORY.drop(columns="validation_loss")


def test_the_sentences_take_each_seed_at_its_own_end() -> None:
    assert sentences.training(HISTORY) == [
        "The mean loss of 2 seeds goes from 0.900 (epoch 1) to 0.400 (each seed's last epoch).",
        "At the end the seeds lie between 0.200 and 0.600.",
        "Some seeds stopped early: in each epoch the line is the mean of those still training.",
        "On the rows that each seed held out it was lowest in epochs 1 to 3, 0.600 in the mean; "
        "those epochs' weights were kept.",
    ]
    together = PLAIN[PLAIN["seed"] == 2]
    assert sentences.training(together) == [
        "The mean loss of 1 seed goes from 0.800 (epoch 1) to 0.200 (epoch 3)."
    ]


def test_one_epoch_is_a_point_of_each_line() -> None:
    one = HISTORY[HISTORY["epoch"] == 1]
    assert sentences.training(one)[0] == "The mean loss of 3 seeds is 0.900 in the one epoch."
    drawn, several = (charts.training(table).to_dict()["layer"] for table in (one, HISTORY))
    lines = [layer["mark"] for layer in drawn if layer["mark"]["type"] == "line"]
    assert [line["point"] for line in lines] == [True] * 4
    assert "'point': True" not in str(several)


def test_a_seed_that_diverged_is_in_neither_mean() -> None:
    seeds = {"epoch": [1, 1, 1, 2, 2, 2], "seed": [1, 2, 3] * 2}
    history = pd.DataFrame({**seeds, "loss": [1.0, 1.0, 40.0, 0.2, 0.4, None]})
    assert sentences.training(history)[0] == (
        "The mean loss of 2 seeds goes from 1.000 (epoch 1) to 0.300 (epoch 2)."
    )
    assert set(sentences.of_survivors(history)["seed"]) == {1, 2}
    assert set(sentences.of_survivors(history[history["seed"] == 3])["seed"]) == {3}


def test_a_loss_on_the_way_to_divergence_is_a_loss(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,seed,loss\n1,1,2.5e+37\n")
    read = numbers.read(tmp_path, features=["a"]).history
    assert read is not None
    assert read["loss"].tolist() == [2.5e37]
    assert sentences.training(read)
    (tmp_path / "history.csv").write_text("epoch,seed,loss\n1,1,1e+300\n")
    with pytest.raises(ValueError, match="must have loss from"):
        numbers.read(tmp_path, features=["a"])


def test_a_history_without_any_loss_still_has_its_sentences() -> None:
    nothing = HISTORY.assign(loss=float("nan"), validation_loss=float("nan"))
    assert sentences.training(nothing)[-1] == "No loss of rows held out is known."


def test_the_second_line_is_there_only_with_a_second_loss() -> None:
    with_it, without = charts.training(HISTORY).to_dict(), charts.training(PLAIN).to_dict()
    assert len(with_it["layer"]) == len(without["layer"]) + 2
    assert "validation" in str(with_it)
    assert "validation" not in str(without)
    assert "legend" not in str(without["layer"])


def test_a_loss_of_validation_that_is_no_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,seed,loss,validation_loss\n1,1,0.5,much\n")
    with pytest.raises(ValueError, match=r"history.csv: must be a table of numbers \(CSV\), how"):
        numbers.read(tmp_path, features=["a"])


@pytest.mark.slow
def test_the_report_draws_both_lines(browser: Browser, tmp_path: Path) -> None:
    root = write(tmp_path, rows=50)
    file = root / "reports/syn4/history.csv"
    history = pd.read_csv(file)
    history.assign(validation_loss=2 * history["loss"]).to_csv(file, index=False)
    (root / "report.html").write_text(render(root), "utf-8")
    page = Opened(browser, (root / "report.html").as_uri())
    legend = page.page.text_content("#training svg") or ""
    assert "rows trained on" in legend
    assert "rows held out" in legend
    dashed = page.page.locator("#training svg path[stroke-dasharray='6,3']")
    assert dashed.count() >= 1
    assert page.said == []
    page.close()


@pytest.mark.slow
def test_numbers_of_epochs_do_not_run_together(browser: Browser, tmp_path: Path) -> None:
    root = write(tmp_path, rows=50)
    epochs = {"epoch": range(1, 101), "seed": 1, "loss": np.geomspace(1, 0.1, 100)}
    pd.DataFrame(epochs).to_csv(root / "reports/syn4/history.csv", index=False)
    (root / "report.html").write_text(render(root), "utf-8")
    size = {"width": 390, "height": 900}
    page = Opened(browser, (root / "report.html").as_uri(), viewport=size)
    boxes = page.page.eval_on_selector_all(
        "#training .role-axis-label text:not([opacity='0'])",
        """all => all.filter((text) => /^\\d+$/.test(text.textContent))
            .map((text) => text.getBoundingClientRect())
            .map(({ left, right }) => [left, right])""",
    )
    page.close()
    assert len(boxes) > 2
    assert all(left - right > 3 for (_, right), (left, _) in pairwise(sorted(boxes)))
