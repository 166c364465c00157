"""A builder that goes through what is built already, and appends it again with changes."""

from __future__ import annotations

from typing import Any

from ingot.kernel import ir
from ingot.kernel.builder import Builder
from ingot.kernel.visit import blocks


class Rewriter(Builder):
    """Passes that put nodes in front of others, or instead of them, override `node`."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[Any] = []  # the nodes around the current block, the outermost first

    def rewrite(self, block: ir.Block) -> None:
        """Go through a block and those inside of it (changed in place)."""
        nodes, block.nodes = block.nodes, []
        with self.inside(block):
            for node in nodes:
                self.node(node)

    def node(self, node: Any) -> None:
        """Append a node whose blocks were rewritten."""
        inner = blocks(node)
        if inner:
            self.path.append(node)
            for block in inner:
                self.rewrite(block)
            self.path.pop()
        self.block.nodes.append(node)
