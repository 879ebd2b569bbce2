"""What every stage of the pipeline shares: how it is started, and how it ends."""

import ctypes
import inspect
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import _limit
from tabnet.errors import InputError, squeeze

if TYPE_CHECKING:
    from tabnet.params import Params

PARAMS = "params.yaml"
PR_SET_PDEATHSIG = 1
LONGEST = 600  # characters of an error's line


def run(main: Callable[..., None]) -> None:
    """Calls `main(params, *argv)`; a person's mistake is one line and exit status 1.

    A stage of one data set, whose second parameter is `dataset`, gets that one's parameters.
    """
    from tabnet.params import load

    _die_with_parent()
    _allow_open_files()
    try:
        params = load(PARAMS)
        arguments = _arguments(main, sys.argv[1:], params)
        main(_own(main, arguments, params), *arguments)
    except (InputError, OSError) as error:
        text = one_line(error) or type(error).__name__
        # What the system says of no file: the stage says at least where it was.
        nameless = isinstance(error, OSError) and error.errno and not error.filename
        sys.exit(f"{_name()}: {text}" if nameless else text)
    except MemoryError as error:
        sys.exit(_limit.line(_name(), one_line(error) or "out of memory"))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def one_line(error: BaseException) -> str:
    """What an error says, without line ends; of a very long text, which names a value, a part."""
    text = squeeze(error)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _name() -> str:
    """The stage as dvc.yaml names it: `train@syn2`."""
    # While its module is only looked for, Python says of it in `orig_argv` alone what it is.
    script = sys.orig_argv[-len(sys.argv)] if sys.argv[0] == "-m" else Path(sys.argv[0]).stem
    return "@".join([script.rpartition(".")[2], *sys.argv[1:]])


def _allow_open_files() -> None:
    """Explaining writes a file for each seed at once, more than the usual limit for very many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems refuse what they say is allowed
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _arguments(main: Callable[..., None], arguments: list[str], params: "Params") -> list[str]:
    names = list(inspect.signature(main).parameters)[1:]
    if len(arguments) != len(names):
        wanted = ", ".join(names) or "none"
        raise InputError(f"the stage's arguments must be: {wanted}, however: {arguments}")
    listed = {"dataset": ("data set", params.datasets), "table": ("table", params.tables)}
    for name, argument in zip(names, arguments, strict=True):
        what, known = listed.get(name, (name, (argument,)))
        if argument not in known:
            allowed = ", ".join(known) or "none"
            raise InputError(f"the {what} must be one of {allowed}, however: {argument!r}")
    return arguments


def _own(main: Callable[..., None], arguments: list[str], params: "Params") -> "Params":
    """The parameters of the data set among the arguments, if there is one."""
    named = dict(zip(list(inspect.signature(main).parameters)[1:], arguments, strict=True))
    return params.of(named["dataset"]) if "dataset" in named else params


def _die_with_parent() -> None:
    """Asks Linux to kill this process when the one that started it dies.

    A killed `dvc` would else leave a stage behind, which writes where the next one writes.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before the kernel knew, or while this process was still starting: then the
    # parent is another already, of another session.
    adopted = "DVC_STAGE" in os.environ and os.getsid(parent) != os.getsid(0)
    if adopted or os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _interrupted(kind: type[BaseException], *rest: Any) -> None:
    """A person's Ctrl-C while modules are imported: no traceback of whatever was under way."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, *rest)


if sys.argv[0] == "-m":  # the process of a stage, whose imports, come next, are its largest part
    sys.excepthook = _interrupted
    _die_with_parent()
    if _limit.watch(_name()):
        _die_with_parent()
