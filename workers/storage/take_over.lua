-- Let one release commit from now on and no other. KEYS: generation. ARGV: the release so far, the new one.
-- Returns 1, or 0 if it is another one by now.

if (redis.call('HGET', KEYS[1], 'release') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'release', ARGV[2])
return 1
