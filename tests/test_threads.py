"""How many threads are taken."""

import os
from pathlib import Path

import pytest

from tabnet.kernel import threads
from tabnet.kernel.threads import LEAST_WORK, chosen, cores


def quota(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text)
    monkeypatch.setattr(threads, "_QUOTA", file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("max 100000\n", 8), ("300000 100000\n", 3), ("50000 100000\n", 1), ("nonsense", 8)],
)
def test_a_containers_quota_bounds_the_cores(
    text: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    quota(text, tmp_path, monkeypatch)
    assert cores() == expected


def test_affinity_bounds_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota("max 100000", tmp_path, monkeypatch)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert cores() == 1


def test_a_thread_must_have_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 4)
    works = [0, LEAST_WORK, 2.9 * LEAST_WORK, 100 * LEAST_WORK, float("inf")]
    assert [chosen("auto", work=work) for work in works] == [1, 1, 2, 4, 4]
    assert [chosen(7, work=work) for work in works] == [7] * 5
