-- Claim intents and append their claim events. Returns a string of 1 and 0; nil if the generation is not current;
-- -1 if the events are packed by a dictionary that is not there.
-- KEYS: generation, outbox, claims, answer, log, dictionaries, then the sets of ids
-- ARGV: number and length of the dictionary, generation,
--       then for each claim: intent key, value read, attempt, event id, event

-- A client that did not hear the answer asks again, and must not take its own claims for somebody else's.
local answered = redis.call('GET', KEYS[4])
if answered then return answered end

if ARGV[3] ~= (redis.call('HGET', KEYS[1], 'current') or '1') then return false end
local outbox, claims, log, days = KEYS[2], KEYS[3], KEYS[5], {unpack(KEYS, 7)}
local wrong = mistyped(outbox, 'hash') or mistyped(claims, 'zset') or mistyped_log(log, days)
if wrong then return wrong end
if not has_dictionary(KEYS[6], ARGV[1], ARGV[2]) then return -1 end

local ids = {}
for i = 7, #ARGV, 5 do ids[#ids + 1] = ARGV[i] end
local news, appended, granted = unknown(days, ids), {}, {}
for i = 4, #ARGV, 5 do
  local key, value, attempt, id, event = unpack(ARGV, i, i + 4)
  local free = news[id] and redis.call('HGET', outbox, key) == value
  if free and redis.call('ZADD', claims, 'NX', attempt, key) == 1 then
    news[id] = nil
    appended[#appended + 1] = id
    add(log, event)
    granted[#granted + 1] = '1'
  else
    granted[#granted + 1] = '0'
  end
end
remember(days, appended)

local answer = table.concat(granted)
redis.call('SET', KEYS[4], answer, 'PX', 60000)
return answer
