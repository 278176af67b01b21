-- Functions that every script begins with.

local CHUNK = 4000  -- arguments of one call; the interpreter's stack holds 8000

-- Calls a variadic command as often as its arguments need.
local function call(command, key, values, first, last)
  for from = first, last, CHUNK do
    redis.call(command, key, unpack(values, from, math.min(from + CHUNK - 1, last)))
  end
end

-- An error reply if a key exists and is of another type, else nil.
local function mistyped(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ', not a ' .. kind)
  end
end

-- Whether a release may write a generation: it is the current one or the one being built, and no other
-- release has taken over.
local function is_alive(pointer, generation, release)
  local found = redis.call('HMGET', pointer, 'current', 'building', 'release')
  if found[3] and found[3] ~= release then return false end
  return generation == (found[1] or '1') or generation == found[2]
end

local function checkpoint_of(key)
  return redis.call('GET', key) or '0-0'
end

-- Whether the dictionary is there that events are packed by: its number, 0 for none, and its length.
local function has_dictionary(dictionaries, number, length)
  return number == '0' or redis.call('HSTRLEN', dictionaries, number) == tonumber(length)
end

-- The log and its memory of ids: the first key is the stream, the others the sets of ids by day.

local function mistyped_log(log, days)
  local wrong = mistyped(log, 'stream')
  for _, day in ipairs(days) do
    wrong = wrong or mistyped(day, 'set')
  end
  return wrong
end

-- Those of the ids that no day knows, as keys.
local function unknown(days, ids)
  local news = {}
  for _, id in ipairs(ids) do news[id] = true end
  for _, day in ipairs(days) do
    for from = 1, #ids, CHUNK do
      local found = redis.call('SMISMEMBER', day, unpack(ids, from, math.min(from + CHUNK - 1, #ids)))
      for i, known in ipairs(found) do
        if known == 1 then news[ids[from + i - 1]] = nil end
      end
    end
  end
  return news
end

local function remember(days, ids)
  if #ids == 0 then return end
  local today = math.floor(redis.call('TIME')[1] / 86400)
  local day = days[today % #days + 1]
  call('SADD', day, ids, 1, #ids)
  redis.call('EXPIREAT', day, string.format('%d', (today + #days) * 86400))
end

local function add(log, event)
  redis.call('XADD', log, '*', 'event', event)
end

-- The position of the newest entry there ever was, even if it is archived by now.
local function tail_of(log)
  if redis.call('EXISTS', log) == 0 then return '0-0' end
  local facts = redis.call('XINFO', 'STREAM', log)
  for i = 1, #facts, 2 do
    if facts[i] == 'last-generated-id' then return facts[i + 1] end
  end
end
