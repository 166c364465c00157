"""Higher-order primitives: their rules call transformations, so they come after them."""
