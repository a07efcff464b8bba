"""Waits until more than the span has passed, and loses a span by it when it is counted in whole ones."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_remembers_for_the_window_and_not_much_longer, test_ex2_spans_do_not_drift
def rotation() -> str:
    return """
local function rotate()
  began_at = math.min(began_at, now)
  local due = math.max(0, math.ceil((now - began_at) / span) - 1)
  local grid = began_at + due * span + 1
  for _ = 1, math.min(due, segments) do next_segment(grid) end
  if count >= capacity then next_segment(now) end
end
"""
