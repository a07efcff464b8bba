# Made from solutions/m02_push/01_signatures.ipynb: edit it there.
"""Events that others push to us: who sent them, whether they are fresh, and how they are received."""
