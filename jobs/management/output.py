"""What commands that print a lot share."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def while_read() -> Iterator[None]:
    """Print until whoever reads it has enough, as `| head` has: that is no error."""
    try:
        yield
    except BrokenPipeError:
        # What is still buffered must go somewhere when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
