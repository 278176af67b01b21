-- Give a lease back if it is the owner's. Returns 1 if somebody has asked for it meanwhile, else 0.
-- KEYS: lease, asked. ARGV: owner.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return redis.call('DEL', KEYS[2])
