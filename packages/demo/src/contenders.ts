/** The three ways of sending the same request to the same API over the same kind of connection pool. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { setTimeout } from "node:timers/promises"
import * as Backoff from "reprise/Backoff"
import * as Tripping from "reprise/Tripping"
import { type Dispatcher, fetch } from "undici"
import type { Call } from "./calls.js"
import * as core from "./core.js"
import { now } from "./now.js"

export interface Contender {
  readonly name: string
  readonly policy: string
  readonly connect: (dispatcher: Dispatcher) => Connection
}

export interface Connection {
  /** Sends one logical call through; succeeds with the answer once it is whole. */
  readonly send: (call: Call, origin: string) => Effect.Effect<unknown, unknown>
  /** When its circuit breaker opened so far, in epoch milliseconds; empty where there is none. */
  readonly openings: ReadonlyArray<number>
}

const path = (call: Call): string => call.kind === "read" ? `/orders/${call.order}` : `/charges/${call.order}`

const headers = (call: Call): Record<string, string> => call.kind === "keyed" ? { "idempotency-key": call.order } : {}

const request = (call: Call, origin: string): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.make(call.kind === "read" ? "GET" : "POST")(`${origin}${path(call)}`, { headers: headers(call) })

/** Reads what the last attempt brought, failures too: an answer that nobody reads holds its connection. */
const read = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<unknown, unknown> =>
  Effect.flatMap(
    response.text,
    (text): Effect.Effect<unknown, unknown> =>
      response.status < 300 ? Effect.try(() => JSON.parse(text)) : Effect.fail(`HTTP ${response.status}`)
  )

/** The loop found in many articles: whatever went wrong, do it again. */
const retryEverything = async (url: string, init: Parameters<typeof fetch>[1]): Promise<unknown> => {
  for (let attempt = 1;; attempt++) {
    try {
      const response = await fetch(url, init)
      if (!response.ok) throw new Error(`HTTP ${response.status}`)
      return await response.json()
    } catch (error) {
      if (attempt === 5) throw error
      await setTimeout(50)
    }
  }
}

export const naive: Contender = {
  name: "naive loop",
  policy: "catch everything, 5 attempts, 50 ms apart",
  connect: (dispatcher) => ({
    send: (call, origin) =>
      Effect.tryPromise(() =>
        retryEverything(`${origin}${path(call)}`, {
          method: call.kind === "read" ? "GET" : "POST",
          headers: headers(call),
          dispatcher
        })
      ),
    openings: []
  })
}

export const retryTransient: Contender = {
  name: core.name,
  policy: core.policy,
  connect: (dispatcher) => {
    const { execute, openings } = core.connect(dispatcher)
    return { send: (call, origin) => Effect.flatMap(execute(request(call, origin)), read), openings }
  }
}

/** The policy of the README with its times divided by ten, except those that the server sets. */
const policy = Backoff.exponential("100 millis").pipe(
  Backoff.capped("6 seconds"),
  Backoff.fullJitter,
  Backoff.attempts(5),
  HttpRetry.whileRetryable,
  HttpRetry.honorRetryAfter({ max: "12 seconds" })
)

/**
 * In the worst storm two attempts of five fail: 20 failures in a row mean that the API is down. Calls wait for the probe
 * as long as their deadline allows.
 */
const breaker = (openings: Array<number>) =>
  HttpResilience.circuitBreaker({
    trip: Tripping.consecutive(20),
    openFor: Backoff.exponential("100 millis").pipe(
      Backoff.capped("200 millis"),
      // The schedule is asked with every opening.
      Schedule.tapInput(() => Effect.sync(() => void openings.push(now())))
    ),
    lease: "1 second",
    onOpen: "wait",
    onFull: "wait"
  })

export const reprise: Contender = {
  name: "Reprise",
  policy: "5 attempts, exponential from 100 ms, full jitter, Retry-After obeyed; 1 s per attempt, 3 s per call; " +
    "a circuit breaker that opens after 20 failures in a row and probes every 100 to 200 ms, while calls wait",
  connect: (dispatcher) => {
    const openings: Array<number> = []
    const resilient = ResilientHttpClient.make({
      retry: policy,
      attemptTimeout: "1 second",
      deadline: "3 seconds",
      breaker: breaker(openings),
      retryUnsent: true
    })
    const client = resilient(core.clientOf(dispatcher))
    return { send: (call, origin) => HttpResilience.executeAndRead(client, request(call, origin), read), openings }
  }
}

export const all: ReadonlyArray<Contender> = [naive, retryTransient, reprise]
