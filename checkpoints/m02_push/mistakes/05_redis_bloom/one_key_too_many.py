"""Asks for more than the capacity: each segment takes one key over it, and the error rate is promised for the capacity."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_full_is_at_its_capacity
def rotation():
    return """
local function rotate()
  if now < began_at then began_at = now end
  local due = math.min(math.floor((now - began_at) / span), segments)
  local ended = began_at + math.floor((now - began_at) / span) * span
  for _ = 1, due do next_segment(ended) end
  if due < segments and count > capacity then next_segment(now) end
end
"""
