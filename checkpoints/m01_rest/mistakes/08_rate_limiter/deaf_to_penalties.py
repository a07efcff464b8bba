"""Looks at the bucket only: a 429 seen by one process stops nobody."""
#| exercise: m01-08-ex2
#| caught by: test_ex2_nothing_goes_while_a_penalty_lasts
def reserve_script() -> str:
    return (
        _COMMON
        + """
local slot, buckets = now, {}
for i = 1, #KEYS do
  local bucket = load(i)
  slot = math.max(slot, bucket.full_at + bucket.cost - bucket.capacity)
  buckets[i] = bucket
end
if slot - now > tonumber(ARGV[1]) then return {0, slot - now} end
for i, bucket in ipairs(buckets) do
  bucket.full_at = math.max(bucket.full_at, slot) + bucket.cost
  save(i, bucket)
end
return {1, slot - now}
"""
    )
