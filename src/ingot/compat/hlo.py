"""The text of a program in the manner of HLO, for programs that look for operations in it."""

from __future__ import annotations

from typing import Any

from ingot.core.jaxpr import Eqn, Jaxpr, Literal, subjaxprs
from ingot.primitives.dot import Precision

_NAMES = {"dot_general": "dot", "conv_general_dilated": "convolution", "mul": "multiply",
          "sub": "subtract", "div": "divide", "max": "maximum", "min": "minimum",
          "broadcast_in_dim": "broadcast", "convert_element_type": "convert"}


def hlo_text(program: Jaxpr) -> str:
    """A line for each operation: its result's type, its name, its operands, its precision."""
    return f"HloModule {program.debug_name}\n\n" + "\n".join(_lines(program, {}))


def _lines(program: Jaxpr, names: dict[Any, str]) -> list[str]:
    lines = []
    for eqn in program.eqns:
        for inner in subjaxprs(eqn):
            lines += _lines(inner, names)
        outs = ", ".join(f"{_name(v, names)} = {v.aval.str_short(True)}" for v in eqn.outvars)
        ins = ", ".join(_name(v, names) for v in eqn.invars)
        name = _NAMES.get(eqn.primitive.name, eqn.primitive.name)
        lines.append(f"  {outs} {name}({ins}){_precision(eqn)}")
    return lines


def _name(atom: Any, names: dict[Any, str]) -> str:
    if type(atom) is Literal:
        return str(atom.val)
    return names.setdefault(atom, f"v.{len(names)}")


def _precision(eqn: Eqn) -> str:
    """The precision of products, unless it is the default."""
    given = eqn.params.get("precision")
    both = given if isinstance(given, tuple) else (given, given)
    if all(p in (None, Precision.DEFAULT) for p in both):
        return ""
    return f", operand_precision={{{','.join(str(p or Precision.DEFAULT).lower() for p in both)}}}"


__all__ = ["hlo_text"]
