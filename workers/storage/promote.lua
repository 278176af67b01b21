-- Make the generation that was built the current one, in place of one to which nothing was ever committed.
-- KEYS: generation, checkpoint of the current. ARGV: the new, the current. Returns 1 or 0.

local found = redis.call('HMGET', KEYS[1], 'current', 'building')
if (found[1] or '1') ~= ARGV[2] or found[2] ~= ARGV[1] or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'current', ARGV[1])
redis.call('HDEL', KEYS[1], 'building')
return 1
