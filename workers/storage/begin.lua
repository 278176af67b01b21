-- Begin a generation; one that was being built is given up. Returns its number. KEYS: generation.

redis.call('HSETNX', KEYS[1], 'current', 1)
redis.call('HSETNX', KEYS[1], 'last', 1)
local number = redis.call('HINCRBY', KEYS[1], 'last', 1)
redis.call('HSET', KEYS[1], 'building', number)
return number
