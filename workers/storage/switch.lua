-- Make the generation that was built the current one, once it has caught up.
-- KEYS: generation, checkpoint of the new, checkpoint of the current, log
-- ARGV: the new, the current. Returns 1 or 0.

local found = redis.call('HMGET', KEYS[1], 'current', 'building')
if (found[1] or '1') ~= ARGV[2] or found[2] ~= ARGV[1] then return 0 end

local position = checkpoint_of(KEYS[2])
if position ~= checkpoint_of(KEYS[3]) or position ~= tail_of(KEYS[4]) then return 0 end

redis.call('HSET', KEYS[1], 'current', ARGV[1])
redis.call('HDEL', KEYS[1], 'building')
return 1
