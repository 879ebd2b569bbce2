"""What computes: `train.device` resolved against what this machine has."""

import sys
from pathlib import Path

from tabnet.errors import InputError
from tabnet.params import Device
from tabnet.plain_yaml import join, show

# What the drivers of NVIDIA, AMD and WSL leave on a machine that has an accelerator.
_DRIVERS = tuple(map(Path, ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")))


def available() -> list[str]:
    """The devices of this machine; `auto` takes the first."""
    if sys.platform == "linux" and not any(driver.exists() for driver in _DRIVERS):
        return ["cpu"]  # known without importing torch, which takes longer than most stages
    import torch

    found = {
        "cuda": torch.cuda.is_available(),
        "cpu": True,
        "mps": torch.backends.mps.is_available(),
    }
    return [name for name, present in found.items() if present]


def resolve(device: Device, *, key: str = "train.device") -> str:
    """The device to compute on; `auto` is cuda where the machine has it, else cpu.

    Raises ValueError, naming the key and what the machine has, for a device that it lacks.
    """
    if device == "cpu":
        return device
    has = available()
    if device != "auto" and device not in has:
        raise InputError(
            f"{key} must be one of auto, {join(has)} on this machine, however: {show(device)}"
        )
    return has[0] if device == "auto" else device
