"""The schedule: sizes by which a lowering decides how loops are cut, unrolled, shared and stored.

Kernel rules say what is computed. What fits into registers and caches, and how much work is worth a
thread or a call, is written here, once for a kind of processor; `build.schedule` is the one in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class Schedule:
    """Limits for a CPU with caches, vectors and a few threads; only tests change them.

    "Instructions" are simple arithmetic ones, as estimated by `kernel.cost`; "elements" are those
    of arrays, whatever their dtype; "multiplications" are those of a product. Sizes on which the
    digits of sums depend stay in `kernel/summation.py`.
    """

    # ---- registers, and code without loops ----
    max_scalars: int = 64
    """Elements of an array that is kept as scalars."""

    max_unrolled_work: int = 2000
    """Instructions that are unrolled instead of looped over."""

    max_unrolled_loaded_work: int = 200
    """The same for values computed from memory, which loops read one element after the other."""

    max_unrolled_order: int = 16
    """Order of matrices that are factored and solved by unrolled code instead of LAPACK."""

    max_unrolled_rows: int = 16
    """Rows that are permuted by an unrolled product with zeros and ones."""

    max_top_k: int = 16
    """Largest elements of a row that are kept in registers while it is searched."""

    top_k_block: int = 32
    """Elements of a row compared at once with the last of the largest."""

    max_unrolled_reduction_work: int = 64
    """Instructions of a reduction that is unrolled, element by element."""

    max_unrolled_cumulative: int = 64
    """Elements of an array whose cumulative reduction is unrolled."""

    reduction_vector: int = 16
    """Elements that an unrolled reduction combines in order, as vectors do."""

    register_row: int = 32
    """Elements of a row that stay in registers while rows are added to them."""

    rows_at_once: int = 8
    """Rows combined with each other before they are combined with the result."""

    # ---- recomputing, or memory ----
    inline_reduction_work: int = 128
    """Instructions of a reduction that is computed where its value is used."""

    inline_max_cost: int = 4
    """Instructions of an element that is computed again for each use rather than stored."""

    recompute_max_cost: int = 100
    """Instructions of an element up to which a large expanded value is computed again."""

    recompute_expansion: int = 8
    """Ratio of a value's size to that of its operands from which it counts as expanded."""

    # ---- caches ----
    out_of_cache_bytes: int = 1 << 20
    """Bytes of an array that does not stay in the nearest caches."""

    tile_side: int = 64
    """Elements along each side of a tile of a transposition."""

    tiled_stride: int = 8
    """Elements between neighbors, and length of an axis, from which tiles pay off."""

    row_tile: int = 1024
    """Elements of a row that stay in the first cache while rows are added to them."""

    cumulative_row_tile: int = 512
    """Elements of a row that stay in the first cache while the next rows are made from it."""

    reduction_block: int = 4096
    """Elements that are added up before their sum is added to that of other blocks."""

    radix_partition: int = 1 << 16
    """Elements of a row that radix sort first cuts into parts by the highest digit."""

    nontemporal_bytes: int = 96 << 20
    """Bytes that a loop touches from which its results are stored past the caches."""

    nontemporal_part_bytes: int = 1 << 10
    """Bytes of a part of such a result where any will do; while it is copied, nothing is read."""

    min_nontemporal_row_bytes: int = 1 << 9
    """Bytes of parts that are rows of an array, at least."""

    max_nontemporal_row_bytes: int = 1 << 14
    """Bytes of such parts, at most: several stay in the first cache."""

    # ---- vectors ----
    strip: int = 1024
    """Iterations of a strip of a long loop: few enough to be short of work, many enough to start a
    loop for."""

    strip_unit: int = 64
    """Iterations that the length of a strip is a multiple of: a few of the longest vectors."""

    min_strip_mined: int = 2048
    """Iterations of a loop from which strips compute little twice."""

    min_strip_mined_work: int = 60
    """Instructions of a body from which a second copy of it costs more than strips."""

    lanes: int = 16
    """Batch elements of a while loop that step together in straight-line code."""

    lane_block: int = 512
    """Batch elements whose values stay in the first cache while they step."""

    min_compacted: int = 128
    """Batch elements from which it pays to find the active ones."""

    min_compacted_work: int = 60
    """Instructions of a step from which it pays."""

    # ---- threads ----
    parallel_work: int = 200_000
    """Instructions of a loop from which threads may be worth waking: some 50 microseconds."""

    parallel_reduction_work: int = 1 << 20
    """Instructions of a reduction to one element from which it is done in parts."""

    reduction_parts: int = 16
    """Parts of such a reduction, which threads share."""

    parallel_cumulative_elements: int = 1 << 15
    """Elements of a row whose cumulative reduction is done in parts."""

    # ---- library routines, or loops ----
    max_sort_keys: int = 1 << 14
    """Elements of a row of wide keys that is sorted by two native orders, not in Python."""

    blas_work: int = 1000
    """Multiplications from which a library call is faster than a loop."""

    blas_block_work: int = 1 << 19
    """Multiplications of a block of a product, the work of one thread: some 10 microseconds."""

    blas_block_entries: int = 1 << 17
    """Entries of a block of a matrix that is multiplied by a vector, which reads each once."""

    blas_block_side: int = 128
    """Rows or columns of a block, since each block packs the other factor again."""

    blas_block_terms: int = 256
    """Terms of the sums of a block, where all blocks are parts of the same sums."""

    blas_max_terms: int = 4096
    """Terms of the sums of a small product, some hundred of which BLAS adds up in order."""

    blas_max_unrolled_parts: int = 16
    """Parts of sums up to which the code that adds them is unrolled."""

    blas_max_blocks: int = 64
    """Blocks that a side of a product is cut into."""

    blas_unit: int = 16
    """Rows or columns that BLAS takes at once; blocks start at multiples of it."""

    loop_product_terms: int = 16
    """Terms of the products that a loop adds up from which they stay in it: with fewer, reading and
    writing the sum costs more than the products."""

    loop_product_ratio: int = 2
    """Elements of such a sum for each that is kept to make it after the loop."""

    min_loop_products: int = 4
    """Steps of a loop from which products follow it."""

    conv_blas_work: int = 1 << 20
    """Multiplications from which operands are padded in memory, and BLAS multiplies windows."""

    conv_tile_work: int = 1 << 13
    """Multiplications from which a convolution is laid out for tiles of registers."""

    conv_block_terms: int = 256
    """Terms that such a tile adds up in order."""

    conv_loop_terms: int = 64
    """Terms of an element of the result up to which loops are faster than BLAS."""

    conv_sliding_taps: int = 32
    """Taps of a single feature from which the operand slides over the result."""

    fft_lines_at_once: int = 4
    """Rows that vectors transform at once; blocks have a multiple of it."""

    fft_block_work: int = 1 << 16
    """Instructions of a block of rows, the work of one thread: some 20 microseconds."""

    fft_column_span: int = 1 << 19
    """Bytes from one end of a column to the other from which columns are copied to be rows."""

    @contextmanager
    def override(self, **values: Any) -> Iterator[None]:
        """Set fields inside the context, for all threads; AttributeError for unknown ones."""
        before = {name: getattr(self, name) for name in values}
        vars(self).update(values)
        try:
            yield
        finally:
            vars(self).update(before)


SCHEDULE = Schedule()
