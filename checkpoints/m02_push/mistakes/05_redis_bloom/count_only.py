"""Turns by count alone: on a quiet stream last year's events are still duplicates."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_remembers_for_the_window_and_not_much_longer
def rotation() -> str:
    return """
local function rotate()
  began_at = math.min(began_at, now)
  local due = math.floor((now - began_at) / span)
  local grid = began_at + due * span
  if count >= capacity then next_segment(now) end
end
"""
