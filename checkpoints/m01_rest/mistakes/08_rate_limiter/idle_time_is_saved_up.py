"""Counts on from when the bucket was full: a fresh key, full since 1970, grants for ever."""
#| exercise: m01-08-ex2
#| caught by: test_ex2_grants_the_burst_and_then_the_rate
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
  bucket.full_at = bucket.full_at + bucket.cost
  save(i, bucket)
end
return {1, slot - now}
"""
    )
