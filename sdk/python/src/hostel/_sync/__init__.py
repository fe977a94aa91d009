"""The client that blocks, made from `_async` by tools/unasync.py; the keeper alone is written by hand."""
