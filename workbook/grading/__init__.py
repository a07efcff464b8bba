"""Deciding whether an answer is right: the same tests for the notebook's check, for `grade.py` and for the known mistakes."""

from workbook.grading.expect import Blocked, NotYet, expect

__all__ = ["Blocked", "NotYet", "expect"]
