-- Let nobody write a generation any more. Returns 0 if it is the current one. KEYS: generation. ARGV: generation.

if (redis.call('HGET', KEYS[1], 'current') or '1') == ARGV[1] then return 0 end
if redis.call('HGET', KEYS[1], 'building') == ARGV[1] then redis.call('HDEL', KEYS[1], 'building') end
return 1
