"""The rows that every benchmark prints, in the form that the page and the README show."""

HEAD = "| | here | beside | ratio | target |\n|---|---|---|---|---|"


def head() -> None:
    print(HEAD, flush=True)


def row(what: str, here: str, beside: str, ratio: float, target: str = "") -> None:
    """A line that says what was measured, its value, that of a peer or a floor, and their ratio."""
    print(
        f"| {what} | {here} | {beside} | {ratio:.{2 if ratio < 10 else 0}f} | {target} |",
        flush=True,
    )


def time(seconds: float) -> str:
    """A duration in the unit that suits it."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1e3:.2f} ms"


def rows(text: str) -> dict[str, str]:
    """Of a text, the lines of such tables by what they are of."""
    found: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        inside = line.startswith("|") and (inside or line == HEAD.split("\n")[0])
        if inside and line not in HEAD:
            found[line.split("|")[1].strip()] = line
    return found
