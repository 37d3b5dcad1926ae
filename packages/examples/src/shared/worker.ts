/** One of the processes: some fibers that call the dependency again and again. Started by `fleet.ts`. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Stream from "effect/Stream"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import { Breakers, ClientLive } from "./client.js"

const callers = 5

const program = Effect.gen(function*() {
  const { name, url } = yield* Config.all({ name: Config.string("NAME"), url: Config.string("PAYMENTS_URL") })
  const client = yield* ResilientHttpClient.ResilientHttpClient
  const breaker = yield* CircuitBreakers.get(yield* Breakers, new URL(url).origin)
  const call = Effect.scoped(
    client.execute(HttpClientRequest.get(`${url}/charges`).pipe(HttpClientRequest.setHeader("from", name)))
  )
  // Whatever comes of it, the next call is a moment later.
  const caller = Effect.forever(Effect.zipRight(Effect.ignore(call), Effect.sleep("100 millis")))
  yield* Effect.forEach(Array.from({ length: callers }), () => Effect.fork(caller))
  // The first element is the state at the start.
  const transitions = Stream.drop(CircuitBreaker.changes(breaker), 1)
  yield* Stream.runForEach(transitions, ({ to }) => Effect.sync(() => process.send?.(to)))
}).pipe(Effect.provide(ClientLive), Logger.withMinimumLogLevel(LogLevel.Warning))

process.once("disconnect", () => process.exit())
Effect.runFork(program)
