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
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCRIPTS = ("numpyro_eight_schools", "numpyro_logistic", "tinygp_gradient:300",
           "tinygp_gradient:10000")
TIMES = {"import + first run": ("import", "cold"), "later run": ("warm",)}


def measured(command: list[str], name: str, environment: dict[str, str]) -> dict[str, Any]:
    """What a script prints in a process of its own: seconds and results."""
    script, *arguments = name.split(":")
    done = subprocess.run([*command, str(HERE / f"{script}.py"), *arguments], env=environment,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(name: str, cache: Path) -> list[float]:
    """Measure one script on both, print its lines, return ingot's times as parts of JAX's."""
    shared = {**os.environ, "JAX_PLATFORMS": "cpu"}
    ours = {**shared, "PYTHONPATH": str(HERE.parent.parent / "src"), "INGOT_CACHE_DIR": str(cache)}
    jax = measured([sys.executable], name, shared)
    ingot = measured([sys.executable, "-m", "ingot"], name, ours)
    ratios = []
    for what, parts in TIMES.items():
        seconds = [sum(side["seconds"][p] for p in parts) for side in (jax, ingot)]
        ratios.append(seconds[1] / seconds[0])
        print(f"| {name} | {what} | {seconds[0]:.4g} | {seconds[1]:.4g} | {ratios[-1]:.3f} |",
              flush=True)
    for key, value in jax["results"].items():
        print(f"    {key}: {value:.6g} on JAX, {ingot['results'][key]:.6g} on ingot", flush=True)
    return ratios


def main(names: list[str]) -> None:
    """Print the table; the cache of machine code starts empty."""
    print("| program | time of | JAX, s | ingot, s | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        ratios = [r for i, name in enumerate(names or SCRIPTS)
                  for r in compare(name, Path(folder) / str(i))]
    print(f"geometric mean of the ratios: {math.exp(sum(map(math.log, ratios)) / len(ratios)):.3f},"
          f" largest {max(ratios):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
