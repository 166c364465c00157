"""The properties of random programs, on new programs each time."""

from test_check_memory import (  # noqa: F401
    checking,
    test_random_programs_keep_to_their_memory,
)
from test_compositions import (  # noqa: F401
    test_forward_is_backward,
    test_grad_of_vmap_is_vmap_of_grad,
    test_jit_anywhere,
    test_jit_is_eager,
    test_second_derivatives_are_symmetric,
    test_vmap_is_a_loop,
)
