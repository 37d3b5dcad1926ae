import { format } from "./store.js"

/**
 * Reads the hash of a breaker:
 *
 * - always `format`, `epoch`, `generation`, `state`, and each count as `c:name`;
 * - while open or half-open `trips`, `rule`, `calls`, `failures`, `slow`;
 * - while open `opened` and `ends`;
 * - while half-open `succeeded`, `failed`, and each lease as `l:token`.
 *
 * Times are those of Redis, in milliseconds. In `ARGV`, the first is the channel, the second the key in JSON, and the
 * third the time to keep an unused key.
 *
 * @internal
 */
export const read = `
local function finite(text)
  local number = text and string.find(text, "^[%d.eE+-]+$") and tonumber(text)
  return number and number >= 0 and number < math.huge and number or nil
end

local function whole(text)
  local number = text and string.find(text, "^%d+$") and tonumber(text)
  return number and number <= 9007199254740991 and number or nil
end

local function text(number)
  return string.format("%.17g", number)
end

local stored = redis.pcall("HGETALL", KEYS[1])
if stored.err then
  if string.find(stored.err, "WRONGTYPE", 1, true) then return {"unreadable", "type"} end
  return stored
end

local isKept = #stored > 0
-- It changes nothing, and is refused where nothing can be written, for want of memory or on a replica.
local refused = redis.pcall("SET", KEYS[1], "", isKept and "NX" or "XX")
if refused then return refused end

local isWhole = true
local fields = {}
local it = { epoch = 0, generation = 0, state = "Closed", counts = {}, leases = {} }
for i = 1, #stored, 2 do
  local name, value = stored[i], stored[i + 1]
  local kind, rest = string.sub(name, 1, 2), string.sub(name, 3)
  if kind == "c:" then
    it.counts[rest] = finite(value)
    isWhole = isWhole and it.counts[rest] ~= nil
  elseif kind == "l:" then
    it.leases[rest] = whole(value)
    isWhole = isWhole and it.leases[rest] ~= nil
  else
    fields[name] = value
  end
end

local function take(parse, ...)
  for _, name in ipairs({...}) do
    it[name] = parse(fields[name])
    isWhole = isWhole and it[name] ~= nil
  end
end

if isKept then
  it.state = fields.state
  if fields.format ~= "${format}" then return {"unreadable", "format"} end
  if it.state ~= "Closed" and it.state ~= "Open" and it.state ~= "HalfOpen" then return {"unreadable", "state"} end
  take(whole, "epoch", "generation")
  if it.state ~= "Closed" then
    it.rule = fields.rule
    isWhole = isWhole and it.rule ~= nil
    take(whole, "trips")
    take(finite, "calls", "failures", "slow")
  end
  if it.state == "Open" then take(whole, "opened", "ends") end
  if it.state == "HalfOpen" then take(whole, "succeeded", "failed") end
  if not isWhole then return {"unreadable", "field"} end
  if it.state ~= "Closed" then it.counts = {} end
  if it.state ~= "HalfOpen" then it.leases = {} end
end
`

/**
 * Changes the hash and replies. Every decision ends in `save`.
 *
 * @internal
 */
export const write = `
-- A clock that stepped back does not keep it open for longer.
local function rest()
  return it.state == "Open" and math.max(math.min(it.ends - now, it.ends - it.opened), 0) or 0
end

local function save()
  local all = { "format", "${format}", "state", it.state }
  local function add(name, value)
    all[#all + 1] = name
    all[#all + 1] = value
  end
  for _, name in ipairs({"epoch", "generation", "opened", "ends", "trips", "calls", "failures", "slow", "succeeded", "failed"}) do
    if it[name] then add(name, text(it[name])) end
  end
  if it.rule then add("rule", it.rule) end
  for name, count in pairs(it.counts) do add("c:" .. name, text(count)) end
  for token, ends in pairs(it.leases) do add("l:" .. token, text(ends)) end
  redis.call("DEL", KEYS[1])
  -- Lua has room for some thousand arguments.
  for i = 1, #all, 1000 do redis.call("HSET", KEYS[1], unpack(all, i, math.min(i + 999, #all))) end
  isKept = true
end

-- It is told before it is written: who may not tell writes nothing. Nobody hears of it before the script has ended.
local function become(next)
  next.epoch, next.generation = it.epoch, it.generation + 1
  next.counts, next.leases = {}, {}
  it = next
  local version = ',"epoch":' .. text(it.epoch) .. ',"generation":' .. text(it.generation)
  redis.call("PUBLISH", ARGV[1], '{"format":${format},"key":' .. ARGV[2] .. version .. '}')
end

local function open(millis, trips, rule, calls, failures, slow)
  become({
    state = "Open", opened = now, ends = now + millis, trips = trips,
    rule = rule, calls = calls, failures = failures, slow = slow
  })
  save()
end

local function begin()
  -- 0 is the epoch of what is not kept.
  it.epoch, it.generation = math.max(now, 1), 1
end

local function lasting()
  local millis = rest()
  for _, ends in pairs(it.leases) do millis = math.max(millis, ends - now) end
  return millis + tonumber(ARGV[3])
end

local function answer(isGranted, after)
  if isKept then
    local millis = lasting()
    -- What was just written is not kept for any time yet.
    if redis.call("PTTL", KEYS[1]) < millis / 2 then redis.call("PEXPIRE", KEYS[1], text(millis)) end
  end
  local numbers, names, counts = { text(after or 0), text(rest()) }, {}, {}
  for _, name in ipairs({"epoch", "generation", "trips", "calls", "failures", "slow"}) do
    numbers[#numbers + 1] = text(it[name] or 0)
  end
  for name, count in pairs(it.counts) do
    names[#names + 1] = name
    counts[#counts + 1] = text(count)
  end
  return { it.state, isGranted and "granted" or "", it.rule or "", numbers, names, counts }
end

local function is(epoch, generation)
  return it.epoch == tonumber(epoch) and it.generation == tonumber(generation)
end

local function isNone(epoch, generation)
  return tonumber(epoch) == 0 and tonumber(generation) == 0
end
`
