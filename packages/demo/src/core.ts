/** The client over undici, and the parts of Effect itself that compete with Reprise. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Dispatcher } from "undici"

export const name = "retryTransient"

export const policy = "HttpClient.retryTransient, 3 times, exponential from 100 ms, jittered"

export interface Connected {
  readonly execute: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, unknown>
  /** When the circuit breaker opened so far, in epoch milliseconds; empty where there is none. */
  readonly openings: ReadonlyArray<number>
}

export const clientOf = (dispatcher: Dispatcher): HttpClient.HttpClient => NodeHttpClient.makeUndici(dispatcher)

export const connect = (dispatcher: Dispatcher): Connected => ({
  execute: HttpClient.retryTransient(clientOf(dispatcher), {
    times: 3,
    schedule: Schedule.jittered(Schedule.exponential("100 millis"))
  }).execute,
  openings: []
})
