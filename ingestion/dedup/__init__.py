# Made from solutions/m02_push/04_bloom.ipynb: edit it there.
"""Recognising what was here before: a filter in constant memory, one that all share, and who has the last word."""
