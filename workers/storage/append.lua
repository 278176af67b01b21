-- Append the events that are not known, after the documents they name. Returns how many were new; -1 if they are
-- packed by a dictionary that is not there.
-- KEYS: log, documents, dictionaries, then the sets of ids
-- ARGV: number and length of the dictionary, number of documents, (digest, document)*, (event id, event)*

local days = {unpack(KEYS, 4)}
local wrong = mistyped_log(KEYS[1], days) or mistyped(KEYS[2], 'hash')
if wrong then return wrong end
if not has_dictionary(KEYS[3], ARGV[1], ARGV[2]) then return -1 end

local first = 4 + 2 * ARGV[3]
for i = 4, first - 1, 2 do
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
