"""Checks params.yaml before any other stage runs, since DVC deletes a stage's outputs first.

And notes which code each stage runs, for that one to depend on: data/code/<stage>.txt. A change in
params.yaml, or of other stages' code, changes no such note, and makes nothing run again.
"""

from pathlib import Path

from stages import run
from tabnet import files, stage_code
from tabnet.params import Params


def main(params: Params) -> None:
    for dataset in params.datasets:
        device = params.of(dataset).train.device
        if device not in ("auto", "cpu"):
            # Torch alone knows whether the machine has the device, and is slow to import.
            from tabnet.device import resolve

            resolve(device)
    with files.replace_folder(Path("data", "code")) as folder:
        for stage in set(stage_code.stages()) - {"check"}:
            (folder / f"{stage}.txt").write_text(stage_code.digests(f"stages.{stage}"))


if __name__ == "__main__":
    run(main)
