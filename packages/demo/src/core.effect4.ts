/** The client over undici, and the parts of Effect itself that compete with Reprise. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Dispatcher } from "undici"
import { now } from "./now.js"

export const name = "Effect 4"

export const policy = "HttpClient.retryTransient, 3 times, exponential from 100 ms, jittered, within withCircuitBreaker, " +
  "which opens after 20 failures in a row and probes every 100 to 200 ms"

export interface Connected {
  readonly execute: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, unknown>
  /** When the circuit breaker opened so far, in epoch milliseconds. */
  readonly openings: ReadonlyArray<number>
}

export const clientOf = (dispatcher: Dispatcher): HttpClient.HttpClient =>
  Effect.runSync(Effect.provideService(NodeHttpClient.makeUndici, NodeHttpClient.Dispatcher, dispatcher))

const makeBreaker = CircuitBreaker.make({
  tripPolicy: CircuitBreaker.consecutive(20),
  openDuration: Schedule.exponential("100 millis").pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.millis(200))))
  )
}).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))

export const connect = (dispatcher: Dispatcher): Connected => {
  // The breaker lives as long as the process.
  const breaker = Effect.runSync(Effect.provideService(makeBreaker, Scope.Scope, Scope.makeUnsafe()))
  const openings: Array<number> = []
  const record = Stream.runForEach(breaker.transitions, ({ to }) =>
    Effect.sync(() => {
      if (to === "Open") openings.push(now())
    }))
  Effect.runFork(record)
  const { execute } = clientOf(dispatcher).pipe(
    HttpClient.retryTransient({ times: 3, schedule: Schedule.jittered(Schedule.exponential("100 millis")) }),
    HttpClient.withCircuitBreaker({ breaker })
  )
  return { execute, openings }
}
