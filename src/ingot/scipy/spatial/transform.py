"""Rotations in three dimensions, and between them, under the names of scipy.spatial.transform.

A rotation is kept as a unit quaternion (x, y, z, w), the scalar last. Euler angles follow
Bernardes and Viollet, PLoS ONE 17(11), 2022.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ingot.numpy as jnp
from ingot import random
from ingot.core.static import known
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.promotion import inexact
from ingot.tree import register_dataclass, tree_map

_AXES = {"x": 0, "y": 1, "z": 2}
_SMALL = 1e-3
"""Angles up to which series are used, whose first neglected terms are below 1e-17."""


# ---- quaternions ---------------------------------------------------------------------------------
def _unit(quat: Any) -> Any:
    return quat / jnp.linalg.norm(quat, axis=-1, keepdims=True)


def _product(p: Any, q: Any) -> Any:
    """The quaternion of the rotation q followed by p."""
    a, b, v, w = p[..., 3:], q[..., 3:], p[..., :3], q[..., :3]
    vector = a * w + b * v + jnp.cross(v, w)
    return jnp.concatenate([vector, a * b - (v * w).sum(-1, keepdims=True)], -1)


def _of_matrix(matrix: Any) -> Any:
    """The quaternion by the largest of its components, which loses no digits."""
    m, trace = matrix, jnp.trace(matrix, axis1=-2, axis2=-1)
    diagonal = jnp.diagonal(m, axis1=-2, axis2=-1)
    skew = jnp.stack([m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0],
                      m[..., 1, 0] - m[..., 0, 1]], -1)
    symmetric = m + jnp.swapaxes(m, -1, -2)
    forms = []  # quaternions scaled by four times one component, one form a component
    for i in range(3):
        parts = [1 - trace + 2 * diagonal[..., i] if j == i else symmetric[..., i, j]
                 for j in range(3)]
        forms.append(jnp.stack([*parts, skew[..., i]], -1))
    forms.append(jnp.concatenate([skew, (1 + trace)[..., None]], -1))
    largest = jnp.argmax(jnp.concatenate([diagonal, trace[..., None]], -1), -1)
    stacked = jnp.stack(forms, -2)
    return _unit(jnp.take_along_axis(stacked, largest[..., None, None], -2)[..., 0, :])


def _of_rotvec(rotvec: Any) -> Any:
    square = (rotvec * rotvec).sum(-1, keepdims=True)
    small = square <= _SMALL * _SMALL
    angle = jnp.sqrt(jnp.where(small, 1, square))
    scale = jnp.where(small, 0.5 - square / 48 + square * square / 3840, jnp.sin(angle / 2) / angle)
    cosine = jnp.where(small, 1 - square / 8 + square * square / 384, jnp.cos(angle / 2))
    return jnp.concatenate([scale * rotvec, cosine], -1)


def _to_rotvec(quat: Any) -> Any:
    quat = jnp.where(quat[..., 3:] < 0, -quat, quat)
    square, cosine = (quat[..., :3] ** 2).sum(-1, keepdims=True), quat[..., 3:]
    small = square <= (_SMALL / 2) ** 2
    sine = jnp.sqrt(jnp.where(small, 1, square))
    # asin(s) / s as a series where the sine of half of the angle is small.
    series = 2 + square / 3 + 3 * square * square / 20
    return jnp.where(small, series, 2 * jnp.arctan2(sine, cosine) / sine) * quat[..., :3]


def _sequence(seq: str) -> tuple[list[int], bool]:
    """The axes of Euler angles, and whether they turn with the body (upper case)."""
    low = seq.lower()
    if not 1 <= len(seq) <= 3 or set(low) - set("xyz") or seq not in (low, seq.upper()):
        raise ValueError(f"Rotation: seq must be one to three of xyz (fixed axes) or of XYZ (axes"
                         f" of the body), got {seq!r}")
    if any(a == b for a, b in zip(low, low[1:], strict=False)):
        raise ValueError(f"Rotation: axes that follow each other must differ, got {seq!r}")
    return [_AXES[c] for c in low], seq != low


def _of_euler(axes: Sequence[int], intrinsic: bool, angles: Any) -> Any:
    half, result = angles / 2, None
    zero = jnp.zeros_like(half[..., 0])
    for n, axis in enumerate(axes):
        parts = [zero, zero, zero, jnp.cos(half[..., n])]
        parts[axis] = jnp.sin(half[..., n])
        turn = jnp.stack(parts, -1)
        result = turn if result is None else (
            _product(result, turn) if intrinsic else _product(turn, result))
    return result


def _to_euler(quat: Any, axes: Sequence[int], intrinsic: bool) -> Any:
    i, j, k = axes[::-1] if intrinsic else axes
    first, third = (2, 0) if intrinsic else (0, 2)
    symmetric = i == k
    k = 3 - i - j if symmetric else k
    sign = (i - j) * (j - k) * (k - i) // 2
    a, b, c, d = quat[..., 3], quat[..., i], quat[..., j], quat[..., k] * sign
    if not symmetric:
        a, b, c, d = a - c, b + d, c + a, d - b
    middle = 2 * jnp.arctan2(jnp.hypot(c, d), jnp.hypot(a, b))
    half_sum, half_difference = jnp.arctan2(b, a), jnp.arctan2(d, c)
    low, high = jnp.abs(middle) <= 1e-7, jnp.abs(middle - math.pi) <= 1e-7
    locked = low | high  # only a sum or a difference is determined: the third angle is zero
    turned = -2 * half_difference if not intrinsic else 2 * half_difference
    outer: list[Any] = [None, middle, None]
    outer[first] = half_sum - half_difference
    outer[third] = half_sum + half_difference
    outer[0] = jnp.where(low, 2 * half_sum, jnp.where(high, turned, outer[0]))
    outer[2] = jnp.where(locked, 0, outer[2])
    if not symmetric:
        outer[third] = outer[third] * sign
        outer[1] = outer[1] - math.pi / 2
    angles = jnp.stack(outer, -1)
    return jnp.where(angles < -math.pi, angles + 2 * math.pi,
                     jnp.where(angles > math.pi, angles - 2 * math.pi, angles))


# ---- Rotation ------------------------------------------------------------------------------------
@register_dataclass
@dataclass(frozen=True)
class Rotation:
    """One rotation in three dimensions, or an array of them: a pytree of unit quaternions.

    quat: float [..., 4] as (x, y, z, w). Made by `from_euler` and the like.

    >>> from ingot.scipy.spatial.transform import Rotation
    >>> Rotation.from_euler("z", 90, degrees=True).apply(jnp.array([1.0, 0.0, 0.0])).round(6)
    Array([0., 1., 0.], dtype=float64)
    """

    quat: Any

    @classmethod
    def concatenate(cls, rotations: Sequence[Rotation]) -> Rotation:
        """Several rotations as one array of them."""
        return cls(jnp.concatenate([jnp.atleast_2d(r.quat) for r in rotations]))

    @classmethod
    def from_euler(cls, seq: str, angles: Any, degrees: bool = False) -> Rotation:
        """Turns about axes in order, of space (xyz) or of the body (XYZ); angles: [...] or
        [..., number of axes]. Raises ValueError for other sequences, or another number of angles.
        """
        axes, intrinsic = _sequence(seq)
        angles = inexact("from_euler", jnp.asarray(known(angles)))
        if len(axes) == 1 and (angles.ndim == 0 or angles.shape[-1] != 1):
            angles = angles[..., None]
        if angles.ndim == 0 or angles.shape[-1] != len(axes):
            raise ValueError(f"from_euler: {len(axes)} angles are needed for {seq!r}, got"
                             f" {angles.aval}")
        return cls(_of_euler(axes, intrinsic, jnp.deg2rad(angles) if degrees else angles))

    @classmethod
    def from_matrix(cls, matrix: Any) -> Rotation:
        """Rotations from orthogonal matrices [..., 3, 3] of determinant 1."""
        return cls(_of_matrix(inexact("from_matrix", jnp.asarray(matrix))))

    @classmethod
    def from_mrp(cls, mrp: Any) -> Rotation:
        """Rotations from modified Rodrigues parameters [..., 3]: the axis times tan(angle / 4)."""
        mrp = inexact("from_mrp", jnp.asarray(mrp))
        square = (mrp * mrp).sum(-1, keepdims=True)
        return cls(jnp.concatenate([2 * mrp, 1 - square], -1) / (1 + square))

    @classmethod
    def from_quat(cls, quat: Any) -> Rotation:
        """Rotations from quaternions [..., 4] as (x, y, z, w), of any length but zero."""
        return cls(_unit(inexact("from_quat", jnp.asarray(quat))))

    @classmethod
    def from_rotvec(cls, rotvec: Any, degrees: bool = False) -> Rotation:
        """Rotations from vectors [..., 3] along the axis, as long as the angle."""
        rotvec = inexact("from_rotvec", jnp.asarray(rotvec))
        return cls(_of_rotvec(jnp.deg2rad(rotvec) if degrees else rotvec))

    @classmethod
    def identity(cls, num: int | None = None, dtype: Any = float) -> Rotation:
        """The rotation that changes nothing, `num` times."""
        one = jnp.array([0, 0, 0, 1], dtype)
        return cls(one if num is None else jnp.tile(one, (num, 1)))

    @classmethod
    def random(cls, random_key: Any, num: int | None = None) -> Rotation:
        """Rotations drawn uniformly."""
        return cls(_unit(random.normal(random_key, (4,) if num is None else (num, 4))))

    @property
    def single(self) -> bool:
        """Whether this is one rotation, not an array of them."""
        return self.quat.ndim == 1

    def __getitem__(self, index: Any) -> Rotation:
        if self.single:
            raise TypeError("Rotation: a single rotation has no elements")
        return Rotation(self.quat[index])

    def __len__(self) -> int:
        if self.single:
            raise TypeError("Rotation: a single rotation has no len()")
        return self.quat.shape[0]

    def __mul__(self, other: Rotation) -> Rotation:
        """The rotation `other`, followed by this one."""
        return Rotation(_unit(_product(self.quat, other.quat)))

    def apply(self, vectors: Any, inverse: bool = False) -> Any:
        """Vectors [..., 3], turned; with `inverse`, turned back."""
        matrix = self.as_matrix()
        return jnp.einsum("...kj,...k->...j" if inverse else "...jk,...k->...j", matrix, vectors)

    def as_euler(self, seq: str, degrees: bool = False) -> Any:
        """Angles [..., 3] about three axes as in `from_euler`: the first and the third in
        [-pi, pi]; the third is 0 where only their sum or difference is determined."""
        axes, intrinsic = _sequence(seq)
        if len(axes) != 3:
            raise ValueError(f"as_euler: seq must name three axes, got {seq!r}")
        angles = _to_euler(self.quat, axes, intrinsic)
        return jnp.rad2deg(angles) if degrees else angles

    def as_matrix(self) -> Any:
        """Orthogonal matrices [..., 3, 3]."""
        x, y, z, w = (self.quat[..., i] for i in range(4))
        rows = [x * x - y * y - z * z + w * w, 2 * (x * y - z * w), 2 * (x * z + y * w),
                2 * (x * y + z * w), -x * x + y * y - z * z + w * w, 2 * (y * z - x * w),
                2 * (x * z - y * w), 2 * (y * z + x * w), -x * x - y * y + z * z + w * w]
        return jnp.stack(rows, -1).reshape(*self.quat.shape[:-1], 3, 3)

    def as_mrp(self) -> Any:
        """Modified Rodrigues parameters [..., 3], of length 1 at most."""
        quat = jnp.where(self.quat[..., 3:] < 0, -self.quat, self.quat)
        return quat[..., :3] / (1 + quat[..., 3:])

    def as_quat(self, canonical: bool = False, scalar_first: bool = False) -> Any:
        """Quaternions [..., 4]; `canonical` ones have a positive w (or else x, y, z)."""
        quat = self.quat
        if canonical:
            ordered = jnp.concatenate([quat[..., 3:], quat[..., :3]], -1)
            first = jnp.argmax(ordered != 0, -1, keepdims=True)
            quat = jnp.where(jnp.take_along_axis(ordered, first, -1) < 0, -quat, quat)
        return jnp.roll(quat, 1, axis=-1) if scalar_first else quat

    def as_rotvec(self, degrees: bool = False) -> Any:
        """Vectors [..., 3] along the axis, as long as the angle, which is in [0, pi]."""
        rotvec = _to_rotvec(self.quat)
        return jnp.rad2deg(rotvec) if degrees else rotvec

    def inv(self) -> Rotation:
        """The rotations back."""
        return Rotation(self.quat * jnp.array([-1, -1, -1, 1], self.quat.dtype))

    def magnitude(self) -> Any:
        """The angles [...], in [0, pi]."""
        return 2 * jnp.arctan2(jnp.linalg.norm(self.quat[..., :3], axis=-1),
                               jnp.abs(self.quat[..., 3]))

    def mean(self, weights: Any = None) -> Rotation:
        """The rotation whose matrix is nearest to the (weighted) mean of the matrices."""
        quat = jnp.atleast_2d(self.quat)
        weights = jnp.ones(len(quat), quat.dtype) if weights is None else jnp.asarray(weights)
        _, vectors = jnp.linalg.eigh(jnp.einsum("n,ni,nj->ij", weights, quat, quat))
        return Rotation(vectors[:, -1])


# ---- Slerp ---------------------------------------------------------------------------------------
@register_dataclass
@dataclass(frozen=True)
class Slerp:
    """Rotations between rotations at times: each interval is passed at constant speed.

    Made by `init(times, rotations)`, and called with times.

    >>> from ingot.scipy.spatial.transform import Rotation, Slerp
    >>> turns = Rotation.from_euler("z", jnp.array([0.0, 90.0]), degrees=True)
    >>> Slerp.init(jnp.array([0.0, 1.0]), turns)(0.5).as_euler("xyz", degrees=True)
    Array([ 0.,  0., 45.], dtype=float64)
    """

    times: Any
    timedelta: Any
    rotations: Rotation
    rotvecs: Any

    @classmethod
    def init(cls, times: Any, rotations: Rotation) -> Slerp:
        """times: [n], increasing; rotations: n of them. Raises ValueError for other numbers."""
        times = inexact("Slerp", jnp.asarray(times))
        if rotations.single or len(rotations) < 2 or times.shape != (len(rotations),):
            raise ValueError(f"Slerp: at least two rotations are needed, and as many times, got"
                             f" times {times.aval} and rotations {rotations.quat.aval}")
        turns = rotations[:-1].inv() * rotations[1:]
        return cls(times[:-1], jnp.diff(times), rotations[:-1], turns.as_rotvec())

    def __call__(self, times: Any) -> Rotation:
        """The rotations at times [...]; outside, the first and last motion go on."""
        times = inexact("Slerp", jnp.asarray(times))
        index = jnp.clip(jnp.searchsorted(self.times, times, side="right") - 1, 0)
        part = (times - self.times[index]) / self.timedelta[index]
        start = tree_map(lambda quat: quat[index], self.rotations)
        return start * Rotation.from_rotvec(self.rotvecs[index] * part[..., None])


__all__ = ["Rotation", "Slerp"]

_hide_frames_of(__name__)
