"""Takes from each limit as it comes to it: a refused request has emptied the limits before the one that refused."""
#| exercise: m01-08-ex2
#| caught by: test_ex2_a_wait_that_is_too_long_is_refused_and_saves_nothing
def reserve_script() -> str:
    return (
        _COMMON
        + """
local slot = now
for i = 1, #KEYS do
  local bucket = load(i)
  slot = math.max(slot, bucket.not_before, bucket.full_at + bucket.cost - bucket.capacity)
  if slot - now > tonumber(ARGV[1]) then return {0, slot - now} end
  bucket.full_at = math.max(bucket.full_at, slot) + bucket.cost
  save(i, bucket)
end
return {1, slot - now}
"""
    )
