-- Write the log anew, so that no byte of a trimmed entry stays behind: a stream keeps them, marked as deleted,
-- as long as it keeps an entry beside them. Returns how many entries were kept.
-- KEYS: log, the name under which it is written.

local wrong = mistyped(KEYS[1], 'stream')
if wrong then return wrong end
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('XLEN', KEYS[1]) == 0 then return 0 end

local facts, added = redis.call('XINFO', 'STREAM', KEYS[1]), 0
for i = 1, #facts, 2 do
  if facts[i] == 'entries-added' then added = facts[i + 1] end
end

redis.call('DEL', KEYS[2])
local from = '-'
repeat
  local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1000)
  for _, entry in ipairs(page) do
    redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
    from = '(' .. entry[1]
  end
until #page == 0
redis.call('XSETID', KEYS[2], tail_of(KEYS[1]), 'ENTRIESADDED', string.format('%d', added))
redis.call('RENAME', KEYS[2], KEYS[1])
return redis.call('XLEN', KEYS[1])
