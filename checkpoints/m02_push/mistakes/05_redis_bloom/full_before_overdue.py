"""Turns a full segment first, which begins now: the spans that have passed are then forgotten, and old segments stay."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_full_is_at_its_capacity
def rotation():
    return """
local function rotate()
  if now < began_at then began_at = now end
  if count >= capacity then next_segment(now) end
  local passed = math.floor((now - began_at) / span)
  local ended = began_at + passed * span
  for _ = 1, math.min(passed, segments) do next_segment(ended) end
end
"""
