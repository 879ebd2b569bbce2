"""Functions of tensors on a GPU that are launched as a whole, once a call, as a CUDA graph.

At TabNet's sizes a GPU computes an operation faster than Python starts it: started one by one,
the operations of an iteration take several times as long as they do in a graph.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

Function = Callable[..., Tensor]


class _Capture(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    output: Tensor


class Captured:
    """`function`, for arguments on a CUDA device.

    The first call with arguments of some shapes starts its operations one by one, which also
    readies the libraries that it uses; from the second one on they are a graph. Whatever tensors
    the function reads or writes besides its arguments must stay where they are.

    The result is overwritten by the next call with arguments of the same shapes.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        self._captures: dict[tuple[torch.Size, ...], _Capture | None] = {}

    def __call__(self, *arguments: Tensor) -> Tensor:
        shapes = tuple(argument.shape for argument in arguments)
        if shapes not in self._captures:
            self._captures[shapes] = None
            return self._function(*arguments)
        capture = self._captures[shapes] or self._capture(arguments)
        self._captures[shapes] = capture
        for held, argument in zip(capture.inputs, arguments, strict=True):
            held.copy_(argument)
        capture.graph.replay()
        return capture.output

    def _capture(self, arguments: tuple[Tensor, ...]) -> _Capture:
        """The operations of a call, recorded without being run."""
        inputs, graph = tuple(argument.clone() for argument in arguments), torch.cuda.CUDAGraph()
        with _nothing_freed(), torch.cuda.graph(graph):
            output = self._function(*inputs)
        return _Capture(graph, inputs, output)


@contextmanager
def _nothing_freed() -> Iterator[None]:
    """Without garbage collection: an older graph that it freed would end the recording of a new."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
