"""What LLVM is told about memory that lies apart, and about integers that do not overflow."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.backends.llvm.aliasing import Scopes
from ingot.backends.llvm.loops import are_apart
from ingot.backends.llvm.ranges import Ranges
from ingot.config import config
from ingot.kernel import ir
from ingot.kernel.rules import Builder

INT = np.dtype(np.int64)
FLOAT = np.dtype(np.float64)


# ---- memory --------------------------------------------------------------------------------------
def exchanging(inits, order):
    """The alias scopes of a function with a loop that permutes its pointers, and these."""
    pointers = [ir.PointerPhi(ir.Memory("pointer", 64, FLOAT), init, None,
                              ir.Memory("pointer", 64, FLOAT)) for init in inits]
    for pointer, k in zip(pointers, order, strict=True):
        pointer.next = pointers[k].inside
    loop = ir.For(ir.Value("index", (), INT), 10, [], ir.Block(), pointers=pointers)
    function = ir.Function(arguments=[], constants=[], arena_bytes=0,
                           temporaries=[m for m in inits if m.kind == "temporary"],
                           results=[m for m in inits if m.kind == "result"],
                           body=ir.Block([loop]))
    return Scopes(function), [p.inside for p in pointers]


def temporary(offset, nbytes=64):
    return ir.Memory("temporary", nbytes, FLOAT, offset=offset)


def result(position):
    return ir.Memory("result", 64, FLOAT, position=position)


def test_what_a_loop_exchanges_is_not_apart():
    """The one is the other in the next iteration, and LLVM looks around loops."""
    inits = [result(0), temporary(0), temporary(64)]
    scopes, pointers = exchanging(inits, [1, 2, 0])
    assert not any(scopes.apart(a, b) for a, b in itertools.product(pointers, pointers + inits))


def test_pointers_are_apart_from_what_they_never_are():
    scopes, (kept, a, b) = exchanging([temporary(192), temporary(64), temporary(0)], [0, 2, 1])
    for pointer in (a, b):
        assert scopes.apart(kept, pointer) and scopes.apart(pointer, temporary(128))
        assert not scopes.apart(pointer, temporary(32))
        assert scopes.apart(pointer, result(0))
    assert not scopes.apart(kept, temporary(192))
    donated = ir.Memory("donated", 64, FLOAT)
    assert not scopes.apart(donated, result(0))


# ---- iterations ----------------------------------------------------------------------------------
def loop_over(memory, positions, **options):
    """A loop of independent iterations that reads and writes at places given by its index."""
    build, index = Builder(), ir.Value("index", (), INT)
    loop = ir.For(index, 100, [], ir.Block(), independent=True, **options)
    read, written = (build.index_add(build.index_mul(index, step), first)
                     for step, first in positions)
    loop.body.nodes += [ir.Value("load", (memory, read), FLOAT)]
    loop.body.nodes += [ir.Store(memory, written, loop.body.nodes[0])]
    return loop


@pytest.mark.parametrize("positions, apart", [
    ([(3, 1), (3, 0)], True), ([(1, 0), (1, 0)], True), ([(1, 0), (0, 7)], False)])
def test_iterations_that_store_to_places_of_their_own_are_apart(positions, apart):
    """What is scratch for each iteration in turn is not."""
    _, (pointer, _) = exchanging([temporary(64), temporary(0)], [1, 0])
    assert are_apart(loop_over(pointer, positions)) == apart
    assert not are_apart(loop_over(temporary(0), positions))  # LLVM sees that itself


# ---- integers ------------------------------------------------------------------------------------
def const(value):
    return ir.Value("const", (), INT, np.int64(value))


def in_loop(trip_count, start=0):
    ranges, index = Ranges(), ir.Value("index", (), INT)
    ranges.enter_loop(ir.For(index, trip_count, [], ir.Block(), start=start))
    return ranges, index


@pytest.mark.parametrize("op, args, expected, flags", [
    ("mul", ("i", 3), (0, 297), "nuw nsw "),
    ("add", (7, "i"), (7, 106), "nuw nsw "),
    ("sub", (99, "i"), (0, 99), "nuw nsw "),
    ("sub", ("i", 1), (-1, 98), "nsw "),
    ("mul", ("i", -2), (-198, 0), "nsw "),
    ("min", ("i", 4), (0, 4), "nuw nsw "),
    ("max", ("i", 4), (4, 99), "nuw nsw "),
    ("div", ("i", 7), (0, 14), "nuw nsw "),
    ("rem", ("i", 7), (0, 6), "nuw nsw "),
    ("mul", ("i", 2**62), None, ""),
    ("add", ("i", 2**63 - 5), None, ""),
    ("div", (-5, "i"), None, ""),
    ("xor", ("i", 3), None, ""),
])
def test_ranges(op, args, expected, flags):
    ranges, index = in_loop(100)
    node = ir.Value(op, tuple(index if a == "i" else const(a) for a in args), INT)
    assert ranges.flags(node) == flags
    assert ranges.of(node) == expected


def test_unknown_integers_may_wrap():
    ranges, index = in_loop(100)
    loaded = ir.Value("load", (temporary(0), index), INT)
    assert ranges.flags(ir.Value("add", (index, loaded), INT)) == ""
    unknown, j = in_loop(ir.Value("load", (temporary(0), 0), INT))
    assert unknown.flags(ir.Value("add", (j, const(1)), INT)) == ""
    narrow = ir.Value("const", (), np.dtype(np.int32), np.int32(1))
    assert ranges.flags(ir.Value("add", (narrow, narrow), np.dtype(np.int32))) == ""


@pytest.mark.parametrize("tier", ["fast", "full"])
def test_integers_that_users_compute_wrap(tier):
    n, a, c = 300, 6364136223846793005, 1442695040888963407
    with config.override("optimize", tier), np.errstate(over="ignore"):
        found = ingot.jit(lambda: (jnp.arange(n) * a + c) * a - jnp.arange(n)[::-1] * c)()
        i = np.arange(n)
        expected = (i * np.int64(a) + np.int64(c)) * np.int64(a) - i[::-1] * np.int64(c)
    np.testing.assert_array_equal(found, expected)
