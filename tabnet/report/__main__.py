"""A report of any folder of masks, without the pipeline: `python -m tabnet.report FOLDER`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tabnet import files
from tabnet.errors import InputError, squeeze
from tabnet.params import CLIP
from tabnet.report import images, numbers, provenance, report
from tabnet.report.explanation import open_folder


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the report; what is wrong with a file is one line and exit status 1."""
    try:
        run(parser().parse_args(arguments))
    except (InputError, OSError) as error:
        sys.exit(squeeze(error) or type(error).__name__)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="python -m tabnet.report", description=__doc__)
    add = result.add_argument
    needed = "folder of consensus.parquet and aggregate.parquet; also step_1.parquet, ..."
    add("folder", type=Path, help=needed)
    add("--out", type=Path, default=Path("report.html"), help="file to write (report.html)")
    add("--name", help="what to call the data (the name of the folder)")
    add("--values", type=Path, help="Parquet file of the explained rows' features")
    truths = (
        "Parquet file of the truth: a column split, and for each feature whether it is relevant"
    )
    add("--relevance", type=Path, help=truths)
    explained = "which rows of --relevance were explained, by its column split (test)"
    add("--split", help=f"{explained}; without --relevance, what to call the rows")
    add("--numbers", type=Path, help=f"folder of any of {', '.join(numbers.FILES)} (FOLDER)")
    add("--sort-by", default="row", help="row, a feature, label, prediction or agreement (row)")
    clip = "colours end at this quantile of a panel's cells; 1: at the largest"
    add("--quantile", type=float, default=CLIP, help=f"{clip} ({CLIP})")
    add("--masks", type=Path, help="also draw the masks as this .png or .svg file")
    return result


def run(options: argparse.Namespace) -> None:
    """Reads the folder, draws its report, and says where it is."""
    if not 0 < options.quantile <= 1:
        raise InputError(f"--quantile must be above 0 and at most 1, however: {options.quantile}")
    if options.folder.exists() and not options.folder.is_dir():
        raise InputError(f"the masks must be in a folder, however: {options.folder} is a file")
    if options.out.is_dir():
        raise InputError(f"--out must be a file, however: {options.out} is a folder")
    if options.numbers is not None and not options.numbers.is_dir():
        raise InputError(f"--numbers must be a folder, however: {options.numbers}")
    if options.masks is not None and options.masks.suffix not in (".png", ".svg"):
        raise InputError(f"--masks must be a .png or .svg file, however: {options.masks}")
    _check_written(options)
    explanation = open_folder(
        options.folder,
        name=files.shown(options.name or options.folder.resolve().name),
        values=options.values,
        relevance=options.relevance,
        split=options.split or ("test" if options.relevance else ""),
    )
    drawn = report.collect(
        explanation,
        numbers.read(options.numbers or options.folder, features=explanation.features),
        sort_by=options.sort_by,
        quantile={"aggregate": options.quantile, "steps": options.quantile},
    )
    made_from = provenance.of_folder(explanation)
    files.write_text(options.out, report.html(drawn, provenance=made_from))
    print(files.shown(options.out))
    if options.masks is not None:
        _save(options.masks, drawn)
        print(files.shown(options.masks))


def _check_written(options: argparse.Namespace) -> None:
    """Whether what is written takes the place of nothing that is read, nor of each other."""
    written = {"--out": options.out, "--masks": options.masks}
    places = {os.path.realpath(path) for path in written.values() if path is not None}
    if options.masks is not None and len(places) < 2:
        raise InputError(f"--masks must be another file than --out, however: {options.masks}")
    read = [options.values, options.relevance, *options.folder.glob("*.parquet")]
    for folder in (options.folder, options.numbers):
        read += [folder / name for name in numbers.FILES] if folder is not None else []
    for option, path in written.items():
        if path is not None and any(file and _same(file, path) for file in read):
            raise InputError(f"{option} must be no file that is read, however: {path}")


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _save(path: Path, drawn: report.Report) -> None:
    picture = images.svg(report.picture(drawn))
    if path.suffix == ".png":
        files.write_bytes(path, images.squeezed(images.png(picture).result()))
    else:
        files.write_text(path, picture.result())


if __name__ == "__main__":
    main()
