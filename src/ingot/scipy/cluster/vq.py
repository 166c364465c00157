"""Vector quantization: the nearest entry of a code book."""

from __future__ import annotations

from typing import Any

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.promotion import promote_dtypes

__all__ = ["vq"]


def vq(obs: Any, code_book: Any, check_finite: bool = True) -> tuple[Any, Any]:
    """Find the nearest code of each observation, and the distance to it.

    obs: real [n, features], or [n] for one feature. code_book: real [codes, features] or [codes].
    check_finite: without effect -> (integers [n], floats [n]). Raises ValueError if the shapes do
    not fit.

    >>> from ingot.scipy.cluster.vq import vq
    >>> vq(np.array([[0.9], [3.2]]), np.array([[1.0], [3.0]]))[0]
    Array([0, 1], dtype=int64)
    """
    obs, codes = promote_dtypes("vq", obs, code_book, kind="inexact")
    if obs.ndim != codes.ndim or obs.ndim not in (1, 2):
        raise ValueError("vq: obs and code_book must both be vectors or both be matrices, got"
                         f" {obs.aval} and {codes.aval}")
    if obs.ndim == 1:
        obs, codes = obs[:, None], codes[:, None]
    if obs.shape[1] != codes.shape[1]:
        raise ValueError(f"vq: observations have {obs.shape[1]} features, and codes"
                         f" {codes.shape[1]}")
    distance = jnp.linalg.norm(obs[:, None] - codes[None], axis=-1)
    return jnp.argmin(distance, axis=1), jnp.min(distance, axis=1)

_hide_frames_of(__name__)
