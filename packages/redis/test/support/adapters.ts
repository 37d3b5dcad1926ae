import { describe } from "@effect/vitest"
import type { Scope } from "effect"
import { Context, Effect, Layer, Option, Predicate } from "effect"
import * as Services from "../../../reprise/test/services.js"
import * as IoRedis from "../../src/IoRedis.js"
import * as NodeRedis from "../../src/NodeRedis.js"
import * as Redis from "../../src/Redis.js"

export type Adapter = (options: Redis.Options) => Layer.Layer<Redis.Redis, Redis.RedisError>

const adapters: ReadonlyArray<readonly [name: string, adapter: Adapter]> = [
  ["redis", NodeRedis.layer],
  ["ioredis", IoRedis.layer]
]

/** The same tests over each client library. */
export const onEachAdapter = (name: string, tests: (adapter: Adapter) => void): void =>
  describe.each(adapters)(`${name} over %s`, (_, adapter) => tests(adapter))

/** The service, for as long as the scope of the test is open; what it logs goes to `lines`, if there are any. */
export const connect = (
  adapter: Adapter,
  options: Redis.Options,
  lines?: Array<string>
): Effect.Effect<Redis.Service, Redis.RedisError, Scope.Scope> => {
  // Without lines, what the test itself provides stays: in Effect 3 the logger of a layer that is built here would replace it.
  const layer = lines === undefined ? adapter(options) : Layer.provide(adapter(options), logTo(lines))
  return Effect.map(Layer.build(layer), Context.get(Redis.Redis))
}

/** Writes whole lines, with all that a logger is given. */
export const logTo = (lines: Array<string>): Layer.Layer<never> =>
  Services.logging(({ annotations, cause, level, message, spans }) => {
    const rest = [...Option.toArray(cause), ...Object.values(annotations), ...spans]
    lines.push([level, message, ...rest].join(" ").trim())
  })

/** Answers its arguments. */
export const echo = Redis.script({
  lua: "return {KEYS[1], ARGV[1]}",
  numberOfKeys: 1,
  decode: Option.some<Redis.Reply>
})

/** Adds one and answers the sum. */
export const increment = Redis.script({
  lua: "return redis.call('INCR', KEYS[1])",
  numberOfKeys: 1,
  decode: Option.liftPredicate(Predicate.isNumber)
})
