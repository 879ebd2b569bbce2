"""Checks params.yaml before any other stage runs, since DVC deletes a stage's outputs first.

And notes which code each stage runs, for that one to depend on: data/code/<stage>.txt. A change in
params.yaml, or of other stages' code, changes no such note, and makes nothing run again.
"""

from pathlib import Path

from stages import run
from tabnet import files, stage_code
from tabnet.errors import InputError
from tabnet.params import Params


def main(params: Params) -> None:
    for dataset in params.datasets:
        own = params.of(dataset)
        _check_buffer(own, key=f"params.yaml: {params.where(dataset, 'train.buffer_rows')}")
        device = own.train.device
        if device not in ("auto", "cpu"):
            # Torch alone knows whether the machine has the device, and is slow to import.
            from tabnet.device import resolve

            resolve(device, key=f"params.yaml: {params.where(dataset, 'train.device')}")
    with files.replace_folder(Path("data", "code")) as folder:
        for stage in set(stage_code.stages()) - {"check"}:
            files.write_text(folder / f"{stage}.txt", stage_code.digests(f"stages.{stage}"))


def _check_buffer(params: Params, *, key: str) -> None:
    """The buffer is filled with whole row groups, as `generate` writes them."""
    rows, most = params.generate.train_rows, params.train.buffer_rows
    if rows > most:
        from tabnet.tables import GROUP_ROWS  # and with it pyarrow, which is slow to import

        if most < (least := min(rows, GROUP_ROWS)):
            raise InputError(
                f"{key} must be at least {least}, the rows of a row group, however: {most}"
            )


if __name__ == "__main__":
    run(main)
