"""Rows of the table with random, also malformed, arguments: jit against eager, no crash.

Run as `python attack.py SEED COUNT` in a process of its own: a crash is then a return code. Prints
one line for every finding and exits with 1 if there was one. With INGOT_CHECK_MEMORY=1 what
compiled code does with memory is checked too.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(root / "tests"), str(root / "src")]

from examples import Example, table  # noqa: E402
from harness import compiled, evaluate, program, same  # noqa: E402
from ingot import dtypes  # noqa: E402
from ingot.errors import HostCallError, UndefinedRuleError  # noqa: E402
from laws import KINDS  # noqa: E402

USER_ERRORS = (TypeError, ValueError, IndexError, OverflowError, UndefinedRuleError,
               HostCallError)
WILD = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, 1e-310, 0.5, -7.0, 3e9, 200.0]
DTYPES = [np.dtype(d) for group in KINDS.values() for d in group]
SLACK = 256
"""Ulps that compiled and eager results may differ by beyond those of the row, on wild values."""
SUM_ULPS = 8
"""Ulps of a row from which on its results are sums of many terms."""


def bad_array(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another shape, dtype or contents, or none of these."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if rng.random() < 0.3 and x.dtype.kind in "biufc" and x.size:
            wild = rng.choice(WILD, size=x.shape)
            mask = rng.random(x.shape) < 0.5
            x = np.where(mask, wild.astype(x.dtype), x)
        if rng.random() < 0.2:
            x = x.astype(DTYPES[rng.integers(len(DTYPES))])
        if rng.random() < 0.2:
            x = reshaped(x, rng)
    return np.asarray(x)


def reshaped(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An axis more or less, longer, shorter, empty or swapped."""
    choice = rng.integers(6)
    if choice == 0 or x.ndim == 0:
        return np.broadcast_to(x, (int(rng.integers(0, 3)), *x.shape))
    axis = int(rng.integers(x.ndim))
    if choice == 1:
        return np.take(x, 0, axis) if x.shape[axis] else x
    if choice == 2:
        return np.concatenate([x, x], axis)
    if choice == 3:
        return np.take(x, range(max(x.shape[axis] - 1, 0)), axis)
    if choice == 4:
        return np.take(x, [], axis).astype(x.dtype)
    return np.swapaxes(x, 0, axis)


def bad_param(value: Any, rng: np.random.Generator) -> Any:
    """Another value of the parameter, often of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + int(rng.integers(-3, 4))
    if isinstance(value, tuple) and value:
        i = int(rng.integers(len(value)))
        return rng.choice([0, 1, 2]) and (*value[:i], bad_param(value[i], rng), *value[i + 1 :])
    return value if rng.random() < 0.9 else None


def outcome(run: Any) -> Any:
    """The results, or the class of the user's error."""
    try:
        return run()
    except USER_ERRORS as e:
        return type(e)


def attack(row: Example, rng: np.random.Generator) -> str | None:
    """What is wrong, if anything."""
    args = [bad_array(x, rng) for x in row.args]
    if row.name.startswith("searchsorted"):  # among elements in no order it may find anything
        args[0] = np.sort(args[0], axis=-1) if args[0].ndim else args[0]
    params = {k: bad_param(v, rng) if rng.random() < 0.15 else v for k, v in row.params.items()}
    case = Example(row.op, tuple(args), params, name=row.name)
    what = f"{row.name}({', '.join(f'{x.dtype}{list(x.shape)}' for x in args)}, {params})"
    try:
        eager = outcome(lambda: evaluate(case.fun, args))
        staged = outcome(lambda: compiled(program(case.fun, args), args))
    except Exception as e:
        return f"{what}: {type(e).__name__}: {' '.join(str(e).split())[:300]}"
    if row.name.startswith("lu") and any(np.isnan(x).any() for x in args if x.dtype.kind in "fc"):
        return None  # which row is the largest is up to the library
    if isinstance(eager, type) or isinstance(staged, type):
        if isinstance(eager, type) != isinstance(staged, type):
            return f"{what}: eager {brief(eager)}, compiled {brief(staged)}"
        return None
    for got, want in zip(staged, eager, strict=True):
        try:
            near(got, want, row.ulps + SLACK)
        except AssertionError as e:
            return f"{what}: {' '.join(str(e).split())[:300]} in {[x.tolist() for x in args]}"
    return None


def near(got: np.ndarray, want: np.ndarray, ulps: float) -> None:
    """As `harness.same`; sums and complex numbers to the largest element, where finite.

    What cancels in a sum is accurate to its terms, not to itself.
    """
    summed = ulps > SLACK + SUM_ULPS and dtypes.issubdtype(got.dtype, np.floating)
    if got.dtype.kind == "c" or summed:
        ok = np.isfinite(want) & np.isfinite(got)
        assert got.shape == want.shape and got.dtype == want.dtype
        scale = np.max(np.abs(want[ok]), initial=1.0)
        allowed = max(1e-5, ulps * float(dtypes.finfo(got.dtype).eps))
        assert np.all(np.abs(got[ok] - want[ok]) <= allowed * scale), f"{got} against {want}"
        return
    # The sign of a zero sum depends on the order of its terms, which nobody promises.
    if got.dtype.kind == "f" and got.dtype == want.dtype:
        got, want = got + got.dtype.type(0), want + want.dtype.type(0)
    same(got, want, ulps)


def brief(x: Any) -> str:
    return x.__name__ if isinstance(x, type) else f"{len(x)} results"


def main(seed: int, count: int) -> int:
    from ingot.config import config

    config.update("enable_checks", True)
    warnings.simplefilter("ignore")
    # Collectives are written for one size of their axis.
    rows = [row for row in table()[0] if not row.runs]
    findings = 0
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        row = rows[int(rng.integers(len(rows)))]
        print(f"seed {seed} case {i}: {row.name}", file=sys.stderr, flush=True)
        found = attack(row, rng)
        if found:
            findings += 1
            print(f"seed {seed} case {i}: {found}", flush=True)
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
