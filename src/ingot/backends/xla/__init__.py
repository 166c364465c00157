"""The XLA back end, through jaxlib alone: CPUs, GPUs and TPUs. Nothing is loaded until it is used.
"""

from ingot.core.backend import register_later

register_later("xla", f"{__name__}.backend")
