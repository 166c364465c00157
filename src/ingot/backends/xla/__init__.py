"""The XLA back end, through jaxlib alone: CPUs, GPUs and TPUs. Nothing is loaded until it is used.
"""

from ingot.core.backend import register_later

for _name in ("xla", "cuda", "tpu"):
    register_later(_name, f"{__name__}.backend")
