# Made from solutions/m01_rest/04_backoff.ipynb: edit it there.
"""Surviving other people's servers: how long to wait, how often to ask, when to stop asking."""
