import * as Effect from "effect/Effect"
import * as EffectRateLimiter from "effect/RateLimiter"
import type * as Scope from "effect/Scope"
import * as RateLimiter from "reprise/RateLimiter"
import type { Rate } from "../results.js"
import { report } from "./report.js"

/** How many calls per second a limiter lets through for some seconds. */

const [kind = "", ...numbers] = process.argv.slice(2)
const [limit, seconds] = numbers.map(Number) as [number, number]

const concurrency = 64

const byEffect = (algorithm: "token-bucket" | "fixed-window") =>
  Effect.map(EffectRateLimiter.make({ limit, interval: "1 second", algorithm }), (limited) => limited(Effect.void))

const ours = (burst: number) =>
  Effect.map(
    RateLimiter.make({ limit, window: "1 second", burst, onExceeded: "delay" }),
    (limiter) => RateLimiter.consume(limiter)
  )

const kinds: Record<string, Effect.Effect<Effect.Effect<unknown, unknown>, never, Scope.Scope>> = {
  RateLimiter: ours(limit),
  "RateLimiter, burst 1": ours(1),
  "effect/RateLimiter, token-bucket": byEffect("token-bucket"),
  "effect/RateLimiter, fixed-window": byEffect("fixed-window")
}

/**
 * The burst is gone, and what has come back meanwhile, when it begins; and it begins and ends in the middle of a window of
 * those that let all of a window through at its start.
 */
const warmUpMillis = 1_500

const perSecond = (call: Effect.Effect<unknown, unknown>): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function*() {
    let passed = 0
    const loop = Effect.whileLoop({ while: () => true, body: () => call, step: () => passed++ })
    for (let i = 0; i < concurrency; i++) yield* Effect.forkScoped(loop)
    yield* Effect.sleep(warmUpMillis)
    const [before, start] = [passed, performance.now()]
    yield* Effect.sleep(seconds * 1_000)
    return (passed - before) / ((performance.now() - start) / 1_000)
  })

const make = kinds[kind]
if (make === undefined) throw new Error(`no limiter is called ${kind}`)
const result: Rate = {
  kind,
  limit,
  perSecond: await Effect.runPromise(Effect.scoped(Effect.flatMap(make, perSecond)))
}
report(result)
