"""Keeps freed memory for the next tensor instead of handing it back to the system.

By default the C library of Linux maps large blocks afresh each time, so the processor
spends up to a quarter of its time on clearing pages for tensors that live for
milliseconds. Elsewhere nothing is changed.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of the two settings in glibc's malloc.h, see mallopt(3)."""
_LARGEST = 2**30
"""Bytes; blocks below are kept, and so much may lie unused."""


def keep_freed_memory() -> bool:
    """Keep memory that is freed in this process from now on.

    For processes of our own, not for those of whoever imports the package.

    Returns:
        Whether the C library has such a setting and took it.
    """
    if not sys.platform.startswith("linux"):
        return False
    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is None:
        return False
    return bool(
        setting(_TRIM_THRESHOLD, _LARGEST) and setting(_MMAP_THRESHOLD, _LARGEST)
    )
