-- Claim intents and append their claim events. Returns a string of 1 and 0, or nil if the generation is not current.
-- KEYS: generation, outbox, claims, answer, log, then the sets of ids
-- ARGV: generation, then for each claim: intent key, value read, attempt, event id, event

-- A client that did not hear the answer asks again, and must not take its own claims for somebody else's.
local answered = redis.call('GET', KEYS[4])
if answered then return answered end

if ARGV[1] ~= (redis.call('HGET', KEYS[1], 'current') or '1') then return false end
local outbox, claims, log, days = KEYS[2], KEYS[3], KEYS[5], {unpack(KEYS, 6)}
local wrong = mistyped(outbox, 'hash') or mistyped(claims, 'zset') or mistyped_log(log, days)
if wrong then return wrong end

local ids = {}
for i = 5, #ARGV, 5 do ids[#ids + 1] = ARGV[i] end
local news, appended, granted = unknown(days, ids), {}, {}
for i = 2, #ARGV, 5 do
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
