"""Checks params.yaml before any other stage runs, since DVC deletes a stage's outputs first.

The output never changes: only a mistake in params.yaml stops what comes after, a change does not
make anything run again.
"""

from pathlib import Path

from stages import run
from tabnet import tables
from tabnet.params import Params


def main(params: Params) -> None:
    for dataset in params.datasets:
        device = params.of(dataset).train.device
        if device not in ("auto", "cpu"):
            # Torch alone knows whether the machine has the device, and is slow to import.
            from tabnet.device import resolve

            resolve(device)
    tables.write_text(Path("data", "params.valid"), "params.yaml is valid.\n")


if __name__ == "__main__":
    run(main)
