"""From master notebooks to learner notebooks and the package: read, refuse, build, run."""
