"""The fixtures, and the program that makes them from a seed (`python -m data.generate`)."""
