"""Outcomes of the two sides beside each other."""

from collections import Counter
from dataclasses import dataclass

PASSED = "passed"


@dataclass(frozen=True)
class Comparison:
    """What became on ingot of the tests that pass on JAX."""

    passed: int
    explained: dict[str, str]
    unexplained: dict[str, dict]
    stale: tuple[str, ...]
    broken: int
    assumed: int = 0

    @property
    def total(self):
        return self.passed + len(self.explained) + len(self.unexplained)

    @property
    def percent(self):
        return 100.0 * self.passed / self.total if self.total else 0.0

    @property
    def good(self):
        return bool(self.total) and not (self.unexplained or self.stale or self.broken)


def assume(ingot):
    """What passes on ingot, as passing on JAX: outcomes of a run that JAX is spared."""
    return {test: {"id": test, "outcome": PASSED, "message": "", "assumed": True}
            for test, line in ingot.items() if line["outcome"] == PASSED}


def compare(jax, ingot, differences, partial=False):
    """Compare outcomes by test. A listed difference that none shows is stale, as it hides nothing;
    in a partial run it may show elsewhere."""
    explained, unexplained, used, passed = {}, {}, set(), 0
    for test, theirs in jax.items():
        if theirs["outcome"] != PASSED or (partial and test not in ingot):
            continue
        ours = ingot.get(test, {"outcome": "absent", "message": "not collected"})
        if ours["outcome"] == PASSED:
            passed += 1
            continue
        found = [d for d in differences if d.covers(test)]
        used.update(found)
        if found:
            explained[test] = found[0].reason
        else:
            unexplained[test] = ours
    stale = () if partial else tuple(t for d in differences if d not in used for t in d.tests)
    broken = sum(line["outcome"] in ("crash", "hang") for line in ingot.values())
    assumed = sum(line.get("assumed", False) for line in jax.values())
    return Comparison(passed, explained, unexplained, stale, broken, assumed)


def report(suite, comparison, slowest=()):
    """The text that is printed for a person."""
    c = comparison
    most = "at most " if c.assumed else ""
    lines = [f"{suite.package} {suite.version}: {most}{c.total} pass on JAX, {c.passed} on ingot "
             f"({c.percent:.2f} %), {len(c.explained)} differences explained, "
             f"{len(c.unexplained)} not, {c.broken} crashes and hangs"]
    for test, line in c.unexplained.items():
        lines += [f"  {line['outcome'].upper()} {test}", f"      {_first(line['message'])}"]
    often = Counter(_kind(line["message"]) for line in c.unexplained.values())
    lines += [f"  {count:4} x {kind}" for kind, count in often.most_common(15) if count > 1]
    lines += [f"  STALE {pattern}: no difference; take it off the list" for pattern in c.stale]
    lines += [f"  slow: {ours:7.1f} s, JAX {theirs:7.1f} s  {test}"
              for test, ours, theirs in slowest]
    return "\n".join(lines)


def slow(jax, ingot, count=10, at_least=5.0):
    """Tests that take longest on ingot: (test, seconds, seconds on JAX)."""
    rows = [(test, line.get("seconds", 0.0), jax.get(test, {}).get("seconds", 0.0))
            for test, line in ingot.items()]
    return sorted((r for r in rows if r[1] > at_least), key=lambda r: -r[1])[:count]


def _first(message):
    return " ".join(message.split())[:300]


def _kind(message):
    return _first(message).rpartition("  (")[0][:120] or _first(message)[:120]
