"""Counts requests and not tokens: one for ten tokens costs as much as one for one."""
#| exercise: m01-08-ex2
#| caught by: test_ex2_takes_as_many_as_were_asked_for
def reserve_script() -> str:
    return (
        _COMMON
        + """
local slot, buckets = now, {}
for i = 1, #KEYS do
  local bucket = load(i)
  slot = math.max(slot, bucket.not_before, bucket.full_at + bucket.token - bucket.capacity)
  buckets[i] = bucket
end
if slot - now > tonumber(ARGV[1]) then return {0, slot - now} end
for i, bucket in ipairs(buckets) do
  bucket.full_at = math.max(bucket.full_at, slot) + bucket.token
  save(i, bucket)
end
return {1, slot - now}
"""
    )
