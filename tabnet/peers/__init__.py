"""Other ways to learn which features matter, measured on the same rows and with the same scores.

Their packages are the optional dependency `peers`, which no stage but `peers` needs.
"""

from importlib.util import find_spec

from tabnet.errors import InputError

PACKAGES = ("captum", "lightgbm", "pytorch_tabnet", "sklearn")


def check_installed() -> None:
    """Raises ValueError, in one line that says what to do, if a package is missing."""
    for package in PACKAGES:
        if find_spec(package) is None:
            raise InputError(
                f"peers must find the package {package}, however: it is not installed;"
                " `make peers` installs it"
            )
