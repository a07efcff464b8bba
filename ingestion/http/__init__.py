# Made from solutions/m01_rest/10_client.ipynb: edit it there.
"""Talking HTTP to one upstream: the client that every source shares, and the identity of a request."""
