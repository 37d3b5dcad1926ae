import type { HttpClient } from "@effect/platform"
import { FetchHttpClient } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { describe } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import type { Scope } from "effect"
import { Effect, Layer, Logger, LogLevel } from "effect"
import * as Backoff from "reprise/Backoff"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"

export type Transport = Layer.Layer<HttpClient.HttpClient>

export const transports: ReadonlyArray<readonly [name: "fetch" | "undici" | "node", layer: Transport]> = [
  ["fetch", FetchHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["node", NodeHttpClient.layer]
]

/** The same tests over each of Node's transports. */
export const onEachTransport = (
  name: string,
  tests: (transport: Transport, name: "fetch" | "undici" | "node") => void
): void => describe.each(transports)(`${name} over %s`, (transport, layer) => tests(layer, transport))

/** The real policy with waits of a millisecond. */
export const quick = (attempts: number) =>
  Backoff.exponential("1 millis").pipe(
    Backoff.capped("2 millis"),
    Backoff.fullJitter,
    Backoff.attempts(attempts),
    HttpRetry.whileRetryable,
    HttpRetry.honorRetryAfter()
  )

type Options = ResilientHttpClient.Options

/** Each test has only the options that it is about, and the layers warn of the others. */
const withoutWarnings = Logger.withMinimumLogLevel(LogLevel.Error)

/** Runs with a drop-in client and a fresh server. */
export const dropIn = <A, E>(
  transport: Transport,
  options: Options,
  test: (server: FaultServer.FaultServer) => Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>
) =>
  FaultServer.make().pipe(
    Effect.flatMap(test),
    Effect.provide(Layer.provide(ResilientHttpClient.layer({ retry: quick(3), ...options }), transport)),
    withoutWarnings
  )

/** Runs with a typed client and a fresh server. */
export const typed = <A, E>(
  transport: Transport,
  options: Options,
  test: (server: FaultServer.FaultServer) => Effect.Effect<A, E, ResilientHttpClient.ResilientHttpClient | Scope.Scope>
) =>
  FaultServer.make().pipe(
    Effect.flatMap(test),
    Effect.provide(Layer.provide(ResilientHttpClient.layerTyped({ retry: quick(3), ...options }), transport)),
    withoutWarnings
  )
