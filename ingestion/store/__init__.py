# Made from solutions/m01_rest/15_idempotency.ipynb: edit it there.
"""What the service remembers in Postgres: claims, dead letters, positions, runs, and their schema."""
