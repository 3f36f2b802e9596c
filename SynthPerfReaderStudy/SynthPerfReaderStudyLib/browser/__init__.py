"""The seat without Slicer: pages in a browser, on the same sessions, records and stimuli as every seat.

There is no reading logic here: :mod:`..session` decides, the pages show its views and hand on what the reader does.
Only this package imports the web stack.
"""

from .server import Address, serve

__all__ = ["Address", "serve"]
