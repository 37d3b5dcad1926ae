import * as Redis from "../Redis.js"
import { read, write } from "./breakerLua.js"
import { type Answer, decode } from "./breakerReply.js"
import { serverTime } from "./store.js"

const sync = `
local isHeard = it.state == "Closed" and (is(ARGV[4], ARGV[5]) or isNone(ARGV[4], ARGV[5]))
if isHeard and #ARGV > 5 then
  if not isKept then begin() end
  for i = 6, #ARGV, 2 do
    local sum = (it.counts[ARGV[i]] or 0) + tonumber(ARGV[i + 1])
    if sum < math.huge then it.counts[ARGV[i]] = sum end
  end
  save()
end
return answer()
`

const trip = `
local isHeard = is(ARGV[4], ARGV[5]) or isNone(ARGV[4], ARGV[5]) and it.state == "Closed"
if isHeard and it.state ~= "Open" then
  if not isKept then begin() end
  local trips = it.state == "HalfOpen" and it.trips + 1 or 1
  open(
    tonumber(ARGV[6]), math.max(trips, tonumber(ARGV[7])),
    ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
  )
end
return answer()
`

const admit = `
local token, probes, successes = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local tolerated, leaseMillis = tonumber(ARGV[7]), tonumber(ARGV[8])
local isChanged = false

if it.state == "Closed" then return answer(false) end
if it.leases[token] and it.leases[token] > now then return answer(true) end
if it.state == "Open" then
  -- Who has waited for it has counted its time by a clock that is not set.
  if not is(ARGV[9], ARGV[10]) then
    if now < it.opened then
      it.opened, it.ends = now, now + it.ends - it.opened
      isChanged = true
    end
    if now < it.ends then
      if isChanged then save() end
      return answer(false, it.ends - now)
    end
  end
  become({
    state = "HalfOpen", succeeded = 0, failed = 0, trips = it.trips,
    rule = it.rule, calls = it.calls, failures = it.failures, slow = it.slow
  })
  isChanged = true
end

-- A clock that stepped back lengthens no lease.
local held, first = 0, math.huge
for other, ends in pairs(it.leases) do
  local lasts = math.min(ends, now + leaseMillis)
  if ends <= now then lasts = nil else held, first = held + 1, math.min(first, lasts) end
  isChanged = isChanged or lasts ~= ends
  it.leases[other] = lasts
end

-- No more than can still decide: after enough successes it is closed, after too many failures open.
local function hasRoom()
  local undecided = math.max(probes, successes + tolerated) - it.succeeded - it.failed
  return it.failed <= tolerated and held < math.min(probes, undecided)
end

-- Members with other options may have brought it to where these never give a permit: then it is probed from the beginning.
if held == 0 and not hasRoom() then
  it.succeeded, it.failed = 0, 0
  isChanged = true
end
local isGranted = hasRoom()
if isGranted then it.leases[token] = now + leaseMillis end
if isGranted or isChanged then save() end
return answer(isGranted, not isGranted and held > 0 and first - now or 0)
`

const settle = `
local token, successes, tolerated = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local outcome, openMillis = ARGV[9], tonumber(ARGV[10])
if is(ARGV[4], ARGV[5]) and it.leases[token] and it.leases[token] > now then
  it.leases[token] = nil
  if outcome == "success" and it.failed <= tolerated then it.succeeded = it.succeeded + 1 end
  if outcome == "failure" then it.failed = it.failed + 1 end
  if outcome == "failure" and it.failed > tolerated then
    open(openMillis, it.trips + 1, "probe", it.succeeded + it.failed, it.failed, 0)
  elseif outcome == "success" and it.failed <= tolerated and it.succeeded >= successes then
    become({ state = "Closed" })
    save()
  else
    save()
  end
end
return answer()
`

const close = `
if is(ARGV[4], ARGV[5]) and it.state ~= "Closed" then
  become({ state = "Closed" })
  save()
end
return answer()
`

// Without the tag for internals, so that the tests see the types (`stripInternal`).

export interface Scripts {
  readonly sync: Redis.Script<Answer>
  readonly trip: Redis.Script<Answer>
  readonly admit: Redis.Script<Answer>
  readonly settle: Redis.Script<Answer>
  readonly close: Redis.Script<Answer>
}

/**
 * The operations of the store, each of them one script. `clock` is Lua that sets `now`: the time of Redis, except in
 * tests.
 *
 * Each script first checks that it can write, so no script ends halfway. This also finds a store that is read-only,
 * even for a script that only reads.
 */
export const make = (clock = serverTime): Scripts => {
  const script = (operation: string) =>
    Redis.script({ lua: `${clock}${read}${write}${operation}`, numberOfKeys: 1, decode })
  return { sync: script(sync), trip: script(trip), admit: script(admit), settle: script(settle), close: script(close) }
}
