import { FetchHttpClient, HttpClient, HttpClientError } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { describe } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import type { Scope } from "effect"
import { Duration, Effect, identity, Layer, Logger, LogLevel, Option } from "effect"
import * as Backoff from "reprise/Backoff"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as HttpFailure from "../../src/HttpFailure.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"

export type Transport = Layer.Layer<HttpClient.HttpClient>

export const transports: ReadonlyArray<readonly [name: "fetch" | "undici" | "node", layer: Transport]> = [
  ["fetch", FetchHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["node", NodeHttpClient.layer]
]

/** The time of an attempt to a server that is silent: enough for the request to arrive, on a busy machine too. */
export const toArrive = "400 millis"

/**
 * Waits until the connections of all requests are closed. Not `awaitClosed`: after an abort, fetch of Node 20 opens
 * another connection, and leaves it open for four seconds.
 */
export const allAborted = (server: FaultServer.FaultServer) =>
  Effect.flatMap(server.requests, (requests) => server.awaitAborted(requests.length))

type Options = ResilientHttpClient.Options

/** What must make no difference: the whole suite is run once with each. */
interface Variant {
  readonly name: string
  /** What it adds to the options of the test, which come first. None if these options do not allow it. */
  readonly options: (own: Options) => Options | undefined
  /** The same as a stage below, for those tests and for tests that put their stages together by hand. */
  readonly stage: (bare: HttpClient.HttpClient) => HttpClient.HttpClient
  /** The drop-in client, if it is another one. */
  readonly dropIn?: (options: Options) => Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>
}

const after = Duration.seconds(10)
const hedge = HttpResilience.hedge({ after })
/** The layer refuses a hedge that would come after the attempt has timed out. */
const hedged = (own: Options): Options | undefined =>
  Duration.toMillis(own.attemptTimeout ?? Infinity) > Duration.toMillis(after) ? { hedge, ...own } : undefined

const plain: Variant = { name: "", options: identity, stage: identity }

/** Every guard, with bounds that no test reaches. */
const guards = {
  gate: HttpResilience.retryAfterGate({ max: "1 millis" }),
  breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1_000_000) }),
  bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1_000_000 }),
  rateLimiter: HttpResilience.rateLimiter({ limit: 1_000_000, window: "1 second" }),
  adaptiveLimiter: HttpResilience.adaptiveLimiter({
    algorithm: { initial: null, next: () => null, limit: () => 1_000_000 }
  })
}
const budget = HttpRetry.budget(RetryBudget.share({ ratio: 1, minPerSecond: 1_000 }))

const guarded = (bare: HttpClient.HttpClient): HttpClient.HttpClient =>
  // No rejection comes of these bounds.
  Object.values(guards).reduce<HttpClient.HttpClient>(
    (client, guard) => (guard as HttpResilience.Stage<never>)(client),
    bare
  )

const inFront: Variant = { name: ", with a hedge", options: hedged, stage: hedge }
const withGuards: Variant = {
  name: ", with all guards",
  options: (own) => ({ ...guards, budget, ...own }),
  stage: guarded
}

/** Add a variant here, and every wire test runs with it, but those of `onEachPlain` and `onEachSlow`. */
export const variants: ReadonlyArray<Variant> = [plain, inFront, withGuards]

const everything: Variant = {
  name: ", with a hedge and all guards",
  options: (own) => withGuards.options(hedged(own) ?? own),
  stage: (bare) => inFront.stage(withGuards.stage(bare))
}

/** What a drop-in client would give: a response that failed is a value, and any other failure a `RequestError`. */
const untyped = (client: typeof ResilientHttpClient.ResilientHttpClient.Service): HttpClient.HttpClient =>
  HttpClient.transform(client, (effect, request) =>
    Effect.catchAll(effect, (error) => {
      const last = error._tag === "DeadlineExceeded" ? Option.getOrUndefined(error.last) : error
      const response = HttpFailure.isHttpFailure(last) && "response" in last ? last.response : undefined
      if (response !== undefined) return Effect.succeed(response)
      const cause: unknown = error
      // A reader of a caller fails with anything. What the drop-in client fails with is not in the type of the typed one.
      return Effect.fail(
        cause instanceof Error
          ? new HttpClientError.RequestError({ request, reason: "Transport", cause })
          : cause
      ) as Effect.Effect<never>
    })) as HttpClient.HttpClient.With<unknown> as HttpClient.HttpClient

const throughTyped: Variant = {
  ...plain,
  name: ", through the typed client",
  dropIn: (options) =>
    Layer.provide(
      Layer.effect(HttpClient.HttpClient, Effect.map(ResilientHttpClient.ResilientHttpClient, untyped)),
      ResilientHttpClient.layerTyped(options)
    )
}

/** A transport in a variant, which is a layer of its own: tests give it on as they do any other. */
const made = new WeakMap<Transport, readonly [variant: Variant, transport: Transport]>()

const inVariant = (variant: Variant, transport: Transport): Transport => {
  const staged = Layer.provide(
    Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, variant.stage)),
    transport
  )
  made.set(staged, [variant, transport])
  return staged
}

type Transports<Name> = ReadonlyArray<readonly [name: Name, layer: Transport]>
type Tests<Name> = (transport: Transport, name: Name) => void

const onEachIn = <Name extends string>(
  variants: ReadonlyArray<Variant>,
  name: string,
  transports: Transports<Name>,
  tests: Tests<Name>
): void => {
  for (const variant of variants) {
    for (const [transport, layer] of transports) {
      describe(`${name} over ${transport}${variant.name}`, () => tests(inVariant(variant, layer), transport))
    }
  }
}

/** The same tests over each of these transports, in each variant. */
export const onEach = <Name extends string>(name: string, transports: Transports<Name>, tests: Tests<Name>): void =>
  onEachIn(variants, name, transports, tests)

/** For tests to which the variants add nothing, because they have all these options themselves. */
export const onEachPlain = <Name extends string>(
  name: string,
  transports: Transports<Name>,
  tests: Tests<Name>
): void => onEachIn([plain], name, transports, tests)

/** For tests that take seconds: plain, and once with all that the variants have. */
export const onEachSlow = (name: string, tests: Tests<"fetch" | "undici" | "node">): void =>
  onEachIn([plain, everything], name, transports, tests)

/** The same tests over each of Node's transports, in each variant. */
export const onEachTransport = (name: string, tests: Tests<"fetch" | "undici" | "node">): void =>
  onEach(name, transports, tests)

/** For tests of drop-in clients which say nothing of its types: they run with the typed client too. */
export const onEachFace = (name: string, tests: Tests<"fetch" | "undici" | "node">): void =>
  onEachIn([...variants, throughTyped], name, transports, tests)

const over = <A>(
  transport: Transport,
  own: Options,
  layer: (options: Options) => Layer.Layer<A, never, HttpClient.HttpClient>
): Layer.Layer<A> => {
  const [variant, bare] = made.get(transport) ?? [plain, transport]
  const options = variant.options(own)
  return options === undefined ? Layer.provide(layer(own), transport) : Layer.provide(layer(options), bare)
}

/** A drop-in client over a transport, in its variant. */
export const layer = (transport: Transport, options: Options): Layer.Layer<HttpClient.HttpClient> =>
  over(transport, options, made.get(transport)?.[0].dropIn ?? ResilientHttpClient.layer)

/** A typed client over a transport, in its variant. */
export const layerTyped = (
  transport: Transport,
  options: Options
): Layer.Layer<ResilientHttpClient.ResilientHttpClient> => over(transport, options, ResilientHttpClient.layerTyped)

/** The real policy with waits of a millisecond. */
export const quick = (attempts: number) =>
  Backoff.exponential("1 millis").pipe(
    Backoff.capped("2 millis"),
    Backoff.fullJitter,
    Backoff.attempts(attempts),
    HttpRetry.whileRetryable,
    HttpRetry.honorRetryAfter()
  )

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
    Effect.provide(layer(transport, { retry: quick(3), ...options })),
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
    Effect.provide(layerTyped(transport, { retry: quick(3), ...options })),
    withoutWarnings
  )
