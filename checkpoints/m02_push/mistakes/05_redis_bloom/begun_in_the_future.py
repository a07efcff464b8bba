"""Trusts that time only goes forward: after a failover one segment takes keys for days too long."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_a_clock_that_steps_back_loses_nothing
def rotation() -> str:
    return """
local function rotate()
  local due = math.floor((now - began_at) / span)
  local grid = began_at + due * span
  for _ = 1, math.min(due, segments) do next_segment(grid) end
  if count >= capacity then next_segment(now) end
end
"""
