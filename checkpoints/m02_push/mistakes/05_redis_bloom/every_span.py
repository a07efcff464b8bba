"""Takes a step for every span that was missed: after a quiet year Redis stands still."""
#| exercise: m02-05-ex2
#| caught by: test_ex2_after_a_long_silence_all_is_forgotten_in_a_few_steps
def rotation() -> str:
    return """
local function rotate()
  began_at = math.min(began_at, now)
  local due = math.floor((now - began_at) / span)
  local grid = began_at + due * span
  for _ = 1, due do next_segment(grid) end
  if count >= capacity then next_segment(now) end
end
"""
