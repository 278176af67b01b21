-- Keep the log's entries up to a position no longer. Returns how many they were.
-- KEYS: log, begins. ARGV: position.

local wrong = mistyped(KEYS[1], 'stream') or mistyped(KEYS[2], 'string')
if wrong then return wrong end

local function numbers(position)
  local moment, number = position:match('^(%d+)-(%d+)$')
  return tonumber(moment), tonumber(number)
end

local moment, number = numbers(ARGV[1])
local old_moment, old_number = numbers(redis.call('GET', KEYS[2]) or '0-0')
if moment < old_moment or (moment == old_moment and number <= old_number) then return 0 end

redis.call('SET', KEYS[2], ARGV[1])
return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%d-%d', moment, number + 1))
