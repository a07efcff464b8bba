"""Answers in seconds: Redis cuts 0.33 down to 0, and nobody ever waits."""
#| exercise: m01-08-ex2
#| caught by: test_ex2_grants_the_burst_and_then_the_rate, test_ex2_counts_in_whole_microseconds
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
  bucket.full_at = math.max(bucket.full_at, slot) + bucket.cost
  save(i, bucket)
end
return {1, (slot - now) / 1000000}
"""
    )
