"""Scaled dot-product attention with masks, grouped heads, sequence lengths and windows."""

from __future__ import annotations

import math
from typing import Any

from ingot import dtypes
from ingot.nn.functions import logsumexp, softmax
from ingot.numpy import primitives as lax
from ingot.numpy.families import truth
from ingot.numpy.logic import where as choose
from ingot.numpy.manipulation import moveaxis
from ingot.numpy.promotion import as_array, promote_dtypes


def _zero_padding(out: Any, lengths: Any) -> Any:
    """Zeros in the place of results [b, t, n, h] beyond the lengths of the sequences."""
    limit = as_array("dot_product_attention", lengths)
    row = lax.broadcasted_iota(dtypes.int32, (out.aval.shape[1], 1, 1), 0)
    return choose(row < lax.reshape(limit, (*limit.aval.shape, 1, 1, 1)), out, 0)


def dot_product_attention(query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, *,
                          scale: float | None = None, is_causal: bool = False,
                          query_seq_lengths: Any = None, key_value_seq_lengths: Any = None,
                          local_window_size: int | tuple[int, int] | None = None,
                          implementation: str | None = None, return_residual: bool = False) -> Any:
    """Scaled dot-product attention with any number of heads (Vaswani et al., 2017).

    query: [(b,) t, n, h]. key, value: [(b,) s, k, h], where k divides n. bias: added to the logits;
    mask: where False, they count as -inf; both broadcast to [b, n, t, s]. scale: of the logits, 1 /
    sqrt(h) by default. is_causal: whether places see only those before them. query_seq_lengths,
    key_value_seq_lengths: [b] integers, the places in use. local_window_size: how many places
    before and after are seen. implementation: None or 'xla'. -> [(b,) t, n, h], with
    return_residual also the logsumexp of the logits, [(b,) t, n]. Raises ValueError for shapes that
    do not fit and other implementations.

    >>> q = np.eye(2)[:, None]
    >>> nn.dot_product_attention(q, q, q, is_causal=True)[:, 0].round(3)
    Array([[1.  , 0.  ],
           [0.33, 0.67]], dtype=float64)
    """
    if implementation not in (None, "xla"):
        raise ValueError(f"dot_product_attention: no implementation {implementation!r} here")
    q, k, v, single = _by_heads(query, key, value)
    batch, heads, t, width = q.aval.shape
    scale = 1 / math.sqrt(width) if scale is None else scale
    logits = lax.dot_general(q, k, (((3,), (3,)), ((0, 1), (0, 1)))) * scale
    if bias is not None:
        logits = logits + as_array("dot_product_attention", bias)
    allowed = _attention_mask(mask, is_causal, query_seq_lengths, key_value_seq_lengths,
                              local_window_size, (batch, heads, t, k.aval.shape[2]))
    if allowed is not None:
        logits = choose(allowed, logits, 0.7 * float(dtypes.finfo(logits.aval.dtype).min))
    weights = softmax(logits, -1)
    out = moveaxis(lax.dot_general(weights, v, (((3,), (2,)), ((0, 1), (0, 1)))), 1, 2)
    if query_seq_lengths is not None:
        out = _zero_padding(out, query_seq_lengths)
    outs = (out, moveaxis(logsumexp(logits, -1), 1, 2)) if return_residual else (out,)
    outs = tuple(lax.squeeze(x, (0,)) for x in outs) if single else outs
    return outs if return_residual else outs[0]


def _by_heads(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any, bool]:
    """Operands as [b, n, t, h] of one dtype, and whether they had no batch axis."""
    q, k, v = promote_dtypes("dot_product_attention", query, key, value, kind="inexact")
    single = q.aval.ndim == 3
    q, k, v = (lax.expand_dims(x, (0,)) if x.aval.ndim == 3 else x for x in (q, k, v))
    if any(x.aval.ndim != 4 for x in (q, k, v)) or k.aval.shape != v.aval.shape:
        raise ValueError("dot_product_attention: [(b,) t, n, h] arrays are needed, got"
                         f" {q.aval}, {k.aval}, {v.aval}")
    heads, groups = q.aval.shape[2], k.aval.shape[2]
    if heads % groups:
        raise ValueError("dot_product_attention: the number of query heads must be a multiple of"
                         f" that of key and value heads, got {heads} and {groups}: {q.aval},"
                         f" {k.aval}")
    k, v = (_shared_heads(moveaxis(x, 2, 1), heads // groups) for x in (k, v))
    return moveaxis(q, 2, 1), k, v, single


def _shared_heads(x: Any, times: int) -> Any:
    if times == 1:
        return x
    b, k, s, h = x.aval.shape
    wide = lax.broadcast_in_dim(x, (b, k, times, s, h), (0, 1, 3, 4))
    return lax.reshape(wide, (b, k * times, s, h))


def _attention_mask(mask: Any, causal: bool, q_lengths: Any, k_lengths: Any, window: Any,
                    shape: tuple[int, ...]) -> Any:
    out = None if mask is None else truth("dot_product_attention", mask)
    grid = shape[-2:]
    row, column = (lax.broadcasted_iota(dtypes.int32, grid, i) for i in (0, 1))
    tests = []
    if causal:
        tests.append(row >= column)
    if window is not None:
        left, right = (window, window) if isinstance(window, int) else window
        tests += [column >= row - left, column <= row + right]
    for lengths, index in ((q_lengths, row), (k_lengths, column)):
        if lengths is not None:
            limit = as_array("dot_product_attention", lengths)
            limit = lax.reshape(limit, (*limit.aval.shape, 1, 1, 1))
            tests.append(index < limit)
    for test in tests:
        out = test if out is None else out & test
    return out
