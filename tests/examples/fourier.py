"""Rows of Fourier transforms and convolutions, against sums written out."""

import itertools

import numpy as np

from examples import Bad, Example, complex_normal, integers, normal
from ingot.primitives import conv as c, conv_forms as forms, fft as f


def dft(x, n, sign):
    k = np.arange(n)
    return x @ np.exp(sign * 2j * np.pi * np.outer(k, k) / n)


def transform(x, fft_type, fft_lengths):
    """The transform by matrices, axis after axis."""
    kind = f.FftType[fft_type.upper()]
    axes = list(range(x.ndim - len(fft_lengths), x.ndim))
    out = x.astype(complex)
    if kind is f.FftType.IRFFT:
        n = fft_lengths[-1]
        tail = np.conj(out[..., 1:(n + 1) // 2][..., ::-1])
        for a in axes[:-1]:
            tail = np.roll(np.flip(tail, a), 1, a)
        out = np.concatenate([out, tail], -1)
    sign = 1 if kind in (f.FftType.IFFT, f.FftType.IRFFT) else -1
    for a, n in zip(axes, fft_lengths, strict=True):
        out = np.moveaxis(dft(np.moveaxis(out, a, -1), n, sign) / (n if sign > 0 else 1), -1, a)
    if kind is f.FftType.RFFT:
        return out[..., : fft_lengths[-1] // 2 + 1]
    return out.real if kind is f.FftType.IRFFT else out


def half(*shape):
    """A spectrum of real data, so that what IRFFT ignores is zero already."""
    return np.fft.rfftn(normal(*shape), axes=range(len(shape)))


def _fft(x, kind, *lengths, **more):
    return Example(f.fft, (x,), dict(fft_type=kind, fft_lengths=lengths), ref=transform, ulps=1e5,
                   **more)


def correlation(x, w, window_strides, padding, lhs_dilation=None, rhs_dilation=None,
                feature_group_count=1, batch_group_count=1, **_):
    """Sum over taps, NCHW and OIHW, by loops over output places."""
    n = x.ndim - 2
    holes, taps = lhs_dilation or (1,) * n, rhs_dilation or (1,) * n
    wide = np.zeros([*x.shape[:2], *((s - 1) * d + 1 if s else 0
                                     for s, d in zip(x.shape[2:], holes, strict=True))], x.dtype)
    wide[(slice(None), slice(None), *(slice(None, None, d) for d in holes))] = x
    for a, (low, high) in enumerate(padding):
        wide = np.pad(wide, [(max(low, 0), max(high, 0)) if i == a + 2 else (0, 0)
                             for i in range(wide.ndim)])
        cut = slice(max(-low, 0), wide.shape[a + 2] - max(-high, 0))
        wide = wide[(slice(None),) * (a + 2) + (cut,)]
    size = [(s - (k - 1) * d - 1) // st + 1 for s, k, d, st in
            zip(wide.shape[2:], w.shape[2:], taps, window_strides, strict=True)]
    out = np.zeros((x.shape[0] // batch_group_count, w.shape[0], *size), np.result_type(x, w))
    per_out, per_in = w.shape[0] // feature_group_count, w.shape[1]
    for o, place in itertools.product(range(w.shape[0]), itertools.product(*map(range, size))):
        group = o // per_out
        rows = np.arange(out.shape[0])
        if batch_group_count > 1:
            group, rows = 0, rows + out.shape[0] * (o // (w.shape[0] // batch_group_count))
        for tap in itertools.product(*map(range, w.shape[2:])):
            at = tuple(p * st + t * d for p, st, t, d in
                       zip(place, window_strides, tap, taps, strict=True))
            features = wide[(rows, slice(group * per_in, (group + 1) * per_in), *at)]
            out[(slice(None), o, *place)] += features @ w[(o, slice(None), *tap)]
    return out


def _conv(x, w, strides, padding, ulps=64, **more):
    keys = ("lhs_dilation", "rhs_dilation", "feature_group_count", "batch_group_count")
    params = {k: more.pop(k) for k in keys if k in more}
    return Example(c.conv_general_dilated, (x, w),
                   dict(window_strides=strides, padding=padding, **params),
                   ref=correlation, ulps=ulps, **more)


EXAMPLES = [
    _fft(complex_normal(2, 4), "fft", 4), _fft(complex_normal(3, 5), "ifft", 5),
    _fft(complex_normal(2, 3, 4), "fft", 3, 4), _fft(complex_normal(3, 2), "ifft", 3, 2),
    _fft(normal(2, 4), "fft", 4), _fft(normal(3, 5), "fft", 5),
    _fft(normal(2, 3, 4), "fft", 3, 4), _fft(normal(2, 4), "ifft", 4),
    _fft(normal(2, 4), "rfft", 4), _fft(normal(2, 5), "rfft", 5), _fft(normal(3, 4), "rfft", 3, 4),
    _fft(half(4), "irfft", 4), _fft(half(3, 5), "irfft", 3, 5), _fft(half(1), "irfft", 1),
    _fft(complex_normal(0, 4), "fft", 4),
    _conv(normal(2, 3, 5), normal(4, 3, 2), (1,), [(0, 0)], accepts="biufc"),
    _conv(normal(1, 2, 5), normal(2, 2, 3), (2,), [(1, 2)]),
    _conv(normal(1, 2, 4), normal(2, 2, 2), (1,), [(1, 1)], lhs_dilation=(2,), rhs_dilation=(2,)),
    _conv(normal(1, 4, 4), normal(4, 2, 2), (1,), [(0, 1)], feature_group_count=2),
    _conv(normal(4, 2, 4), normal(2, 2, 2), (1,), [(0, 0)], batch_group_count=2),
    _conv(normal(1, 2, 3, 4), normal(2, 2, 2, 2), (1, 2), [(1, 0), (0, 1)]),
    _conv(normal(1, 1, 5), normal(1, 1, 2), (1,), [(-1, 2)]),
    _conv(complex_normal(1, 2, 4), complex_normal(2, 2, 2), (1,), [(0, 0)]),
    _conv(integers(-5, 5, 1, 2, 4), integers(-5, 5, 2, 2, 2), (1,), [(1, 1)], ulps=0),
    _conv(normal(2, 3, 9, 8), normal(4, 3, 3, 2), (2, 1), [(1, 1), (0, 1)], maps=(), diff=(),
          ulps=1e4),
    Example(forms.conv_transpose, (normal(1, 3, 2), normal(2, 2, 3)), dict(strides=(2,),
                                                                          padding="SAME"), ulps=64),
    Example(forms.conv_general_dilated_patches, (normal(1, 2, 4),),
            dict(filter_shape=(2,), window_strides=(1,), padding="VALID"), ulps=64),
]

BAD = [
    Bad(f.fft, (normal(4), "dft", (4,)), error="fft: no transform"),
    Bad(f.fft, (complex_normal(4), "rfft", (4,)), error=r"fft: RFFT needs real input.*c128\[4\]"),
    Bad(f.fft, (normal(4), "fft", (5,)), error="fft: .*5"),
    Bad(f.fft, (normal(4), "fft", (4, 4)), error="fft: "),
    Bad(c.conv_general_dilated, (normal(1, 2, 4), normal(2, 3, 2), (1,), [(0, 0)]),
        error="conv_general_dilated: "),
    Bad(c.conv_general_dilated, (normal(1, 2, 4), normal(2, 2, 2), (0,), [(0, 0)]),
        error="conv_general_dilated: "),
    Bad(c.conv_general_dilated, (normal(1, 2, 4), normal(2, 2, 2), (1, 1), [(0, 0)]),
        error="conv_general_dilated: "),
    Bad(c.conv_general_dilated, (normal(1, 2, 4), normal(2, 2, 2), (1,), "MIDDLE"), error="MIDDLE"),
    Bad(c.conv_general_dilated, (normal(4), normal(4), (), ()), error="conv"),
]
