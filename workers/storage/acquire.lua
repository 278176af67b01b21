-- Take or renew a lease, or leave word that it is asked for. KEYS: lease, asked. ARGV: owner, milliseconds.

local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  redis.call('SET', KEYS[2], 1, 'PX', ARGV[2])
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
