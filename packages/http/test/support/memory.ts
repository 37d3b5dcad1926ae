/** Calls of a resilient client to a server in memory, on the clock of the test. */
import type { HttpClientResponse } from "@effect/platform"
import { HttpClientRequest } from "@effect/platform"
import * as HttpFault from "@reprise/testing/HttpFault"
import type { Duration } from "effect"
import { Array, Clock, Effect, Fiber, Schedule, TestClock } from "effect"
import type * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Backoff from "reprise/Backoff"
import * as RateLimiter from "reprise/RateLimiter"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"

type Client = typeof ResilientHttpClient.ResilientHttpClient.Service
type Response = HttpClientResponse.HttpClientResponse
export type Failure = Effect.Effect.Error<ReturnType<Client["execute"]>>
export type Call = Effect.Effect<Response, Failure>

export const ok = HttpFault.respond()
export const down = HttpFault.respond({ status: 500 })
export const reset = HttpFault.fail("connectionReset")
export const busy = (seconds: number) => HttpFault.respond({ status: 429, headers: { "retry-after": String(seconds) } })
export const unavailable = (seconds: number) =>
  HttpFault.respond({ status: 503, headers: { "retry-after": String(seconds) } })
export const after = (duration: Duration.DurationInput, step: HttpFault.Step = ok) => HttpFault.delay(step, duration)

/** So many attempts in all, a second apart, whatever the failure. */
export const attempts = (count: number) => Backoff.attempts(Schedule.spaced("1 second"), count)

/** A client that tries once unless told otherwise, over a server that answers by the steps and then with 200. */
export const make = (options: ResilientHttpClient.Options<unknown>, ...steps: ReadonlyArray<HttpFault.Scripted>) =>
  Effect.map(HttpFault.make(...steps), (server) => {
    const client: Client = ResilientHttpClient.makeTyped({
      retry: false,
      // The types of most tests have no room for errors of their own.
      ...options as ResilientHttpClient.Options
    })(server.client)
    // A HEAD has no body that would be read, drained or left.
    const call = (path = "/"): Call => client.head(`http://h.test${path}`)
    return {
      server,
      call,
      post: client.execute(HttpClientRequest.post("http://h.test/")) satisfies Call,
      /** When what was sent was sent. */
      sent: Effect.map(server.requests, (all) => all.map(({ timeMillis }) => timeMillis))
    }
  })

/** How a call ended: its status, or the tag of its failure. */
export const ended = (call: Call): Effect.Effect<number | Failure["_tag"]> =>
  Effect.match(call, { onSuccess: ({ status }) => status, onFailure: ({ _tag }) => _tag })

/** Runs it, and lets so much time pass meanwhile. */
export const within = <A, E>(self: Effect.Effect<A, E>, duration: Duration.DurationInput = "1 hour") =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(self)
    yield* TestClock.adjust(duration)
    return yield* Fiber.join(fiber)
  })

/** Calls that begin together. */
export const together = (...calls: ReadonlyArray<Call>) => Effect.all(calls.map(ended), { concurrency: "unbounded" })

export const times = (count: number, call: Call) => together(...Array.replicate(call, count))

/** A rate limit that keeps nobody back, and when it was asked: the last of the guards. */
export const lastGuard = () => {
  const asked: Array<number> = []
  const guard = HttpResilience.rateLimiter(() => Effect.map(Clock.currentTimeMillis, (now) => void asked.push(now)))
  return { asked, guard }
}

/** So many tokens for a test, from a limiter that can be looked at. */
export const tokens = (limit: number, options?: Partial<RateLimiter.Options>) =>
  Effect.map(RateLimiter.make({ limit, window: "1 day", ...options }), (limiter) => ({
    guard: HttpResilience.rateLimiter(() => RateLimiter.consume(limiter)),
    left: Effect.map(RateLimiter.snapshot(limiter), ({ remaining }) => remaining),
    waiting: Effect.map(RateLimiter.snapshot(limiter), ({ waiting }) => waiting)
  }))

/** A breaker that opens after so many failures in a row, and what it was told: how each call ended, and how long it took. */
export const breaker = (failures = Infinity, options?: Partial<HttpResilience.CircuitBreakerOptions>) => {
  const told: Array<readonly [outcome: string, durationMillis: number]> = []
  const trip = Tripping.make({
    initial: 0,
    record: (row, { durationMillis, outcome }) => {
      told.push([outcome, durationMillis])
      return outcome === "failure" ? row + 1 : 0
    },
    tripped: (row) => row >= failures ? { rule: "row", calls: row, failures: row, slow: 0 } : undefined
  })
  return { told, guard: HttpResilience.circuitBreaker({ trip, openFor: Schedule.spaced("1 minute"), ...options }) }
}

/** An adaptive limiter that learns nothing, and the samples that it was shown: how long each call took, and whether it was a drop. */
export const limiter = (limit: number, options?: Partial<HttpResilience.AdaptiveLimiterOptions<null>>) => {
  const shown: Array<readonly [rttMillis: number, didDrop: boolean]> = []
  const algorithm: AdaptiveLimiter.Algorithm<null> = {
    initial: null,
    next: (_, { didDrop, rttMillis }) => {
      shown.push([rttMillis, didDrop])
      return null
    },
    limit: () => limit
  }
  return { shown, guard: HttpResilience.adaptiveLimiter({ algorithm, ...options }) }
}
