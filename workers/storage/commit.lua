-- Apply changes and move the checkpoint: nothing is undone here, so every check comes before the first write.
-- KEYS: generation, checkpoint, then one for each operation
-- ARGV: generation, expected position, new position, then for each operation: command, number of arguments, arguments;
--       last the release. The first argument of RPUSH is where the list begins from now on.
-- Returns 1, or 0 if the generation is not alive or the checkpoint is not the expected one.

local TYPES = {HSET = 'hash', HDEL = 'hash', HINCRBY = 'hash', ZADD = 'zset', ZREM = 'zset', RPUSH = 'list'}

if not is_alive(KEYS[1], ARGV[1], ARGV[#ARGV]) or checkpoint_of(KEYS[2]) ~= ARGV[2] then return 0 end

local at = 4
for i = 3, #KEYS do
  local wrong = mistyped(KEYS[i], TYPES[ARGV[at]])
  if wrong then return wrong end
  at = at + 2 + ARGV[at + 1]
end

at = 4
for i = 3, #KEYS do
  local command, first, last = ARGV[at], at + 2, at + 1 + ARGV[at + 1]
  if command == 'HINCRBY' then
    for from = first, last, 2 do call(command, KEYS[i], ARGV, from, from + 1) end
  elseif command == 'RPUSH' then
    if ARGV[first] ~= '0' then redis.call('LTRIM', KEYS[i], ARGV[first], -1) end
    call(command, KEYS[i], ARGV, first + 1, last)
  else
    call(command, KEYS[i], ARGV, first, last)
  end
  at = last + 1
end
redis.call('SET', KEYS[2], ARGV[3])
return 1
