-- Append the events that are not known, after the documents they name. Returns how many were new.
-- KEYS: log, documents, then the sets of ids
-- ARGV: number of documents, (digest, document)*, (event id, event)*

local days = {unpack(KEYS, 3)}
local wrong = mistyped_log(KEYS[1], days) or mistyped(KEYS[2], 'hash')
if wrong then return wrong end

local first = 2 + 2 * ARGV[1]
for i = 2, first - 1, 2 do
  redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1])
end

local ids = {}
for i = first, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local news, appended = unknown(days, ids), {}
for i = first, #ARGV, 2 do
  local id = ARGV[i]
  if news[id] then
    news[id] = nil
    appended[#appended + 1] = id
    add(KEYS[1], ARGV[i + 1])
  end
end
remember(days, appended)
return #appended
