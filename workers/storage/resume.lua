-- Go on behind a position that the log need not have reached: what is up to it lies in the archive.
-- KEYS: log, begins. ARGV: position, how many entries were appended up to it, the position behind it.

local wrong = mistyped(KEYS[1], 'stream') or mistyped(KEYS[2], 'string')
if wrong then return wrong end

redis.call('SET', KEYS[2], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3]) end
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[1])
  redis.call('XADD', KEYS[1], ARGV[1], 'event', '')
  redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)
end
local kept = redis.call('XLEN', KEYS[1])
redis.call('XSETID', KEYS[1], tail_of(KEYS[1]), 'ENTRIESADDED', string.format('%d', ARGV[2] + kept))
return kept
