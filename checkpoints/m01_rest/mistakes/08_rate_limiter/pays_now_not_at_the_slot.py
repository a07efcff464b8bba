"""Counts a full bucket from now: it refills while the request waits for another limit, and then grants a burst too many."""
#| exercise: m01-08-ex2
#| caught by: test_ex2_a_limit_that_was_not_in_the_way_does_not_refill_meanwhile
def reserve_script() -> str:
    return (
        _COMMON
        + """
local slot, buckets = now, {}
for i = 1, #KEYS do
  local bucket = load(i)
  slot = math.max(slot, bucket.not_before, bucket.full_at + bucket.cost - bucket.capacity)
  buckets[i] = bucket
end
if slot - now > tonumber(ARGV[1]) then return {0, slot - now} end
for i, bucket in ipairs(buckets) do
  bucket.full_at = math.max(bucket.full_at, now) + bucket.cost
  save(i, bucket)
end
return {1, slot - now}
"""
    )
