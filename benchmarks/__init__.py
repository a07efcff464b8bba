"""Side-by-side measurements: interleaved, on one machine, against the same servers. Ratios count, seconds do not."""
