import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { maxDelayMillis } from "reprise/InvalidOption"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import { StoreError } from "reprise/StoreError"
import * as Redis from "../Redis.js"
import * as changes from "./changes.js"
import { channelOf, failed, keyOf, serverTime, type StoreSettings } from "./store.js"

type Change = RetryAfterStore.Change

const kind = "gate"

/**
 * One sorted set holds all pauses by their ends, and lives as long as the last of them. The length of each pause is
 * stored too, so that a clock that is set back makes none longer.
 */
const pause = Redis.script({
  lua: `${serverTime}
local key, millis, channel, message = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local over = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now, "LIMIT", 0, 1000)
if #over > 0 then
  redis.call("ZREM", KEYS[1], unpack(over))
  redis.call("HDEL", KEYS[2], unpack(over))
end
local before = redis.call("ZSCORE", KEYS[1], key)
local whole = tonumber(redis.call("HGET", KEYS[2], key) or nil) or math.huge
if before and math.min(tonumber(before) - now, whole) >= millis then return 0 end
redis.call("ZADD", KEYS[1], now + millis, key)
redis.call("HSET", KEYS[2], key, millis)
local last = redis.call("ZREVRANGE", KEYS[1], 0, 0, "WITHSCORES")
for i = 1, 2 do redis.call("PEXPIREAT", KEYS[i], math.min(tonumber(last[2]), now + ${maxDelayMillis})) end
redis.call("PUBLISH", channel, message)
return 1
`,
  numberOfKeys: 2,
  decode: Option.liftPredicate(Predicate.isNumber)
})

const decodePauses = (reply: Redis.Reply): Option.Option<ReadonlyArray<RetryAfterStore.Pause>> => {
  if (!Array.isArray(reply)) return Option.none()
  const pauses: Array<RetryAfterStore.Pause> = []
  for (let i = 0; i < reply.length; i += 2) {
    const key: Redis.Reply = reply[i]
    const millis: Redis.Reply = reply[i + 1]
    if (typeof key !== "string" || typeof millis !== "number") return Option.none()
    pauses.push({ key, millis })
  }
  return Option.some(pauses)
}

const pauses = Redis.script({
  lua: `${serverTime}
local after = "(" .. string.format("%.0f", now)
local found = redis.call("ZREVRANGEBYSCORE", KEYS[1], "+inf", after, "WITHSCORES", "LIMIT", 0, ARGV[1])
for i = 2, #found, 2 do
  local whole = tonumber(redis.call("HGET", KEYS[2], found[i - 1]) or nil) or math.huge
  found[i] = math.min(tonumber(found[i]) - now, whole, ${maxDelayMillis})
end
return found
`,
  numberOfKeys: 2,
  decode: decodePauses
})

const encode = ({ key, member, millis }: RetryAfterStore.Announcement): string => JSON.stringify([member, millis, key])

const asPaused = (message: unknown): Option.Option<Change> => {
  if (!Array.isArray(message) || message.length !== 3) return Option.none()
  const [member, millis, key]: ReadonlyArray<unknown> = message
  return Predicate.isString(member) && Predicate.isString(key) && Predicate.isNumber(millis) && millis > 0
    ? Option.some({ _tag: "Paused", member, key, millis: Math.min(millis, maxDelayMillis) })
    : Option.none()
}

const unreadable = new StoreError({
  reason: "unreadable",
  description: "the key of the pauses holds a value that is not a sorted set"
})

const asStoreError = (error: Redis.RedisError): StoreError =>
  error.reason === "reply" && (error.code === undefined || error.code === "WRONGTYPE")
    ? unreadable
    : failed(error)

/** The store over a connection. */
export const make = (
  redis: Redis.Service,
  settings: StoreSettings
): Effect.Effect<RetryAfterStore.Service, never, Scope.Scope> => {
  const name = keyOf(settings, kind, "pauses")
  const names = [name, `${name}:lengths`]
  const channel = channelOf(settings, kind)
  const heard = changes.make<Change>(redis, channel, {
    decode: asPaused,
    missed: { _tag: "Missed" }
  })
  return Effect.map(heard, (changes) => ({
    timeout: Duration.millis(settings.timeoutMillis),
    pause: (announcement) => {
      const args = [announcement.key, Math.ceil(announcement.millis), channel, encode(announcement)]
      return Effect.asVoid(Effect.mapError(redis.run(pause, names, args), asStoreError))
    },
    pauses: (limit) => Effect.mapError(redis.run(pauses, names, [limit]), asStoreError),
    changes
  }))
}

/** @internal */
export const layer = (settings: StoreSettings): Layer.Layer<RetryAfterStore.RetryAfterStore, never, Redis.Redis> =>
  Layer.scoped(RetryAfterStore.RetryAfterStore, Effect.flatMap(Redis.Redis, (redis) => make(redis, settings)))
