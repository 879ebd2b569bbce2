"""Where torch computes: `train.device` resolved against what this machine has."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Device = Literal["auto", "cpu", "cuda", "mps"]


def available() -> list[str]:
    """The devices of this machine, the fastest first."""
    found = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    return [name for name, present in found.items() if present]


def resolve(device: Device) -> torch.device:
    """The torch device for `train.device`; `auto` is the fastest that the machine has.

    Raises ValueError, naming what the machine has, for a device that it lacks.
    """
    has = available()
    if device != "auto" and device not in has:
        raise ValueError(
            f"train.device must be auto or one of {has} on this machine, however: {device}"
        )
    return torch.device(has[0] if device == "auto" else device)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use `count` CPU threads within the block, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
