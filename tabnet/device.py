"""What computes: `train.device` resolved against what this machine has."""

import sys
from pathlib import Path
from typing import Literal

from tabnet.errors import InputError

Device = Literal["auto", "cpu", "cuda", "mps"]

# What the drivers of NVIDIA, AMD and WSL leave on a machine that has an accelerator.
_DRIVERS = tuple(map(Path, ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")))


def available() -> list[str]:
    """The devices of this machine, the fastest first."""
    if sys.platform == "linux" and not any(driver.exists() for driver in _DRIVERS):
        return ["cpu"]  # known without importing torch, which takes longer than most stages
    import torch

    found = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    return [name for name, present in found.items() if present]


def resolve(device: Device, *, key: str = "train.device") -> str:
    """The device to compute on; `auto` is the fastest that the machine has.

    Raises ValueError, naming the key and what the machine has, for a device that it lacks.
    """
    if device == "cpu":
        return device
    has = available()
    if device != "auto" and device not in has:
        raise InputError(f"{key} must be auto or one of {has} on this machine, however: {device}")
    return has[0] if device == "auto" else device
