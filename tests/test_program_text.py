"""Programs as text in JAX's layout: `pretty_print` against what JAX prints."""

import textwrap

import numpy as np
import pytest

import ingot
from ingot import lax
from ingot.core.layout import Break, Group, Nest, joined, laid_out

X = np.ones(3, "float32")


@ingot.jit
def double(x):
    return x + x


@ingot.jit
def outer(x):
    return lax.mul(double(x), double(x))


@ingot.jit
def long(x):
    for _ in range(11):
        x = lax.sin(x)
    return x


TEXTS = {
    "{ lambda ; a:f32[3]. let b:f32[3] = add a a in (b,) }": lambda x: x + x,
    "{ lambda ; a:f32[3]. let  in (a,) }": lambda x: x,
    # A program that is used once is said in place, with the caller's names.
    """
    { lambda ; a:f32[3]. let
        b:f32[3] = jit[
          name=double
          jaxpr={ lambda ; a:f32[3]. let b:f32[3] = add a a in (b,) }
        ] a
      in (b,) }""": double,
    # One that is used twice, or is long, is said beforehand.
    """
    let double = { lambda ; a:f32[3]. let b:f32[3] = add a a in (b,) } in
    { lambda ; c:f32[3]. let
        d:f32[3] = jit[
          name=outer
          jaxpr={ lambda ; c:f32[3]. let
              e:f32[3] = jit[name=double jaxpr=double] c
              f:f32[3] = jit[name=double jaxpr=double] c
              d:f32[3] = mul e f
            in (d,) }
        ] c
      in (d,) }""": outer,
    # What nobody reads is `_`.
    """
    { lambda ; a:f32[3]. let
        _:f32[3] b:f32[3] = jit[
          name=<lambda>
          jaxpr={ lambda ; a:f32[3]. let b:f32[3] = add a a in (a, b) }
        ] a
      in (b,) }""": lambda x: ingot.jit(lambda y: (y, y + y))(x)[1],
    """
    { lambda ; a:f32[3] b:i32[]. let
        c:i32[] = clamp 0:i32[] b 1:i32[]
        d:f32[3] = cond[
          branches=(
            { lambda ; e:f32[3]. let f:f32[3] = neg e in (f,) }
            { lambda ; g:f32[3]. let h:f32[3] = add g g in (h,) }
          )
        ] c a
      in (d,) }""": (lambda x, i: lax.switch(i, [lax.neg, lambda x: x + x], x), X, np.int32(0)),
}


@pytest.mark.parametrize("text", TEXTS)
def test_programs_are_printed_as_jax_prints_them(text):
    case = TEXTS[text]
    fun, *args = case if isinstance(case, tuple) else (case, X)
    program = ingot.make_jaxpr(fun)(*args).pretty_print(use_color=False)
    assert program == textwrap.dedent(text).strip()


def test_a_long_program_is_said_beforehand():
    text = ingot.make_jaxpr(long)(X).pretty_print()
    assert text.startswith("let long = { lambda ; a:f32[3]. let\n")
    assert text.endswith("""
  in (l,) } in
{ lambda ; m:f32[3]. let n:f32[3] = jit[name=long jaxpr=long] m in (n,) }""")


def test_types_are_left_out_and_lines_of_the_user_are_said_where_it_is_asked():
    program = ingot.make_jaxpr(lambda x: x + x)(X)
    assert program.pretty_print(print_shapes=False) == "{ lambda ; a. let b = add a a in (b,) }"
    assert __file__.rsplit("/", 1)[-1] in program.pretty_print(source_info=True)


def test_groups_break_where_they_do_not_fit_and_only_those():
    inner = Group(["(", Nest(2, [Break(""), joined(Break(), "abc")]), Break(""), ")"])
    document = Group(["f", Nest(2, [Break(), inner, Break(), inner])])
    assert laid_out(document) == "f (a b c) (a b c)"
    assert laid_out(document, 12) == "f\n  (a b c)\n  (a b c)"
    assert laid_out(inner, 6) == "(\n  a\n  b\n  c\n)"
