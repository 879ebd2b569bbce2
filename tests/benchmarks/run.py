"""All benchmarks, one after the other, into docs/benchmarks.md: `make bench`.

    python tests/benchmarks/run.py [NAME ...]

Runs tests/benchmarks/bench_NAME.py for each NAME (all of them unless told, `gpu` only where there
is one), prints what they print, and puts it into the page's section of that name; other sections
stay as they are. The page starts with all ratios in one table, and rows of it that README.md quotes
are renewed there.
"""

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from tests.benchmarks import table

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
README = HERE.parents[1] / "README.md"
TITLE = """# Benchmarks

Written by `make bench`, which runs `tests/benchmarks/bench_*.py`; each section says where and when.
A ratio is of the two things that its row names, measured in turn on one machine: the median of the
rounds' ratios, where there are several rounds.
"""
LIBRARIES = ("numba", "numpy", "pyarrow", "torch", "pytorch-tabnet", "dvc")


def machine() -> str:
    """What measured, in words."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    name = model[1] if model else platform.processor() or platform.machine()
    found = [library for library in LIBRARIES if find_spec(library.replace("-", "_"))]
    versions = ", ".join(f"{library} {version(library)}" for library in found)
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    cores = f"{os.cpu_count()} cores of {name}"
    return f"{gpu}{cores}, Python {platform.python_version()}, {versions}"


def section(name: str) -> str:
    """A benchmark's page section: what it is, where and when it ran, and what it printed."""
    file = HERE / f"bench_{name}.py"
    about = re.match(r'"""(.*?)"""', file.read_text(), re.DOTALL)
    assert about, f"{file} must start with a docstring"
    load = os.getloadavg()[0]
    printed = subprocess.run([sys.executable, file], capture_output=True, text=True)
    print(printed.stdout, printed.stderr, flush=True)
    if printed.returncode:
        sys.exit(f"{file} failed")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    where = f"{day}, {machine()}; {load:.1f} other processes ran."
    text = printed.stdout.strip()
    shown = text if "\n|---" in text else f"```\n{text}\n```"
    first = about[1].strip().split("\n\n")[0]
    return f"## {name}\n\n{' '.join(first.split())}\n\n{where}\n\n{shown}\n"


def write(sections: dict[str, str]) -> None:
    """The page: all ratios, then the sections; and the README's rows, as the page now has them."""
    shown = [sections[name].rstrip() + "\n" for name in sorted(sections)]
    rows = table.rows("\n".join(shown))
    ratios = "\n".join([table.HEAD, *rows.values()])
    PAGE.write_text("\n".join([TITLE, f"## Ratios\n\n{ratios}\n", *shown]))
    text = README.read_text()
    for what, line in table.rows(text).items():
        text = text.replace(line, rows.get(what, line))
    README.write_text(text)


def main(names: list[str]) -> None:
    every = sorted(file.stem.removeprefix("bench_") for file in HERE.glob("bench_*.py"))
    if unknown := set(names) - set(every):
        sys.exit(f"must be of {', '.join(every)}, however: {', '.join(sorted(unknown))}")
    old = PAGE.read_text() if PAGE.exists() else ""
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", old, re.DOTALL | re.MULTILINE))
    sections = {name: f"## {name}\n{text}" for name, text in parts.items() if name in every}
    here = [name for name in every if name != "gpu" or torch.cuda.is_available()]
    for name in names or here:
        sections[name] = section(name)
        write(sections)


if __name__ == "__main__":
    main(sys.argv[1:])
