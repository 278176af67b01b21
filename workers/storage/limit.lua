-- Call allowance of one CRM account, shared by all workers. One script, so that a grant is one atomic step.
--
-- KEYS 1 state (hash), 2 calls per half hour (hash), 3 4 5 calls of the running window by priority
--      (live, retry, backfill; sorted sets: serial number -> moment), 6 search calls of the running second
-- ARGV 1 operation: acquire | observe | status   2 now, epoch ms; -1: the server's clock
--      3 policy, JSON    4 the operation's own arguments, JSON
--
-- acquire (args.dry: only ask) -> {wait ms, own calls in the window (if granted), 1 if refused for the day}
-- observe -> {}
-- status  -> {used today, budget or -1, limit or -1, rest or -1, capacity, others, paused ms, calls, throttled}

local STATE, DAY, SEARCH = KEYS[1], KEYS[2], KEYS[6]
local HALF_HOUR, DAY_MS, KEEP_MS = 1800000, 86400000, 172800000
local GUARD_MS = 200        -- a call granted now may reach the CRM this much later than the one before
local MARGIN = 2            -- calls of a window that are never granted
local ROOM_TO_GROW = 0.025  -- part of a window that is left to other programs beyond what they were seen to use
local ROOM_IF_STARVED = 0.15-- the same after a window that they found full: how much they want is not known
local SILENT_MS = 2000      -- so long without an answer in a full window, others may have found it full, too
local ACTIVE_MS = 2000      -- a priority that asked this lately still wants its share
local FRESH_MS = 900000     -- how long the CRM's word on the day's rest is believed
local RETRY_CEILING = 0.75  -- retries and backfills stop at this part of the day's budget
local SHARES = {0.5, 0.2, 0.1}  -- what each priority may always have of a window

local policy, args = cjson.decode(ARGV[3]), cjson.decode(ARGV[4])
local now = tonumber(ARGV[2])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local state = {}
local raw = redis.call('HGETALL', STATE)
for i = 1, #raw, 2 do state[raw[i]] = tonumber(raw[i + 1]) end

local function set(field, value)
  state[field] = value
  redis.call('HSET', STATE, field, value)
end

local function keep(key) redis.call('PEXPIRE', key, KEEP_MS) end

-- The day ---------------------------------------------------------------------------------------------

local function day_start()
  if policy.midnight_offset_ms < 0 then return now - DAY_MS + HALF_HOUR end
  return now - (now + policy.midnight_offset_ms) % DAY_MS
end

local function used_today()
  local first, used, counts = math.floor(day_start() / HALF_HOUR), 0, redis.call('HGETALL', DAY)
  for i = 1, #counts, 2 do
    if tonumber(counts[i]) >= first then used = used + tonumber(counts[i + 1])
    elseif tonumber(counts[i]) < first - 48 then redis.call('HDEL', DAY, counts[i]) end
  end
  return used
end

local function budget()
  local share = state.day_limit and math.floor(state.day_limit * policy.day_share) or -1
  if policy.per_day < 0 then return share end
  if share < 0 then return policy.per_day end
  return math.min(share, policy.per_day)
end

local function day_rest()
  if state.day_left and now - state.day_seen < FRESH_MS and state.day_seen >= day_start() then
    return state.day_left
  end
  return -1
end

-- How long until calls of the day come back; 0 if there are some left.
local function day_wait(priority, calls)
  local ceiling, rest = budget(), day_rest()
  if priority > 1 then ceiling = math.floor(ceiling * RETRY_CEILING) end
  if rest >= 0 and rest < calls then return FRESH_MS - (now - state.day_seen) end
  if budget() < 0 or used_today() + calls <= ceiling then return 0 end
  if policy.midnight_offset_ms < 0 then return HALF_HOUR - now % HALF_HOUR end
  return day_start() + DAY_MS - now
end

-- The window ------------------------------------------------------------------------------------------

-- What other programs use of a window: the most that was seen in this quarter of one and the one before that
-- had answers. After a whole window without answers nothing is known any more.
local function quarter() return math.floor(now * 4 / policy.window_ms) end

local function known() return now - (state.sampled or -math.huge) < policy.window_ms end

local function others()
  if not known() then return 0 end
  return state.slot == quarter() and math.max(state.others, state.others_before) or state.others
end

-- Since the last answer the others may have come to use more: a random walk, of which two deviations are left.
local function drift()
  local age = math.min(policy.window_ms, now - (state.sampled or now))
  return math.ceil(2 * math.sqrt(2 * others() * age / policy.window_ms))
end

local function room_to_grow(most)
  if others() == 0 then return MARGIN end
  local starved = now - (state.starved or -math.huge) < policy.window_ms
  return MARGIN + math.ceil(most * (starved and ROOM_IF_STARVED or ROOM_TO_GROW))
end

local function capacity()
  local most = state.window_max or policy.per_window
  return math.max(1, most - room_to_grow(most) - others() - drift())
end

local function window_of(log, length)
  redis.call('ZREMRANGEBYSCORE', log, '-inf', now - length)
  return redis.call('ZCARD', log)
end

local function until_one_leaves(logs, length)
  local oldest = now
  for _, log in ipairs(logs) do
    local first = redis.call('ZRANGEBYSCORE', log, now - length + 1, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if first[2] then oldest = math.min(oldest, tonumber(first[2])) end
  end
  return math.max(10, oldest + length - now)
end

-- Ours in the CRM's own window, which knows no guard.
local function seen_by_the_crm(logs)
  local own = 0
  for _, log in ipairs(logs) do own = own + redis.call('ZCOUNT', log, '(' .. now - policy.window_ms, '+inf') end
  return own
end

local function take(log, calls)
  for _ = 1, calls do
    redis.call('ZADD', log, now, redis.call('HINCRBY', STATE, 'serial', 1))
  end
  keep(log)
end

-- Calls are spread over the window, by a virtual schedule that live ones may run ahead of further than the
-- rest. So a live call never finds the window used up for long, and answers, which tell what the others
-- use, keep coming.
local function schedule(priority)
  if priority == 1 then return 'due_live', 0.3 * policy.window_ms end
  return 'due_rest', 0.1 * policy.window_ms
end

local function spread_wait(priority)
  local due, ahead = schedule(priority)
  return math.max(0, (state[due] or 0) - ahead - now)
end

local function advance_schedule(priority, calls, room)
  local due = schedule(priority)
  set(due, math.max(now, state[due] or 0) + calls * policy.window_ms / room)
end

local function window_wait(priority, calls)
  local length = policy.window_ms + GUARD_MS
  local room, logs, used, total = capacity(), {KEYS[3], KEYS[4], KEYS[5]}, {}, 0
  for i, log in ipairs(logs) do
    used[i] = window_of(log, length)
    total = total + used[i]
  end
  set('asked_' .. priority, now)
  if total + calls > room then
    local long_ago = now - (state.starved or -math.huge) > 10 * policy.window_ms
    if others() > 0 and now - state.sampled > SILENT_MS and long_ago then set('starved', now) end
    return until_one_leaves(logs, length)
  end

  local early = spread_wait(priority)
  if early > 0 then return early end

  if used[priority] + calls > math.floor(room * SHARES[priority]) then
    local held = 0
    for i = 1, 3 do
      if i ~= priority and now - (state['asked_' .. i] or 0) < ACTIVE_MS then
        held = held + math.max(0, math.floor(room * SHARES[i]) - used[i])
      end
      if i < priority and (state['wants_' .. i] or 0) > now then return 50 end
    end
    if total + calls + held > room then return until_one_leaves(logs, length) end
  end
  if not args.dry then
    take(logs[priority], calls)
    advance_schedule(priority, calls, room)
  end
  return 0, seen_by_the_crm(logs)
end

local function search_wait(calls)
  local length = 1000 + GUARD_MS / 2
  local used = window_of(SEARCH, length)
  if used + calls > policy.search_per_second then return until_one_leaves({SEARCH}, length) end
  take(SEARCH, calls)
  return 0
end

-- The operations --------------------------------------------------------------------------------------

local function lane() return args.search and 'pause_search' or 'pause' end

local function acquire()
  local paused = math.max(state.pause or 0, state[lane()] or 0) - now
  if paused > 0 then return {paused, 0, 0} end
  local tomorrow = day_wait(args.priority, args.calls)
  if tomorrow > 0 then return {tomorrow, 0, 1} end

  local wait, own = 0, 0
  if args.search then wait, own = search_wait(args.calls)
  elseif policy.per_window > 0 then wait, own = window_wait(args.priority, args.calls) end
  set('wants_' .. args.priority, wait > 0 and now + wait + 250 or 0)
  if wait == 0 and not args.dry then
    redis.call('HINCRBY', DAY, math.floor(now / HALF_HOUR), args.calls)
    if state.day_left then set('day_left', state.day_left - args.calls) end
    set('calls', (state.calls or 0) + args.calls)
  end
  keep(DAY)
  keep(STATE)
  return {math.ceil(wait), own or 0, 0}
end

local function learn_others(sample)
  if state.slot ~= quarter() then
    set('others_before', known() and state.others or 0)
    set('others', 0)
    set('slot', quarter())
  end
  if sample > state.others then set('others', sample) end
  set('sampled', now)
  if args.window_left <= 2 * MARGIN and others() > 0 then set('starved', now) end
end

local function observe()
  if args.window_max >= 0 then set('window_max', args.window_max) end
  if args.window_left >= 0 then
    learn_others((state.window_max or policy.per_window) - args.window_left - args.own)
  end
  if args.day_limit >= 0 then
    set('day_limit', args.day_limit)
    set('day_left', args.day_left)
    set('day_seen', now)
  end
  if args.wait_ms > 0 then
    if not args.search then set('starved', now) end
    set('throttled', (state.throttled or 0) + 1)
    local field = args.wait_ms >= 60000 and 'pause' or lane()
    set(field, math.max(state[field] or 0, now + args.wait_ms))
  end
  keep(STATE)
  return {}
end

local function status()
  local paused = math.max(0, (state.pause or 0) - now)
  local room = policy.per_window > 0 and capacity() or -1
  local calls, throttled = state.calls or 0, state.throttled or 0
  return {used_today(), budget(), state.day_limit or -1, day_rest(), room, others(), paused, calls, throttled}
end

return ({acquire = acquire, observe = observe, status = status})[ARGV[1]]()
