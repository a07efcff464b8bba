"""Begins the next segment when somebody comes by: every quiet hour makes the spans longer."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_spans_do_not_drift
def rotation() -> str:
    return """
local function rotate()
  began_at = math.min(began_at, now)
  local due = math.floor((now - began_at) / span)
  local grid = began_at + due * span
  for _ = 1, math.min(due, segments) do next_segment(now) end
  if count >= capacity then next_segment(now) end
end
"""
