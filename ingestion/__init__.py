# Made from solutions/m01_rest/01_errors.ipynb: edit it there.
"""A fault-tolerant ingestion service."""
