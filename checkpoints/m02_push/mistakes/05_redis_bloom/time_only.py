"""Turns by time alone: on a busy day one segment fills up and claims everything."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_a_full_segment_makes_room_in_the_next
def rotation() -> str:
    return """
local function rotate()
  began_at = math.min(began_at, now)
  local due = math.floor((now - began_at) / span)
  local grid = began_at + due * span
  for _ = 1, math.min(due, segments) do next_segment(grid) end
end
"""
