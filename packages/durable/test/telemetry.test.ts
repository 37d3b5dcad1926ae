import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Layer, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Telemetry from "reprise/Telemetry"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Engine from "./support/engine.js"
import * as Server from "./support/server.js"
import { itIsVirtual, runUntil } from "./support/time.js"

/** What a process tells of one call, until it dies. */
const told = (store: Engine.Store, client: HttpClient.HttpClient, untilMillis = Infinity) =>
  Effect.gen(function*() {
    const events: Array<string> = []
    const charge = DurableHttp.workflow({
      name: "Charge",
      payload: { id: Schema.String },
      id: ({ id }) => id,
      request: HttpClientRequest.post("http://api.example.com/charges"),
      retry: Backoff.linear("10 seconds").pipe(Backoff.attempts(3))
    })
    yield* runUntil(
      Effect.exit(charge.await({ id: "1" })).pipe(
        Effect.provide(charge.layer.pipe(Layer.provideMerge(Engine.layer(store)))),
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.provide(Telemetry.layerSync((event) => void events.push(describeEvent(event))))
      ),
      untilMillis
    )
    return events
  })

const describeEvent = (event: Telemetry.Event): string => {
  if (event._tag === "RetryScheduled") {
    const { delay, errorType, key, number, reason } = event
    return `${key}: attempt ${number} ${errorType}, ${reason} ${Duration.toMillis(delay)}`
  }
  if (event._tag === "RetryRefused") return `${event.key}: no retry, ${event.errorType}, ${event.reason}`
  if (event._tag !== "CallEnded") return event._tag
  const { attempts, duration, errorType = "", key, outcome } = event
  return `${key}: ${outcome} ${errorType} after ${attempts} in ${Duration.toMillis(duration)}`
}

describe("telemetry", () => {
  itIsVirtual(
    "is told of each retry once, and of the end with the time since the first process",
    () =>
      Effect.gen(function*() {
        const store = Engine.makeStore()
        const { client } = Server.make((n) => n < 3 ? 503 : 200)
        assert.deepStrictEqual(yield* told(store, client, 15_000), [
          "Charge: attempt 1 503, backoff 10000",
          "Charge: attempt 2 503, backoff 20000"
        ])
        assert.deepStrictEqual(yield* told(store, client), ["Charge: success  after 3 in 30000"])
        assert.deepStrictEqual(yield* told(store, client), [])
      })
  )

  itIsVirtual("is told why a call failed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* told(Engine.makeStore(), Server.make(() => 404).client), [
        "Charge: no retry, 404, notRetryable",
        "Charge: failure 404 after 1 in 0"
      ])
      assert.deepStrictEqual((yield* told(Engine.makeStore(), Server.make(() => "refused").client)).slice(-2), [
        "Charge: no retry, ConnectFailure, attempts",
        "Charge: failure ConnectFailure after 3 in 30000"
      ])
    }))
})
