"""The yearly sunspot record, and the scale on which it is modeled."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

FILE = Path(__file__).resolve().parent.parent / "data" / "sunspots.csv"


class Record(NamedTuple):
    """Years [N], yearly mean counts [N], and the modeled values sqrt(counts) - offset [N]."""

    years: np.ndarray
    counts: np.ndarray
    values: np.ndarray
    offset: float

    def to_counts(self, values):
        """Modeled values, of any shape, as sunspot numbers; below zero there are none."""
        return np.maximum(values + self.offset, 0.0) ** 2


def load(path=FILE):
    """Read the record from a CSV file of year, count: the square root makes the scatter even."""
    years, counts = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
    roots = np.sqrt(counts)
    return Record(years, counts, roots - roots.mean(), float(roots.mean()))
