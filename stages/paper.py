"""Draws the page that sets the scores beside those of the paper and of other methods."""

import json
from pathlib import Path

from stages import run
from tabnet import files
from tabnet.params import Params
from tabnet.report import provenance
from tabnet.report.paper import inputs, page, results

REPORTS = Path("reports")


def main(params: Params, table: str) -> None:
    """Writes reports/<table>.html and reports/<table>.json, from what reports/<table> collects.

    Other files go from there, as from reports/index.
    """
    folder = REPORTS / table
    read = inputs.read(folder, params)
    found = results.collect(read)
    text = json.dumps(found, indent=1, sort_keys=True, allow_nan=False)
    files.write_text(REPORTS / f"{table}.json", f"{text}\n")
    used = [path for one in read for path in inputs.files(folder, one)]
    files.remove_others(folder, used)
    blocks: provenance.Blocks = [
        {"title": "Parameters", "rows": _parameters(params)},
        {
            "title": "Files: SHA-256",
            "rows": [(path.name, files.digest(path).hex()) for path in used],
        },
        {"title": "Libraries", "rows": provenance.libraries()},
    ]
    files.write_text(REPORTS / f"{table}.html", page.html(found, provenance=blocks))


def _parameters(params: Params) -> provenance.Pairs:
    """The sections that decide a training, and what differs for a data set that was run."""
    overrides = {name: params.overrides.get(name) for name in params.datasets}
    tree = {
        "datasets": params.datasets,
        "peers": params.peers,
        "model": params.model.model_dump(),
        "train": params.train.model_dump(),
        "overrides": {name: one.model_dump() for name, one in overrides.items() if one},
    }
    return provenance.parameters(tree)


if __name__ == "__main__":
    run(main)
