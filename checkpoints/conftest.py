"""Fixtures for every checkpoint."""

from workbook.fixtures import api, db_url, redis_url, rng, seed, stack

__all__ = ["api", "db_url", "redis_url", "rng", "seed", "stack"]
