"""The XLA back end, through jaxlib alone: CPUs, GPUs and TPUs. Nothing is loaded until it is used.
"""

from ingot.core.backend import register_later
from ingot.core.processes import PROCESSES

for _name in ("xla", "cuda", "tpu"):
    register_later(_name, f"{__name__}.backend")
PROCESSES.module = f"{__name__}.processes"
