"""Starts the count anew when the clock steps back: the segment takes its capacity twice."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_a_clock_that_steps_back_loses_nothing
def rotation():
    return """
local function rotate()
  if now < began_at then began_at, count = now, 0 end
  local passed = math.floor((now - began_at) / span)
  local ended = began_at + passed * span
  for _ = 1, math.min(passed, segments) do next_segment(ended) end
  if count >= capacity then next_segment(now) end
end
"""
