"""The table of mistakes: programs that fail, what is raised, and what the message has to say.

The line that is at fault ends in `#!`. Programs are written with the names of JAX, so that
`python tests/mistakes/show.py jax` prints what JAX says of them.
"""

from typing import NamedTuple


class Mistake(NamedTuple):
    """A program, the exceptions that may be raised, and words of the message: what was done, the
    types (in the notation of jaxprs) and names, and what to do about it."""

    name: str
    raised: str
    says: tuple[str, ...]
    remedy: str
    code: str


def mistake(name, raised, says, remedy, code):
    return Mistake(name, raised, tuple(says.split("|")), remedy, code.strip("\n"))


MISTAKES = [
    # ---- shapes ----
    mistake("shapes that do not broadcast", "TypeError|ValueError",
            "add|f64[3]|f64[4]", "broadcast", """
x = jnp.ones(3)
x + jnp.ones(4)  #!
"""),
    mistake("shapes under jit", "TypeError|ValueError", "mul|f64[3,2]|f64[3]", "broadcast", """
@jax.jit
def f(a, b):
    return a * b  #!
f(jnp.ones((3, 2)), jnp.ones(3))
"""),
    mistake("matrix product", "TypeError|ValueError",
            "matmul|f64[3,4]|f64[3,4]", "4 and 3|.T|transpose", """
x = jnp.ones((3, 4))
x @ x  #!
"""),
    mistake("dot of vectors", "TypeError|ValueError",
            "dot|f64[3]|f64[4]", "transpose|tensordot", """
jnp.dot(jnp.ones(3), jnp.ones(4))  #!
"""),
    mistake("einsum sizes", "TypeError|ValueError", "einsum|'j'|4|3", "size|length", """
jnp.einsum("ij,jk->ik", jnp.ones((2, 3)), jnp.ones((4, 5)))  #!
"""),
    mistake("reshape", "TypeError|ValueError", "reshape|f64[6]|(4,)", "size|elements", """
jnp.arange(6.0).reshape(4)  #!
"""),
    mistake("concatenate", "TypeError|ValueError", "concatenate|f64[2,3]|f64[2,4]", "axis", """
jnp.concatenate([jnp.ones((2, 3)), jnp.ones((2, 4))])  #!
"""),
    mistake("stack", "TypeError|ValueError", "stack|f64[2]|f64[3]", "shape", """
jnp.stack([jnp.ones(2), jnp.ones(3)])  #!
"""),
    mistake("solve", "TypeError|ValueError", "solve|f64[3,4]", "square", """
jnp.linalg.solve(jnp.ones((3, 4)), jnp.ones(3))  #!
"""),
    mistake("where", "TypeError|ValueError", "where|[3]|[2]", "broadcast", """
jnp.where(jnp.ones(3) > 0, jnp.ones(3), jnp.ones(2))  #!
"""),
    mistake("ragged list", "TypeError|ValueError", "array", "length|shape|ragged", """
jnp.array([[1.0, 2.0], [3.0]])  #!
"""),
    mistake("convolution channels", "TypeError|ValueError",
            "conv|f64[1,3,8,8]|f64[4,2,3,3]", "feature|channel", """
lax.conv(jnp.ones((1, 3, 8, 8)), jnp.ones((4, 2, 3, 3)), (1, 1), "SAME")  #!
"""),
    # ---- axes ----
    mistake("axis out of range", "ValueError", "sum: axis 2|dimension 2", "0 to 1", """
jnp.sum(jnp.ones((3, 4)), axis=2)  #!
"""),
    mistake("permutation", "TypeError|ValueError", "transpose|(0, 0)", "once", """
jnp.transpose(jnp.ones((2, 3)), (0, 0))  #!
"""),
    mistake("squeeze", "ValueError", "squeeze|f64[2,3]", "1|one", """
jnp.squeeze(jnp.ones((2, 3)), 0)  #!
"""),
    mistake("too many indices", "IndexError|TypeError", "index|(3,)|2", "at most 1", """
jnp.ones(3)[0, 1]  #!
"""),
    # ---- dtypes ----
    mistake("float index", "TypeError|IndexError", "f64[]", "integer|astype", """
x = jnp.arange(5)
x[jnp.array(2.0)]  #!
"""),
    mistake("shift of floats", "TypeError", "shift_left|f64[]", "astype", """
jnp.left_shift(jnp.array(1.0), 2)  #!
"""),
    mistake("invert a float", "TypeError", "f64[2]", "integer|bool|isnan|logical_not", """
~jnp.ones(2)  #!
"""),
    mistake("strings", "TypeError", "dtype|<U1", "numbers", """
jnp.array(["a", "b"])  #!
"""),
    mistake("objects as arguments", "TypeError", "jit|object", "static", """
@jax.jit
def f(x, o):
    return x
f(1.0, object())  #!
"""),
    mistake("strings under jit", "TypeError", "str|'mean'", "static", """
@jax.jit
def f(x, how):
    return x
f(1.0, "mean")  #!
"""),
    mistake("None result", "TypeError", "grad|loss|None", "return", """
def loss(x):
    x * 2
jax.grad(loss)(1.0)  #!
"""),
    mistake("complex gradient", "TypeError", "grad|c128[]", "holomorphic|real", """
jax.grad(lambda z: z * z)(1j)  #!
"""),
    # ---- tracers as values ----
    mistake("if of a tracer", "TracerBoolConversionError", "bool[]|x", "where|cond", """
@jax.jit
def f(x):
    if x > 0:  #!
        return x
    return -x
f(1.0)
"""),
    mistake("while of a tracer", "TracerBoolConversionError",
            "bool[]|n", "while_loop|cond|where", """
@jax.jit
def f(n):
    while n > 0:  #!
        n = n - 1
    return n
f(3)
"""),
    mistake("float of a tracer", "ConcretizationTypeError|TypeError",
            "float|f64[]", "static|jnp", """
@jax.jit
def f(x):
    return float(x)  #!
f(1.0)
"""),
    mistake("int of a tracer", "TypeError|TracerIntegerConversionError|ConcretizationTypeError",
            "int|i64[]", "static|jnp", """
@jax.jit
def f(n):
    return int(n)  #!
f(3)
"""),
    mistake("range of a tracer", "TracerIntegerConversionError", "i64[]|n", "fori_loop|static", """
@jax.jit
def f(n):
    s = 0
    for i in range(n):  #!
        s += i
    return s
f(3)
"""),
    mistake("shape from a tracer", "TypeError|ConcretizationTypeError", "zeros|i64[]", "static", """
@jax.jit
def f(n):
    return jnp.zeros(n)  #!
f(3)
"""),
    mistake("list index by a tracer", "TracerIntegerConversionError",
            "i64[]", "jnp|array|switch", """
@jax.jit
def f(i):
    return [1.0, 2.0][i]  #!
f(1)
"""),
    mistake("boolean mask under jit", "NonConcreteBooleanIndexError|TypeError|IndexError",
            "bool[3]", "where|size", """
@jax.jit
def f(x):
    return x[x > 0]  #!
f(jnp.ones(3))
"""),
    mistake("nonzero under jit", "ConcretizationTypeError|TypeError", "nonzero|f64[3]", "size", """
@jax.jit
def f(x):
    return jnp.nonzero(x)  #!
f(jnp.ones(3))
"""),
    mistake("NumPy of a tracer", "TracerArrayConversionError", "f64[3]", "ingot.numpy", """
@jax.jit
def f(x):
    return np.sin(np.asarray(x))  #!
f(jnp.ones(3))
"""),
    mistake("key of a dictionary", "TypeError", "hash|unhashable", "static|hash", """
@jax.jit
def f(x):
    return {1: 2.0}[x]  #!
f(1)
"""),
    mistake("iterate over a scalar", "TypeError", "f64[]|0-d", "atleast_1d", """
@jax.jit
def f(x):
    return sum(v for v in x)  #!
f(1.0)
"""),
    # ---- side effects ----
    mistake("leaked through a list", "UnexpectedTracerError",
            "f64[]|escaped|leaked_through_a_list.py:4", "Return", """
kept = []
@jax.jit
def f(x):
    y = 2 * x
    kept.append(y)
    return y
f(1.0)
kept[0] + 1  #!
"""),
    mistake("leaked through a global of grad", "UnexpectedTracerError",
            "f64[]|escaped|grad", "Return", """
state = {}
def f(x):
    state["x"] = x * x
    return x
jax.grad(f)(1.0)
jnp.sin(state["x"])  #!
"""),
    mistake("leaked from scan", "UnexpectedTracerError", "f64[]|escaped", "Return", """
kept = []
def body(c, x):
    kept.append(c + x)
    return c, x
lax.scan(body, 0.0, jnp.ones(3))
kept[0] + 1.0  #!
"""),
    mistake("assignment in place", "TypeError", "f64[3]|immutable", ".at[", """
x = jnp.zeros(3)
x[0] = 1.0  #!
"""),
    mistake("NumPy array filled under jit", "TracerArrayConversionError|ValueError|TypeError",
            "f64[]", ".at[|jnp", """
@jax.jit
def f(x):
    out = np.zeros(3)
    out[0] = x  #!
    return out
f(1.0)
"""),
    # ---- loops and branches ----
    mistake("scan carry changes its type", "TypeError",
            "scan|i64[]|f64[]|carry", "astype|convert", """
def body(c, x):
    return c + x, None
lax.scan(body, jnp.zeros((), int), jnp.ones(3))  #!
"""),
    mistake("scan carry changes its shape", "TypeError", "scan|f64[]|f64[3]|carry", "init", """
def body(c, x):
    return c + jnp.ones(3), None
lax.scan(body, 0.0, jnp.ones(3))  #!
"""),
    mistake("scan body without a pair", "TypeError", "scan|pair|carry", "return", """
lax.scan(lambda c, x: c + x, 0.0, jnp.ones(3))  #!
"""),
    mistake("scan lengths", "ValueError", "scan|3|4", "length|axis|axes", """
lax.scan(lambda c, x: (c, None), 0.0, (jnp.ones(3), jnp.ones(4)))  #!
"""),
    mistake("while carry structure", "TypeError", "while_loop|body", "structure|carry", """
lax.while_loop(lambda c: c[0] < 3, lambda c: c[0] + 1, (0, 1.0))  #!
"""),
    mistake("while condition", "TypeError", "while_loop|cond|i64[]", "bool", """
lax.while_loop(lambda c: c, lambda c: c - 1, 3)  #!
"""),
    mistake("cond branches differ", "TypeError", "cond|f64[]|f64[2]", "branch", """
lax.cond(True, lambda x: x, lambda x: jnp.stack([x, x]), 1.0)  #!
"""),
    mistake("fori_loop body", "TypeError", "fori_loop|f64[]|f64[2]", "carry|init", """
lax.fori_loop(0, 3, lambda i, x: x + jnp.ones(2), 0.0)  #!
"""),
    mistake("reverse mode of while", "ValueError|UndefinedRuleError|TypeError",
            "while_loop", "scan|fori_loop", """
jax.grad(lambda x: lax.while_loop(lambda c: c < 10.0, lambda c: c * 2, x))(1.0)  #!
"""),
    # ---- transformations ----
    mistake("static argument that has no hash", "ValueError|TypeError",
            "jit|list|hashable", "tuple", """
f = jax.jit(lambda x, n: x, static_argnums=1)
f(1.0, [1, 2])  #!
"""),
    mistake("static argument that is an array", "ValueError|TypeError",
            "static|hash", "tuple|not static|ordinary", """
f = jax.jit(lambda x, n: x, static_argnames="n")
f(1.0, n=np.ones(2))  #!
"""),
    mistake("gradient of an integer", "TypeError", "grad|i64[]", "float", """
jax.grad(lambda x: x * 2.0)(3)  #!
"""),
    mistake("gradient of a vector", "TypeError", "grad|f64[3]|scalar", "sum|jacobian|jacrev", """
jax.grad(jnp.sin)(jnp.ones(3))  #!
"""),
    mistake("argnums out of range", "TypeError|ValueError", "grad|argnums", "argument", """
jax.grad(lambda x, y: x * y, argnums=2)(1.0, 2.0)  #!
"""),
    mistake("auxiliary output without has_aux", "TypeError", "grad|(f64[], f64[])", "has_aux", """
jax.grad(lambda x: (x * x, x))(1.0)  #!
"""),
    mistake("vmap sizes", "ValueError", "vmap|3|4", "axis|axes|size", """
jax.vmap(lambda x, y: x + y)(jnp.ones(3), jnp.ones(4))  #!
"""),
    mistake("vmap in_axes", "ValueError|TypeError", "vmap|in_axes", "tuple|entries|arguments", """
jax.vmap(lambda x, y: x + y, in_axes=(0,))(jnp.ones(3), jnp.ones(3))  #!
"""),
    mistake("vmap of a scalar", "ValueError", "vmap|f64[]|0", "in_axes|None", """
jax.vmap(lambda x: x)(1.0)  #!
"""),
    mistake("missing argument", "TypeError", "f|argument", "takes|missing", """
@jax.jit
def f(x, y):
    return x + y
f(1.0)  #!
"""),
    mistake("jvp tangents", "TypeError|ValueError", "jvp|f64[2]|f64[3]", "tangent", """
jax.jvp(jnp.sin, (jnp.ones(3),), (jnp.ones(2),))  #!
"""),
    mistake("vjp cotangent", "TypeError|ValueError", "f64[2]|f64[3]", "cotangent", """
_, pullback = jax.vjp(jnp.sin, jnp.ones(3))
pullback(jnp.ones(2))  #!
"""),
    mistake("unknown axis name", "NameError", "psum|i", "vmap|axis_name", """
lax.psum(1.0, "i")  #!
"""),
    # ---- indices, memory, values ----
    mistake("index out of bounds", "IndexError", "index|10|5", "bounds|range", """
jnp.arange(5)[10]  #!
"""),
    mistake("donated array used again", "RuntimeError|ValueError", "float64[1000]", "copy", """
f = jax.jit(lambda x: x + 1, donate_argnums=0)
x = jnp.ones(1000)
f(x)
x + 1  #!
"""),
    mistake("NaN in a compiled loop", "FloatingPointError",
            "nan|log|f64[]|iteration 2|loop at", "where", """
with jax.debug_nans(True):
    @jax.jit
    def f(x):
        def body(c, i):
            return jnp.log(c - i), None  #!
        return lax.scan(body, x, jnp.arange(5.0))[0]
    f(3.0)
"""),
    mistake("a key that is no key", "TypeError|ValueError", "normal|key", "random.key|PRNGKey", """
jax.random.normal(42, (3,))  #!
"""),
    mistake("a batch of keys", "TypeError|ValueError", "normal|key<fry>[3]", "vmap", """
jax.random.normal(jax.random.split(jax.random.key(0), 3), ())  #!
"""),
    mistake("arithmetic on a key", "TypeError", "key<fry>|arithmetic", "random.bits", """
jax.random.key(0) + 1  #!
"""),
    mistake("out of memory", "MemoryError|RuntimeError|XlaRuntimeError|JaxRuntimeError",
            "(4000000, 4000000)|arrays that are kept", "in parts", """
x = jnp.ones(3)
jnp.ones((4000000, 4000000)) + 1.0  #!
"""),
    mistake("out of memory under jit", "MemoryError|RuntimeError",
            "f64[4000000,4000000]|program f|of mul at out_of_memory_under_jit.py:3", "in parts", """
@jax.jit
def f(x):
    table = jnp.outer(x, x)
    return table + table.T
f(jnp.ones(4000000))  #!
"""),
    mistake("tree structures differ", "ValueError", "a|b", "structure|key", """
jax.tree.map(lambda x, y: x + y, {"a": 1.0}, {"b": 1.0})  #!
"""),
    # ---- habits of NumPy ----
    mistake("arrays that are not in a list", "TypeError", "concatenate|axis|f64[3]", "list", """
jnp.concatenate(jnp.ones(3), jnp.ones(3))  #!
"""),
    mistake("axis that is no integer", "TypeError", "sum|axis|1.5", "integer", """
jnp.sum(jnp.ones((2, 3)), axis=1.5)  #!
"""),
    mistake("axis of append", "ValueError", "append: axis 2|dimension 1", "0 to 0", """
jnp.append(jnp.ones(3), 1.0, 2)  #!
"""),
    mistake("shape as several arguments", "TypeError", "zeros|3|dtype", "tuple", """
jnp.zeros(2, 3)  #!
"""),
    mistake("argument of another name", "TypeError", "normal|size", "shape=|key", """
jax.random.normal(size=3)  #!
"""),
    mistake("argument of a density", "TypeError", "norm.logpdf|sigma", "scale=", """
jax.scipy.stats.norm.logpdf(1.0, sigma=2.0)  #!
"""),
    mistake("method that changes an array", "AttributeError", "Array|fill", "full_like", """
jnp.zeros(3).fill(1.0)  #!
"""),
    mistake("generator of NumPy", "AttributeError", "ingot.random|seed", "key", """
jax.random.seed(0)  #!
"""),
    mistake("file reader of NumPy", "AttributeError", "loadtxt", "numpy.loadtxt", """
jnp.loadtxt("data.csv")  #!
"""),
    mistake("times", "TypeError", "datetime64[D]", "timedelta64", """
jnp.asarray(np.array(["2020-01-01"], "datetime64[D]"))  #!
"""),
    mistake("records under jit", "TypeError", "jit of sum|'a'|not supported", "field", """
jax.jit(jnp.sum)(np.zeros(3, [("a", float)]))  #!
"""),
    mistake("floats in a slice", "TypeError", "index|1.5", "integers", """
x = jnp.arange(5)
x[:1.5]  #!
"""),
    mistake("right side of a system", "ValueError", "solve|f64[3,3]|f64[4]", "3 rows", """
jnp.linalg.solve(jnp.eye(3), jnp.ones(4))  #!
"""),
    mistake("no bins", "ValueError", "bins|0", "at least 1", """
jnp.histogram(jnp.ones(3), bins=0)  #!
"""),
    mistake("method of an optimizer", "ValueError", "minimize|Nelder-Mead", "scipy.optimize", """
jax.scipy.optimize.minimize(lambda x: (x**2).sum(), jnp.ones(2), method="Nelder-Mead")  #!
"""),
    mistake("format of a print", "KeyError|IndexError", "debug.print|x = {x}", "x=x", """
jax.debug.print("x = {x}", 3.0)  #!
"""),
    mistake("seed that is a string", "TypeError", "seed|'a'", "integer", """
jax.random.key("a")  #!
"""),
    # ---- more of shapes and axes ----
    mistake("vmaps of other lengths", "ValueError",
            "vmap|x: f64[3]|y: f64[4]", "None in in_axes", """
f = jax.vmap(lambda x, y: x + y)
jax.vmap(f)(jnp.ones((2, 3)), jnp.ones((2, 4)))  #!
"""),
    mistake("product inside of two vmaps", "TypeError|ValueError",
            "matmul|f64[4]|f64[5]", "transpose", """
def f(x, y):
    return x @ y  #!
jax.vmap(jax.vmap(f))(jnp.ones((2, 3, 4)), jnp.ones((2, 3, 5)))
"""),
    mistake("einsum with too few letters", "ValueError", "einsum|'i'|f64[2,3]", "letter", """
jnp.einsum("i,jk->ik", jnp.ones((2, 3)), jnp.ones((3, 4)))  #!
"""),
    mistake("einsum with the operands first", "TypeError",
            "einsum|subscripts", "first argument", """
jnp.einsum(jnp.ones((2, 3)), "ij->ji")  #!
"""),
    mistake("two unknown lengths", "TypeError|ValueError", "reshape|(-1, -1)", "only one", """
jnp.ones(6).reshape(-1, -1)  #!
"""),
    mistake("norm of a transform", "ValueError", "fft|'orto'", "ortho", """
jnp.fft.fft(jnp.ones(4), norm="orto")  #!
"""),
    mistake("length of a transform", "TypeError", "fft|4.0", "integer", """
jnp.fft.fft(jnp.ones(4), n=4.0)  #!
"""),
    mistake("update of another shape", "ValueError", "index update|(2,)|(3,)", "broadcast", """
x = jnp.zeros(5)
x.at[1:4].set(jnp.ones(2))  #!
"""),
    mistake("mask of another length", "IndexError", "mask|(4,)|(5,)", "shape", """
x = jnp.zeros(5)
x[jnp.ones(4, bool)]  #!
"""),
    mistake("indices of another rank", "ValueError",
            "take_along_axis|i64[3]|f64[3,4]", "rank", """
jnp.take_along_axis(jnp.ones((3, 4)), jnp.zeros(3, int), 1)  #!
"""),
    mistake("convolution of a picture alone", "ValueError",
            "conv|f64[8,8]|(1, 1)", "x[None, None]", """
lax.conv(jnp.ones((8, 8)), jnp.ones((3, 3)), (1, 1), "SAME")  #!
"""),
    mistake("factor without its half", "TypeError", "cho_solve|f64[3,3]", "cho_factor(a)", """
jax.scipy.linalg.cho_solve(jnp.eye(3), jnp.ones(3))  #!
"""),
    # ---- more of loops and branches ----
    mistake("carry of 32 bits", "TypeError", "scan|f32[]|f64[]", "astype", """
def body(c, x):
    return c * np.float64(2.0), None
lax.scan(body, jnp.float32(0.0), jnp.ones(3))  #!
"""),
    mistake("carry with another key", "TypeError", "scan|'b'|'c'", "structure of init", """
def body(c, x):
    return {"a": c["a"], "c": c["b"]}, None
lax.scan(body, {"a": 0.0, "b": 1.0}, jnp.ones(3))  #!
"""),
    mistake("carry as a list", "TypeError", "scan|a tuple|a list", "structure of init", """
lax.scan(lambda c, x: ([c[0], c[1]], None), (0.0, 1.0), jnp.ones(3))  #!
"""),
    mistake("length in the place of xs", "ValueError", "scan|i64[]", "length", """
lax.scan(lambda c, x: (c, x), 0.0, 10)  #!
"""),
    mistake("body of one argument", "TypeError", "scan|2 arguments", "takes 1", """
lax.scan(lambda c: (c, c), 0.0, jnp.ones(3))  #!
"""),
    mistake("fori_loop body of one argument", "TypeError", "fori_loop|(i, carry)", "takes 1", """
lax.fori_loop(0, 3, lambda x: x, 0.0)  #!
"""),
    mistake("carry that is changed", "TypeError", "fori_loop|'new'", "structure of init_val", """
def body(i, s):
    s["new"] = i
    return s
lax.fori_loop(0, 3, body, {"x": 0.0})  #!
"""),
    mistake("condition of many", "TypeError", "while_loop|bool[3]", ".any()", """
lax.while_loop(lambda c: c < 3, lambda c: c + 1, jnp.zeros(3))  #!
"""),
    mistake("condition that is a pair", "TypeError", "while_loop|bool[]", "reduce", """
lax.while_loop(lambda c: (c < 3, True), lambda c: c + 1, 0)  #!
"""),
    mistake("predicate of many", "TypeError", "cond|bool[3]", "where", """
lax.cond(jnp.ones(3) > 0, lambda x: x, lambda x: -x, 1.0)  #!
"""),
    mistake("branches of other dtypes", "TypeError",
            "false_fun returns i64[]|true_fun returns f64[]", "astype", """
lax.cond(True, lambda x: x, lambda x: 0, jnp.ones(()))  #!
"""),
    mistake("branches without a list", "TypeError", "switch|function", "list of functions", """
lax.switch(1, lambda x: x, 1.0)  #!
"""),
    mistake("index that is a float", "TypeError", "switch|f64[]", "convert", """
lax.switch(1.0, [lambda x: x, lambda x: -x], 1.0)  #!
"""),
    # ---- more of values that are traced ----
    mistake("NumPy under grad", "TracerArrayConversionError",
            "f64[]|derivative", "stop_gradient", """
jax.grad(lambda x: np.sin(x))(1.0)  #!
"""),
    mistake("number under grad", "ConcretizationTypeError",
            "f64[]|derivative would be lost", "stop_gradient", """
jax.grad(lambda x: float(x) ** 2)(1.0)  #!
"""),
    mistake("function of math", "ConcretizationTypeError", "f64[]", "jnp functions", """
import math
@jax.jit
def f(x):
    return math.sin(x)  #!
f(1.0)
"""),
    mistake("max of Python", "TracerBoolConversionError", "bool[]", "where", """
@jax.jit
def f(x):
    return max(x, 0.0)  #!
f(1.0)
"""),
    mistake("slice of traced length", "IndexError", "static|i64[]", "dynamic_slice", """
@jax.jit
def f(x, n):
    return x[:n]  #!
f(jnp.ones(3), 2)
"""),
    mistake("axis that is traced", "ConcretizationTypeError", "sum|axis|i64[]", "static", """
@jax.jit
def f(x, a):
    return jnp.sum(x, axis=a)  #!
f(jnp.ones(3), 0)
"""),
    mistake("number of repeats", "ConcretizationTypeError",
            "repeat|i64[]", "total_repeat_length", """
@jax.jit
def f(n):
    return jnp.repeat(jnp.ones(3), n)  #!
f(2)
"""),
    mistake("array larger than any memory", "ValueError", "2**63 bytes", "check its shape", """
x = jnp.zeros((2**40, 2**40))  #!
"""),
    mistake("deleted element", "TypeError", "f64[3]|immutable", "jnp.delete", """
x = jnp.ones(3)
del x[0]  #!
"""),
    mistake("right side of a triangular system", "ValueError",
            "solve_triangular|f64[3,3]|f64[2]", "must have 3 rows", """
import ingot.scipy.linalg
ingot.scipy.linalg.solve_triangular(jnp.eye(3), jnp.ones(2))  #!
"""),
    mistake("how a bar is shown", "TypeError", "progress", "show(done, total)", """
jax.progress(range(3), show=3)  #!
"""),
    mistake("number of threads", "TypeError", "set_num_threads|'a'", "expected an integer", """
jax.set_num_threads("a")  #!
"""),
    mistake("file written under jit", "TracerArrayConversionError",
            "f64[]|file_written_under_jit.py:3", "pure_callback", """
@jax.jit
def f(x):
    np.save("x.npy", x)  #!
    return x
f(1.0)
"""),
    mistake("traced value as a static argument", "ValueError", "jit|i64[]", "outer function", """
g = jax.jit(lambda x, n: x * n, static_argnums=1)
@jax.jit
def f(x, n):
    return g(x, n)  #!
f(1.0, 2)
"""),
    mistake("text of a traced value", "TracerArrayConversionError",
            "format|f64[]", "debug.print", """
@jax.jit
def f(x):
    return f"{x:.3f}"  #!
f(1.0)
"""),
    # ---- more of arguments and derivatives ----
    mistake("static argument by name", "TypeError", "argnums|'n'", "argnames", """
f = jax.jit(lambda x, n: x, static_argnums="n")  #!
"""),
    mistake("static argument of no function", "ValueError", "jit|'m'", "'n', 'x'", """
f = jax.jit(lambda x, n: x, static_argnames="m")  #!
"""),
    mistake("dataclass as an argument", "TypeError", "jit|P(a=1.0)|p", "register_dataclass", """
import dataclasses
@dataclasses.dataclass
class P:
    a: float
jax.jit(lambda p: p.a)(P(1.0))  #!
"""),
    mistake("in_axes of another structure", "ValueError", "vmap|in_axes[0]|'b'|'a'", "keys", """
jax.vmap(lambda p, x: p["a"] * x, in_axes=({"b": 0}, 0))({"a": jnp.ones(3)}, jnp.ones(3))  #!
"""),
    mistake("out_axes of another structure", "ValueError",
            "vmap|out_axes", "prefix of the result", """
jax.vmap(lambda x: x, out_axes=(0, 0))(jnp.ones(3))  #!
"""),
    mistake("has_aux without a pair", "TypeError", "grad|has_aux|f64[]", "pair", """
jax.grad(lambda x: x * 2, has_aux=True)(1.0)  #!
"""),
    mistake("cotangents one by one", "TypeError", "vjp function|2", "tuple", """
jax.vjp(lambda x: x * 2, 1.0)[1](1.0, 2.0)  #!
"""),
    mistake("cotangents of a rule", "TypeError",
            "custom_vjp|backward rule of f|2 cotangents", "None for zeros", """
@jax.custom_vjp
def f(x, y):
    return x * y
f.defvjp(lambda x, y: (x * y, (x, y)), lambda r, g: (g,))
jax.grad(f)(1.0, 2.0)  #!
"""),
    mistake("forward rule without residuals", "TypeError",
            "custom_vjp|forward rule of f", "pair", """
@jax.custom_vjp
def f(x):
    return x
f.defvjp(lambda x: x, lambda r, g: (g,))
jax.grad(f)(1.0)  #!
"""),
    mistake("cotangent of a rule", "TypeError|ValueError",
            "custom_vjp|f64[3]|f64[]", "types of the arguments", """
@jax.custom_vjp
def f(x):
    return x.sum()
f.defvjp(lambda x: (x.sum(), None), lambda r, g: (g,))
jax.grad(f)(jnp.ones(3))  #!
"""),
    mistake("rule without a pair", "TypeError", "custom_jvp|rule of f", "pair", """
@jax.custom_jvp
def f(x):
    return x
f.defjvp(lambda p, t: t[0])
jax.grad(f)(1.0)  #!
"""),
    mistake("derivative of a callback", "UndefinedRuleError",
            "pure_callback|sin", "custom_vjp", """
jax.grad(lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct((), "float64"), x))(1.0)  #!
"""),
    mistake("tree before its function", "TypeError", "tree_map|dict", "after it", """
jax.tree.map({"a": 1.0}, lambda x: x)  #!
"""),
    mistake("tree that ends early", "ValueError", "tree_map|['a']|float", "prefix", """
jax.tree.map(lambda p, g: p - g, {"a": {"w": 1.0}}, {"a": 1.0})  #!
"""),
    # ---- more of values ----
    mistake("update without an index", "AttributeError", "x.at", "x.at[:].set", """
x = jnp.zeros(3)
x.at.set(1.0)  #!
"""),
    mistake("update that there is not", "AttributeError", "'sub'", "subtract", """
x = jnp.zeros(3)
x.at[0].sub(1.0)  #!
"""),
    mistake("mode of an update", "ValueError", "'clamp'", "clip", """
x = jnp.zeros(5)
x.at[jnp.array(7)].set(1.0, mode="clamp")  #!
"""),
    mistake("donated array that is printed", "RuntimeError|ValueError",
            "float64[1000]", "copy", """
f = jax.jit(lambda x: x + 1, donate_argnums=0)
x = jnp.ones(1000)
f(x)
print(x)  #!
"""),
    mistake("integer of 70 bits", "OverflowError", "i64", "holds", """
jnp.array(2 ** 70)  #!
"""),
    mistake("missing number", "ValueError", "None", "nan", """
jnp.array([1.0, None])  #!
"""),
    mistake("function of nothing", "TypeError", "sin|NoneType", "return", """
jnp.sin(None)  #!
"""),
    mistake("density of a word", "TypeError", "norm.cdf|str", "float(text)", """
jax.scipy.stats.norm.cdf("a")  #!
"""),
    mistake("product with a dictionary", "TypeError", "*|dict", "tree.map", """
jnp.ones(3) * {"a": 1}  #!
"""),
    mistake("shape twice", "TypeError", "zeros|(4,)", "dtype", """
jnp.zeros((2, 3), (4,))  #!
"""),
    mistake("dtype that there is not", "TypeError", "zeros|'flaot64'", "dtype", """
jnp.zeros(3, dtype="flaot64")  #!
"""),
    mistake("number of keys", "TypeError", "split|2.5", "integers", """
jax.random.split(jax.random.key(0), 2.5)  #!
"""),
    mistake("keys of two types", "ValueError", "int, str", "OrderedDict", """
jax.jit(lambda d: d)({1: 1.0, "a": 2.0})  #!
"""),
    mistake("name of older NumPy", "AttributeError", "trapz", "trapezoid", """
jnp.trapz(jnp.ones(3))  #!
"""),
    mistake("name of PyTorch", "AttributeError", "cat", "concatenate", """
jnp.cat([jnp.ones(3)])  #!
"""),
    mistake("flag that there is not", "AttributeError", "jax_enable_x46", "enable_x64", """
jax.config.update("jax_enable_x46", True)  #!
"""),
]
