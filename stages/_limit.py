"""A stage under a memory limit (`ulimit -v`): whatever the lack of it does, it ends in one line.

Where memory is refused, libraries end a process in ways that no `except` sees: by an abort, by an
exit of their own, by half an import. So a stage with a limit runs in a child process, and its
parent says what became of it. Without a limit nothing is done, and nothing is slower.
"""

import os
import re
import resource
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

MIB = 2**20
# Below this the libraries cannot all be loaded, or find out in a thread, and wait for ever.
LEAST = 1000 * MIB
# No buffer a processor, no gigabyte in reserve: neither changes a result.
FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
REMEDY = "allow more of it (ulimit -v), or take fewer train.seeds, or smaller batches"
# What draws the charts reserves so many addresses at once; if it is refused them, it says so.
DRAWING_GB, _DRAWING = 70, "CagedHeap reservation"

# What Python and the libraries say where memory, or a thread's stack, is refused.
_REFUSED = re.compile(
    r"MemoryError|bad_alloc|out of memory|memory allocation|allocate memory|cannot allocate"
    r"|unable to allocate"
    r"|failed to map segment|start new thread|launch worker thread|pthread_create"
    r"|Resource temporarily unavailable|create failed",
    re.IGNORECASE,
)
_ABORTS = {signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGSEGV, signal.SIGTRAP}


def limit() -> int | None:
    """The bytes of memory that this process may ask for; None if there is no such limit."""
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    soft = [resource.getrlimit(kind)[0] for kind in kinds]
    return min((bytes_ for bytes_ in soft if bytes_ != resource.RLIM_INFINITY), default=None)


def line(name: str, reason: str) -> str:
    """What a person is told whose stage has too little memory."""
    remedy = REMEDY
    if _DRAWING in reason:
        remedy = f"drawing reserves addresses and uses few: allow {DRAWING_GB} GB (ulimit -v)"
    return f"{name} must fit into memory, however: {reason}; {remedy}"


def watch(name: str) -> bool:
    """Goes on in a child process, if memory is limited; this one exits as the child does.

    Returns whether this is such a child.
    """
    allowed = limit()
    if allowed is None:
        return False
    if allowed < LEAST:
        least = f"its libraries take {LEAST // MIB} MiB, the limit is {allowed // MIB} MiB"
        sys.exit(line(name, least))
    for variable, value in FRUGAL.items():
        os.environ.setdefault(variable, value)
    if sys.stderr is None:  # closed, and the pipe must not take its number
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, sys.stderr.fileno())
        os.close(read)
        os.close(write)
        # Numba loads it where it is installed (for the other methods). Where its buffer is refused,
        # it waits for ever: it gets that while there is memory.
        if find_spec("scipy"):
            import_module("scipy.linalg")
        return True
    os.close(write)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has it as well, and ends by it
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    # What a process of its own says while it ends may stand around the line.
    told = re.search(rf"{re.escape(name)} must fit into memory, however: .*", said)
    if code and told:
        sys.stderr.write(f"{told[0]}\n")
    elif code == 0 or not _for_lack_of_memory(said, code):
        sys.stderr.write(said)
    else:
        reason = _reason(said.splitlines(), code)
        text = line(name, f"the limit of {allowed // MIB} MiB does not suffice{reason}")
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
    os._exit(code if code >= 0 else 1)


def _for_lack_of_memory(said: str, code: int) -> bool:
    return -code in _ABORTS or _REFUSED.search(said) is not None


def _reason(lines: Sequence[str], code: int) -> str:
    told = [text for text in lines if _REFUSED.search(text)]
    if told:
        return f" ({' '.join(told[-1].split())[:200]})"
    return f" (signal {-code})" if code < 0 else ""
