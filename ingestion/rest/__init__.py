# Made from solutions/m01_rest/11_offset.ipynb: edit it there.
"""Ways to walk a REST listing: each finds the next batch and the position after it, and knows nothing of landing."""
