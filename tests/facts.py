"""Facts about JAX: expressions with what they give there, kept in text files and asked of ingot.

A file of `tests/facts/` holds expressions and statements, one a line, each followed by its outcome:
`= repr` or `! type of the error`. They share one namespace, so that later lines see what earlier
ones define; lines that begin with `#` are comments. `python tests/facts.py` with JAX installed
writes the outcomes anew.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "facts"
NAMES = ("jit", "grad", "vmap", "make_jaxpr", "lax", "devices", "device_put", "typeof", "tree")
SHARDINGS = ("AbstractMesh", "AxisType", "Mesh", "NamedSharding", "SingleDeviceSharding",
             "get_abstract_mesh", "get_mesh", "use_abstract_mesh", "reshard")
TOP = ("make_mesh", "set_mesh", "shard_map", "make_array_from_callback",
       "make_array_from_single_device_arrays", "make_array_from_process_local_data")


def namespace(package, shardings, numpy):
    """What the expressions of a file see, made of ingot or of JAX."""
    import copy
    import pickle

    import numpy as np

    names = {n: getattr(package, n) for n in NAMES} | {n: getattr(shardings, n) for n in SHARDINGS}
    kinds = shardings.AxisType
    top = package if hasattr(package, "set_mesh") else shardings
    names |= {"P": shardings.PartitionSpec, "np": np, "jnp": numpy, "copy": copy, "pickle": pickle,
              "Auto": kinds.Auto, "Explicit": kinds.Explicit, "Manual": kinds.Manual}
    names |= {n: getattr(top, n) for n in TOP}
    make = names["make_mesh"]
    return names | {"auto": make((2, 4), ("x", "y"), axis_types=(kinds.Auto,) * 2),
                    "explicit": make((2, 4), ("x", "y")), "jax": package}


def outcome(line, names):
    """What a line gives."""
    try:
        code = compile(line, "fact", "eval")
    except SyntaxError:
        code = compile(line, "fact", "exec")
    try:
        return "= " + " ".join(repr(eval(code, names)).split())
    except Exception as error:
        return f"! {type(error).__name__}"


def read(name):
    """Return the lines of a file with their outcomes (None for comments)."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    found = []
    for line in lines:
        if line.startswith(("= ", "! ")) and found:
            found[-1] = found[-1][0], line
        else:
            found.append((line, None))
    return found


def is_asked(line):
    """Whether a line is an expression or a statement."""
    return bool(line) and not line.startswith("#")


def write(name, names):
    """Write a file anew, with the outcomes in this namespace."""
    lines = []
    for line, _ in read(name):
        lines.append(line)
        if is_asked(line):
            lines.append(outcome(line, names))
    (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n")


def of_jax():
    """The namespace with JAX on 8 devices; before anything else imports it."""
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    return namespace(jax, jax.sharding, jax.numpy)


if __name__ == "__main__":
    for file in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.txt")):
        write(file, of_jax())
