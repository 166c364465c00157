"""Programs with other packages on ingot beside JAX: `python benchmarks/packages/run.py [NAME...]`.

NAME is a script of this folder, with its arguments after colons: `tinygp_gradient:10000`. The
interpreter that runs this needs JAX and the packages; ingot is taken from this checkout.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCRIPTS = ("numpyro_eight_schools", "numpyro_logistic", "tinygp_gradient:300",
           "tinygp_gradient:10000", "tinygp_nuts", "blackjax_nuts", "equinox_mlp")
COLD, WARM, LATER = "first result, empty cache", "first result, next process", "later run"
ERRORS = 4.0  # standard errors by which results may differ
EXACT = 1e-3  # what those without an error may differ by, relatively


def measured(command: list[str], name: str, environment: dict[str, str]) -> dict[str, Any]:
    """What a script prints in a process of its own: seconds and results."""
    script, *arguments = name.split(":")
    done = subprocess.run(
        [*command, str(HERE / f"{script}.py"), *arguments], capture_output=True, text=True,
        env={**environment, "PROCESS_STARTED": repr(time.time())}, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def agree(ours: Any, theirs: Any) -> bool:
    """Whether results are equal within their errors: numbers, or pairs of a number and an error."""
    if isinstance(ours, list):
        return abs(ours[0] - theirs[0]) <= ERRORS * math.hypot(ours[1], theirs[1])
    return math.isclose(ours, theirs, rel_tol=EXACT)


def compare(name: str, cache: Path) -> dict[str, float]:
    """Measure one script on both, print its lines, return ingot's times as parts of JAX's."""
    shared = {**os.environ, "JAX_PLATFORMS": "cpu"}
    ours = {**shared, "PYTHONPATH": str(HERE.parent.parent / "src"), "INGOT_CACHE_DIR": str(cache)}
    jax = measured([sys.executable], name, shared)
    cold, warm = (measured([sys.executable, "-m", "ingot"], name, ours) for _ in range(2))
    ratios = {}
    for what, side, key in ((COLD, cold, "first"), (WARM, warm, "first"), (LATER, warm, "later")):
        seconds = jax["seconds"][key], side["seconds"][key]
        ratios[what] = seconds[1] / seconds[0]
        print(f"| {name} | {what} | {seconds[0]:.4g} | {seconds[1]:.4g} | {ratios[what]:.3f} |",
              flush=True)
    for key, theirs in jax["results"].items():
        for side in (cold, warm):
            if not agree(side["results"][key], theirs):
                raise SystemExit(f"{name}: {key} is {side['results'][key]} on ingot, {theirs} on"
                                 " JAX (with standard errors)")
    print(f"    results agree: {', '.join(jax['results'])}", flush=True)
    return ratios


def main(names: list[str]) -> None:
    """Print the table; the cache of machine code starts empty."""
    print("| program | time of | JAX, s | ingot, s | ratio |\n|---|---|---|---|---|")
    found = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for i, name in enumerate(names or SCRIPTS):
            for what, ratio in compare(name, Path(folder) / str(i)).items():
                found[what].append(ratio)
    for what, ratios in found.items():
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"{what}: geometric mean {mean:.3f} of JAX's time, largest {max(ratios):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
