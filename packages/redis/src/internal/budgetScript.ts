import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as Redis from "../Redis.js"
import { serverTime } from "./store.js"

/**
 * One hash for all members: a field with the last report of each, and the sums of all. So the cost of a report does not
 * grow with the number of members.
 *
 * Now and then the script adds all reports again, and removes members that have been silent for too long. That corrects
 * any wrong sum.
 */
const lua = `
local key, field = KEYS[1], "@" .. ARGV[1]
local own = {0}
for i = 2, 7 do own[i] = tonumber(ARGV[i]) end
local keep = tonumber(ARGV[8])

${serverTime}
own[1] = now

local kind = redis.call("TYPE", key).ok
if kind ~= "hash" and kind ~= "none" then return false end

-- What a member told, and when: {at, present, remember, calls, wanted, reserved, spent}; who is not present any more has 0 there.
local function parse(text)
  local told = {}
  for word in string.gmatch(text, "%S+") do told[#told + 1] = tonumber(word) end
  return #told == 7 and told or nil
end

local function format(told)
  local words = {}
  for i = 1, 7 do words[i] = string.format("%.0f", told[i]) end
  return table.concat(words, " ")
end

-- A clock that stepped back must not keep anybody for longer.
local function lasts(told, millis) return math.abs(now - told[1]) < millis end

local names = {"members", "calls", "wanted", "reserved", "spent", "swept"}
local sums = redis.call("HMGET", key, unpack(names))
for i = 1, 6 do
  sums[i] = tonumber(sums[i])
  if not sums[i] and kind == "hash" then return false end
end

local function add(told, sign)
  if told[2] > 0 then sums[1] = sums[1] + sign end
  for i = 2, 5 do sums[i] = sums[i] + sign * told[i + 2] end
end

local less, gone = {}, {}
if kind == "none" or math.abs(now - sums[6]) >= own[2] / 10 then
  sums = {0, 0, 0, 0, 0, now}
  local all = redis.call("HGETALL", key)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 1) == "@" and all[i] ~= field then
      local told = parse(all[i + 1])
      if not told then return false end
      local isLess = false
      if told[2] > 0 and not lasts(told, told[2]) then
        told[2], told[4], told[5] = 0, 0, 0
        isLess = true
      end
      if not lasts(told, told[3]) then
        isLess = isLess or told[6] ~= 0 or told[7] ~= 0
        told[6], told[7] = 0, 0
      end
      if told[2] == 0 and not lasts(told, told[3]) then
        gone[#gone + 1] = all[i]
      else
        add(told, 1)
        if isLess then less[#less + 1] = {all[i], told} end
      end
    end
  end
else
  local before = redis.call("HGET", key, field)
  if before then
    local told = parse(before)
    if not told then return false end
    add(told, -1)
  end
end
add(own, 1)

-- First what Redis refuses where its memory is full: then nothing has been done.
local fields = {field, format(own)}
for i = 1, 6 do
  fields[#fields + 1] = names[i]
  fields[#fields + 1] = string.format("%.0f", sums[i])
end
redis.call("HSET", key, unpack(fields))
for _, entry in ipairs(less) do redis.call("HSET", key, entry[1], format(entry[2])) end
for _, name in ipairs(gone) do redis.call("HDEL", key, name) end
redis.call("PEXPIRE", key, math.max(keep, own[2], own[3]))
return {sums[1], sums[2], sums[3], sums[4], sums[5]}
`

type Answer = Option.Option<RetryBudgetStore.Standing>

const decode = (reply: Redis.Reply): Option.Option<Answer> => {
  if (reply === null) return Option.some(Option.none())
  if (!Array.isArray(reply) || reply.length !== 5 || !reply.every(Predicate.isNumber)) return Option.none()
  const [members, calls, wanted, reserved, spent] = reply as ReadonlyArray<number> as readonly [
    number,
    number,
    number,
    number,
    number
  ]
  return Option.some(Option.some({ members, calls, wanted, reserved, spent }))
}

/**
 * Replaces the member's last report and returns the sums of all. `None` if the key holds another value.
 *
 * @internal
 */
export const sync: Redis.Script<Answer> = Redis.script({ lua, numberOfKeys: 1, decode })
