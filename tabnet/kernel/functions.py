"""exp, log and sigmoid of vectors of float32.

Each is as accurate as a good library's (errors below, in units in the last place, over the ranges
that TabNet needs; a test measures them). The polynomials are those of Cephes (S. Moshier,
expf.c and logf.c).
"""

import numpy as np

from tabnet.kernel.bits import (
    exponent,
    mantissa,
    reciprocal,
    shifted,
    times_power_of_two,
    unshifted,
)
from tabnet.kernel.compiled import compiled
from tabnet.kernel.vectors import Vector, maximum, minimum

_ZERO, _ONE = np.float32(0), np.float32(1)
_HALF = np.float32(0.5)
_LOG2_E = np.float32(1.4426950408889634)
# log 2 in two parts, the first of few digits: its multiples by an exponent are exact.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
# exp beyond these, or one over it, would leave the normal numbers.
_EXP_LOWEST, _EXP_HIGHEST = np.float32(-87), np.float32(86)

# Of e^r, from r^7 to r^2, and of log(1 + m), from m^11 to m^3: single numbers, so that they are
# constants of the compiled code.
_E7, _E6 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3)
_E5, _E4 = np.float32(8.3334519073e-3), np.float32(4.1665795894e-2)
_E3, _E2 = np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)

_L11, _L10 = np.float32(7.0376836292e-2), np.float32(-1.1514610310e-1)
_L9, _L8 = np.float32(1.1676998740e-1), np.float32(-1.2420140846e-1)
_L7, _L6 = np.float32(1.4249322787e-1), np.float32(-1.6668057665e-1)
_L5, _L4 = np.float32(2.0000714765e-1), np.float32(-2.4999993993e-1)
_L3 = np.float32(3.3333331174e-1)


@compiled
def exp(x: Vector) -> Vector:
    """e^x for x in [-87, 86], clamped to it; within 1.01 ulp. NaN of the NaN that arithmetic makes.

    x = n log 2 + r with |r| <= log(2)/2; e^x = 2^n e^r.
    """
    x = minimum(maximum(x, _EXP_LOWEST), _EXP_HIGHEST)
    at = shifted(x * _LOG2_E)
    n = unshifted(at)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_E7 * r + _E6) * r + _E5) * r + _E4) * r + _E3) * r + _E2
    return times_power_of_two(p * (r * r) + r + _ONE, at)


@compiled
def sigmoid(x: Vector) -> Vector:
    """1 / (1 + e^-x), within 2.5 ulp for x >= -86."""
    return reciprocal(_ONE + exp(_ZERO - x))


@compiled
def log(x: Vector) -> Vector:
    """The natural logarithm of normal numbers from 1e-37 to 1e37, within 1 ulp; NaN of NaN.

    x = 2^n (1 + m) with 1 + m in [sqrt(1/2), sqrt(2)); log x = n log 2 + log(1 + m).
    """
    n = exponent(x) + _ZERO * x  # what is no number has bits like any other
    m = mantissa(x) - _ONE
    z = m * m
    p = (((_L11 * m + _L10) * m + _L9) * m + _L8) * m + _L7
    p = ((((p * m + _L6) * m + _L5) * m + _L4) * m + _L3) * m
    return m + (p * z + n * _LN2_LOW - _HALF * z) + n * _LN2_HIGH
