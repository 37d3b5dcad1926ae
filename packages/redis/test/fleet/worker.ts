/** One process of a fleet: calls a dependency through a shared breaker, as it is told by the process that has started it. */
import { Cause, Duration, Effect, Fiber, Layer, Option, Schedule } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../../reprise/test/services.js"
import * as IoRedis from "../../src/IoRedis.js"
import * as NodeRedis from "../../src/NodeRedis.js"
import * as RedisStore from "../../src/RedisStore.js"
import type { Command, Options, Report } from "./protocol.js"

const options = JSON.parse(process.argv[2]!) as Options

const clock = Services.changedClock({
  unsafeCurrentTimeMillis: () => Services.liveClock.unsafeCurrentTimeMillis() + options.skewMillis,
  unsafeCurrentTimeNanos: () => Services.liveClock.unsafeCurrentTimeNanos() + BigInt(options.skewMillis) * 1_000_000n
})

const lines: Array<string> = []
const logging = Services.logTo(lines)

const fetched = Effect.tryPromise(async (signal) => {
  const response = await fetch(options.dependency, { signal })
  await response.text()
  if (!response.ok) throw new Error(String(response.status))
})

const fleet = { ok: 0, failed: 0, rejected: 0, other: 0, longestMillis: 0 }

/** How a call ends. */
const call = (breaker: CircuitBreaker.CircuitBreaker): Effect.Effect<"ok" | "failed" | "rejected" | "other"> =>
  Effect.suspend(() => {
    const start = performance.now()
    return fetched.pipe(
      CircuitBreaker.protect(breaker),
      Effect.matchCause({
        onSuccess: () => "ok" as const,
        onFailure: (cause) =>
          Option.match(Cause.failureOption(cause), {
            onNone: () => "other" as const,
            onSome: ({ _tag }) => _tag === "CircuitOpen" ? "rejected" : "failed"
          })
      }),
      Effect.map((end) => {
        fleet[end]++
        fleet.longestMillis = Math.max(fleet.longestMillis, performance.now() - start)
        return end
      })
    )
  })

const reported = (breaker: CircuitBreaker.CircuitBreaker): Effect.Effect<Report> =>
  Effect.map(CircuitBreaker.snapshot(breaker), ({ retryAfter, state, trips }) => ({
    ...fleet,
    state,
    trips,
    retryAfterMillis: Option.match(retryAfter, { onNone: () => 0, onSome: Duration.toMillis }),
    lines
  }))

const program = Effect.gen(function*() {
  const breaker = yield* SharedCircuitBreaker.make({
    key: options.key,
    trip: Tripping.consecutive(options.failures),
    openFor: Schedule.spaced(options.openMillis),
    probes: options.probes,
    lease: options.leaseMillis
  })
  const callers: Array<Fiber.RuntimeFiber<unknown>> = []
  const answer = (command: Command): Effect.Effect<unknown> => {
    switch (command.do) {
      case "call":
        return call(breaker)
      case "report":
        return reported(breaker)
      case "start": {
        const one = Effect.forever(Effect.zipRight(call(breaker), Effect.sleep(command.pauseMillis)))
        return Effect.forEach(Array.from({ length: command.callers }), () => Effect.forkDaemon(one)).pipe(
          Effect.map((fibers) => void callers.push(...fibers))
        )
      }
      case "stop":
        return Effect.as(Fiber.interruptAll(callers.splice(0)), undefined)
      case "reset":
        return Effect.sync(() =>
          void Object.assign(fleet, { ok: 0, failed: 0, rejected: 0, other: 0, longestMillis: 0 })
        )
    }
  }
  process.on("message", (command: Command) => {
    Effect.runFork(
      Effect.map(answer(command), (value) => process.send?.({ id: command.id, value }))
        .pipe(Effect.withClock(clock), Effect.provide(logging))
    )
  })
  process.send?.({ id: 0 })
  yield* Effect.never
})

const redis = { url: options.redis, startDegraded: true }
const connection = options.library === "redis" ? NodeRedis.layer(redis) : IoRedis.layer(redis)

process.on("disconnect", () => process.exit())
Effect.runFork(program.pipe(
  Effect.scoped,
  Effect.provide(RedisStore.layer({ timeout: options.timeoutMillis }).pipe(Layer.provide(connection))),
  Effect.provide(logging),
  Effect.withClock(clock)
))
