"""vl-convert in a process of its own: charts to Vega and SVG, SVG to PNG.

It takes half a second to start, and while it works no other thread of its process does. So it
starts with the first module that draws, while the next ones are imported, and works while the next
chart is described.
"""

import atexit
import base64
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

# vl-convert has a font of its own, and would prefer the machine's of that name. So it is not told
# where these are before it has loaded its own: text is then drawn alike everywhere, and only what
# that font lacks depends on the machine.
NO_FONTS = Path(__file__).parent / "report" / "fonts.conf"
FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")

Asked = tuple[str, tuple[Any, ...], dict[str, Any]]  # a function, its arguments and its options


class Rendering:
    """Calls of vl-convert's functions, in the order in which they are asked for."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"FONTCONFIG_FILE": str(NO_FONTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._asked: SimpleQueue[tuple[Future[Any], Asked]] = SimpleQueue()
        # Not a pool's, which would be waited for at exit, whatever is still to be drawn.
        Thread(target=self._answer, daemon=True).start()
        atexit.register(self.end)

    def call(self, function: str, *arguments: Any, **options: Any) -> Future[Any]:
        """What a function of vl-convert returns, later: JSON, text, or bytes.

        An argument can be the future of an earlier call: its result is meant. Raises RuntimeError
        with what the function raises, ChildProcessError if the process has ended.
        """
        future: Future[Any] = Future()
        self._asked.put((future, (function, arguments, options)))
        return future

    def _answer(self) -> None:
        while True:
            future, asked = self._asked.get()
            try:
                future.set_result(self._call(*asked))
            except Exception as error:  # whoever waits for the result raises it
                future.set_exception(error)

    def _call(self, function: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        known = [each.result() if isinstance(each, Future) else each for each in arguments]
        try:
            _write(self._process.stdin, [function, known, options])
            answer = _read(self._process.stdout)
        except BrokenPipeError:
            answer = None
        if answer is None:
            status = self._process.wait()
            raise ChildProcessError(f"what draws the charts ended with status {status}")
        result, encoded, error = answer
        if error is not None:
            raise RuntimeError(f"{function}: {error}")
        return base64.b64decode(result) if encoded else result

    def end(self) -> None:
        """End the process, which keeps nothing."""
        self._process.kill()
        # What it was asked for last may not have reached it.
        with suppress(BrokenPipeError), self._process:  # which closes the pipes, and waits
            pass


@cache
def rendering() -> Rendering:
    """The process that renders for this one, started when first asked for."""
    return Rendering()


def _write(pipe: IO[bytes], message: object) -> None:
    """One line of JSON."""
    pipe.write(json.dumps(message).encode() + b"\n")
    pipe.flush()


def _read(pipe: IO[bytes]) -> Any:
    """What was written; None at the end."""
    line = pipe.readline()
    return json.loads(line) if line.endswith(b"\n") else None


def _serve() -> None:
    """Answer calls until there are no more, or nobody who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asking process gets it as well, and ends
    with suppress(BrokenPipeError), os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        # For what a library may print; there need not be a stderr.
        other = sys.stderr.fileno() if sys.stderr else os.open(os.devnull, os.O_WRONLY)
        os.dup2(other, sys.stdout.fileno())
        import vl_convert

        for folder in filter(os.path.isdir, map(os.path.expanduser, FONTS)):
            vl_convert.register_font_directory(folder)
        vl_convert.vegalite_to_svg({"mark": "point"})  # starts all of it
        while asked := _read(sys.stdin.buffer):
            function, arguments, options = asked
            try:
                result = getattr(vl_convert, function)(*arguments, **options)
            except Exception as error:  # the asking process raises it
                _write(answers, [None, False, str(error)])
                continue
            encoded = isinstance(result, bytes)
            text = base64.b64encode(result).decode("ascii") if encoded else result
            _write(answers, [text, encoded, None])


if __name__ == "__main__":
    _serve()
