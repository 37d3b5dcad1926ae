/**
 * Adds resilience to an `HttpClient` in stages, each a combinator `HttpClient -> HttpClient`.
 *
 * A stage below `retry` runs for every attempt, a stage above it once per call. The right order, from the bottom up, is
 * `attemptTimeout`, `rateLimiter`, `adaptiveLimiter`, `bulkhead`, `circuitBreaker`, `retryAfterGate`, `retry`,
 * `Idempotency.automaticKeys`, `deadline`, `typed`; then `HttpClient.followRedirects` and `filterStatusOk`.
 * `ResilientHttpClient` has them in this order, and takes the same values as options.
 *
 * @since 3.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import type { LimitExceeded } from "reprise/AdaptiveLimiter"
import type { BulkheadFull } from "reprise/Bulkhead"
import type { CircuitOpen } from "reprise/CircuitBreaker"
import type { DeadlineExceeded } from "reprise/Deadline"
import type { Policy } from "reprise/Policy"
import type { RateLimitExceeded } from "reprise/RateLimiter"
import type * as Retry from "reprise/Retry"
import type { AttemptTimeout, HttpFailure } from "./HttpFailure.js"
import * as bufferedResponse from "./internal/attempt/bufferedResponse.js"
import * as reader from "./internal/attempt/reader.js"
import * as retryClient from "./internal/call/calls.js"
import * as ledgers from "./internal/call/ledgers.js"
import * as retryPolicy from "./internal/call/retryPolicy.js"
import * as settings from "./internal/call/settings.js"
import * as timeLimits from "./internal/call/timeLimits.js"
import * as faces from "./internal/faces.js"
import type {
  AdaptiveLimiterOptions,
  BulkheadOptions,
  CircuitBreakerOptions,
  Consume,
  GateClosed,
  HedgeOptions,
  PolicyOptions,
  RateLimiterOptions,
  ReadBodies,
  ReadBodiesOptions,
  RetryAfterGateOptions,
  RetryOptions,
  RetryPolicy,
  Stage,
  Typed
} from "./internal/model.js"
import * as stages from "./internal/stages/stages.js"

export type {
  AdaptiveLimiterOptions,
  BulkheadOptions,
  CircuitBreakerOptions,
  Classify,
  ClosedGate,
  Consume,
  Drain,
  HedgeOptions,
  KeyOptions,
  OpenCircuit,
  Outcome,
  PolicyOptions,
  RateLimiterOptions,
  ReadBodies,
  ReadBodiesOptions,
  Rejection,
  RetryAfterGateOptions,
  RetryOptions,
  RetryPolicy,
  Stage,
  Typed
} from "./internal/model.js"

export {
  /**
   * @since 3.1.0
   * @category errors
   */
  GateClosed
} from "./internal/model.js"

type Client<E, R> = HttpClient.HttpClient.With<E, R>

/**
 * Sends a request again after a failure, if another attempt can succeed and is safe.
 *
 * The policy decides whether another attempt can succeed: by default if the failure is `retryable`. `while`,
 * `HttpRetry.whileTag` and `HttpRetry.whileStatus` change that. The client decides whether another attempt is safe, and
 * no policy overrides it:
 *
 * - The request must be idempotent, have an idempotency key, or (with `retryUnsent`) not have been processed.
 * - Its body must be one that can be sent again.
 *
 * Errors and responses share one count of attempts. The client drains or aborts a failed response before the wait. The
 * caller gets the last response intact, as a value. The error of the last attempt keeps its type. Its `cause` is the
 * typed `HttpFailure` with the ledger of all attempts.
 *
 * An interruption of a wait sends nothing more. An interruption of an attempt closes its socket. The span of each
 * request after the first has `http.request.resend_count`, unless a client below has its own span name generator.
 * Throws `InvalidOption` for options out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 *
 * let calls = 0
 * const flaky = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("", { status: ++calls < 3 ? 503 : 200 }))))
 *
 * const client = flaky.pipe(HttpResilience.retry(HttpRetry.exponential({ attempts: 5, base: "1 millis" })))
 *
 * Effect.runPromise(client.get("http://localhost/orders")).then(({ status }) => console.log(status, calls)) // => 200 3
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const retry: {
  <R1 = never>(
    policy: Schedule.Schedule<unknown, HttpFailure, R1> | RetryPolicy<R1>,
    options?: RetryOptions
  ): <E, R>(client: Client<E, R>) => Client<E, R | R1>
  <E, R, R1 = never>(
    client: Client<E, R>,
    policy: Schedule.Schedule<unknown, HttpFailure, R1> | RetryPolicy<R1>,
    options?: RetryOptions
  ): Client<E, R | R1>
} = dual(
  (args) => Predicate.hasProperty(args[0], "execute"),
  <E, R, R1 = never>(
    client: Client<E, R>,
    policy: Schedule.Schedule<unknown, HttpFailure, R1> | RetryPolicy<R1>,
    options?: RetryOptions
  ): Client<E, R | R1> => retryClient.make(client, retryPolicy.of(policy), settings.retry(options))
)

/**
 * Ends each attempt after `duration` with `AttemptTimeout`, and closes its socket. An earlier `Deadline` ends it
 * sooner.
 *
 * The limit includes the body that `executeAndRead` reads, but not a body that the program reads later. Throws
 * `InvalidOption` unless `duration` is longer than zero and at most 2^31-1 ms.
 *
 * @since 3.1.0
 * @category combinators
 */
export const attemptTimeout: {
  (duration: Duration.DurationInput): <E, R>(client: Client<E, R>) => Client<E | AttemptTimeout, R>
  <E, R>(client: Client<E, R>, duration: Duration.DurationInput): Client<E | AttemptTimeout, R>
} = dual(
  2,
  <E, R>(client: Client<E, R>, duration: Duration.DurationInput): Client<E | AttemptTimeout, R> =>
    timeLimits.perAttempt(client, settings.positiveMillis("attemptTimeout", duration))
)

/**
 * Limits each call, with all its attempts and waits, to `duration`, or to the rest of an earlier `Deadline`.
 *
 * Fails with `DeadlineExceeded`, which has the last failure, when the time is up, or at once if the next wait would end
 * later. If the last failure is a response, the caller gets the response instead (`typed` makes it `DeadlineExceeded`).
 * Throws `InvalidOption` unless `duration` is longer than zero and at most 2^31-1 ms.
 *
 * @since 3.1.0
 * @category combinators
 */
export const deadline: {
  (duration: Duration.DurationInput): <E, R>(client: Client<E, R>) => Client<E | DeadlineExceeded<HttpFailure>, R>
  <E, R>(client: Client<E, R>, duration: Duration.DurationInput): Client<E | DeadlineExceeded<HttpFailure>, R>
} = dual(
  2,
  <E, R>(client: Client<E, R>, duration: Duration.DurationInput): Client<E | DeadlineExceeded<HttpFailure>, R> =>
    timeLimits.overall(client, settings.positiveMillis("deadline", duration))
)

/**
 * Stops calls to a server that keeps failing: one circuit breaker per origin, or per `key`.
 *
 * While it is open, calls fail with `CircuitOpen` without sending anything, and the retry loop ends at once. Throws
 * `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Layer } from "effect"
 * import * as Tripping from "reprise/Tripping"
 *
 * export const HttpLive = ResilientHttpClient.layer({
 *   attemptTimeout: "10 seconds",
 *   deadline: "30 seconds",
 *   breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(5) })
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 3.1.0
 * @category stages
 */
export const circuitBreaker: (options: CircuitBreakerOptions) => Stage<CircuitOpen> = stages.circuitBreaker

/**
 * Holds all calls to a server back while the server asks for a pause. A 429 or a 503 with a wait header closes the gate
 * of its origin (or `key`).
 *
 * So a hundred fibers do not need a hundred failures. When the gate opens, the waiting calls start over a short extra
 * time.
 *
 * If the server counts per tenant, token or resource, give a `key` that says so. Otherwise the 429 of one tenant holds
 * back all others. A successful response closes no gate, even if it used up a quota, because the next call may have
 * another quota. `learnFromSuccess` changes that.
 *
 * A call that may not wait fails with `GateClosed`, without sending anything and without a retry. Throws
 * `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Duration, Effect, Option } from "effect"
 *
 * const busy = HttpClient.make((request) =>
 *   Effect.succeed(
 *     HttpClientResponse.fromWeb(request, new Response(null, { status: 429, headers: { "Retry-After": "7" } }))
 *   )
 * )
 * const client = busy.pipe(HttpResilience.retryAfterGate({ onClosed: "reject" }))
 *
 * const program = client.get("http://example.com/a").pipe(
 *   Effect.zipRight(client.get("http://example.com/b")),
 *   Effect.catchTag("GateClosed", ({ retryAfter }) =>
 *     Effect.succeed(Math.ceil(Duration.toSeconds(Option.getOrElse(retryAfter, () => Duration.zero)))))
 * )
 *
 * Effect.runPromise(program).then(console.log) // => 7
 * ```
 *
 * @since 3.1.0
 * @category stages
 */
export const retryAfterGate: (options?: RetryAfterGateOptions) => Stage<GateClosed> = stages.retryAfterGate

/**
 * Bounds how many attempts run at once, and how many wait.
 *
 * Attempts beyond fail with `BulkheadFull`, without sending anything and without a retry. The wait does not count
 * towards the time of the attempt. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 *
 * const slow = HttpClient.make(() => Effect.never)
 * const client = slow.pipe(HttpResilience.bulkhead({ maxConcurrent: 2 }))
 *
 * const get = client.get("http://example.com")
 * const program = Effect.flip(Effect.all([get, get, get], { concurrency: "unbounded" }))
 *
 * Effect.runPromise(program).then((error) => console.log(error._tag)) // => BulkheadFull
 * ```
 *
 * @since 3.1.0
 * @category stages
 */
export const bulkhead: (options: BulkheadOptions) => Stage<BulkheadFull> = stages.bulkhead

/**
 * Bounds how many attempts run at once with a limit that it learns from their durations, timeouts, and responses 429,
 * 503 and 504.
 *
 * Attempts beyond the limit fail with `LimitExceeded`, without sending anything and without a retry. Throws
 * `InvalidOption` for an option out of range.
 *
 * @since 3.1.0
 * @category stages
 */
export const adaptiveLimiter: <S>(options: AdaptiveLimiterOptions<S>) => Stage<LimitExceeded> = stages.adaptiveLimiter

/**
 * Takes a token before each attempt, from a limiter of Reprise per origin, or from any other one, given as a function.
 *
 * If the limiter fails, the call fails with its error, without sending anything and without a retry. Throws
 * `InvalidOption` for an option out of range. For the functions of `effect/RateLimiter`, write
 * `HttpResilience.rateLimiter(() => limiter(Effect.void))`.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 *
 * const fine = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response())))
 * const client = fine.pipe(HttpResilience.rateLimiter({ limit: 2, window: "1 minute" }))
 *
 * const get = client.get("http://example.com")
 *
 * Effect.runPromise(Effect.flip(Effect.all([get, get, get]))).then((error) => console.log(error._tag)) // => RateLimitExceeded
 * ```
 *
 * @since 3.1.0
 * @category stages
 */
export const rateLimiter: {
  (options: RateLimiterOptions): Stage<RateLimitExceeded>
  <E>(consume: Consume<E>): Stage<E>
} = stages.rateLimiter

/**
 * Sends a request again beside an attempt that takes too long. The first success is the result, and the client closes
 * the sockets of the others.
 *
 * It hedges a request only if it is idempotent or has an idempotency key, and its body can be read more than once.
 * Throws `InvalidOption` for an option out of range.
 *
 * - Only time starts a hedge. After a failure the retry policy decides: its backoff, its number of attempts and
 *   `Retry-After` hold. The `retryAfter` of the failure is the longest wait that the server has asked any of these
 *   attempts for.
 * - If an attempt fails while the request of another one is in flight, the call waits for that one and starts no other.
 * - Each hedge uses the retry budget of the client, if there is one, and passes the policies as every attempt does.
 * - A hedge counts as an attempt: each takes a step of the retry policy. So a policy of 3 attempts makes at most `3 +
 *   maxHedges` requests: the last attempt may have hedges too, even without retries.
 * - Within `Retry.withoutNested` there are no hedges, unless the client has `nested: "allow"`.
 *
 * @since 3.1.0
 * @category stages
 */
export const hedge: (options: HedgeOptions) => Stage<never> = stages.hedge

/**
 * Puts a policy of your own before every attempt: one for all requests, or one for each key.
 *
 * The policy sees the end of each attempt: a response below 400 as a success, and every other result as its
 * `HttpFailure`. Its rejection is an error of the client, and ends the call without a retry.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Data, Effect } from "effect"
 * import * as Policy from "reprise/Policy"
 *
 * class Maintenance extends Data.TaggedError("Maintenance")<{}> {}
 *
 * let isDown = false
 * const maintenance = Policy.make({ admit: () => isDown ? new Maintenance() : undefined })
 *
 * const fine = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response())))
 * const client = fine.pipe(HttpResilience.policy(maintenance))
 *
 * isDown = true
 * Effect.runPromise(Effect.flip(client.get("http://example.com"))).then((error) => console.log(error._tag)) // => Maintenance
 * ```
 *
 * @since 3.1.0
 * @category stages
 */
export const policy: <E>(
  policy: Policy<E, HttpClientResponse.HttpClientResponse, HttpFailure> | PolicyOptions<E>
) => Stage<E> = stages.policy

/**
 * Puts every failure into the type of the client, so that `Effect.catchTags` can be exhaustive.
 *
 * A response other than 2xx fails with the `HttpFailure` of its status, whose `response` is still readable. Transport
 * errors and timeouts fail with their own `HttpFailure`.
 *
 * A redirect (300 to 399 with a `Location`) is a value, so that `HttpClient.followRedirects` above can follow it. If no
 * stage follows it, `executeAndRead` fails with `ProtocolFailure`. A 304 always does.
 *
 * If arguments make a transport die (a bad header value on node), the call fails with `InvalidRequest`. Other defects
 * stay defects.
 *
 * @since 3.1.0
 * @category combinators
 */
export const typed: <E, R>(client: Client<E, R>) => Client<Typed<E>, R> = faces.typed

/**
 * Executes the request and reads its response as one attempt. A body that is cut short or stalls is then a failed
 * attempt, which the stages of the client time out and retry.
 *
 * The response that `read` receives fails with `BodyFailure`'s error if fewer bytes arrive than `Content-Length` says.
 * `fetch` reports that itself, so with `fetch` Reprise does not compare the length. `read` may read the body more than
 * once, except as a `stream`.
 *
 * `read` runs again for each attempt with a 2xx response. A last response with another status is read once, after the
 * attempts, unless the client fails with it. `attemptTimeout` and `deadline` bound that too. An error of `read` itself is not
 * retried, unless it is an `HttpFailure` that is `retryable`. A stage below that replaces the request's body makes `read` run after the attempt instead of inside it.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 *
 * // Announces 5 bytes and sends 3 of them, the first time.
 * let calls = 0
 * const cutting = HttpClient.make((request) =>
 *   Effect.sync(() => {
 *     const body = ++calls === 1 ? "hel" : "hello"
 *     return HttpClientResponse.fromWeb(request, new Response(body, { headers: { "content-length": "5" } }))
 *   }))
 *
 * const text = cutting.pipe(
 *   HttpResilience.retry(HttpRetry.exponential({ base: "1 millis" })),
 *   HttpResilience.executeAndRead(HttpClientRequest.get("http://localhost"), (response) => response.text)
 * )
 *
 * Effect.runPromise(text).then(console.log) // => hello
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const executeAndRead: {
  <A, E2, R2>(
    request: HttpClientRequest.HttpClientRequest,
    read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E2, R2>
  ): <E, R>(client: Client<E, R>) => Effect.Effect<A, E | E2, R | R2>
  <E, R, A, E2, R2>(
    client: Client<E, R>,
    request: HttpClientRequest.HttpClientRequest,
    read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E2, R2>
  ): Effect.Effect<A, E | E2, R | R2>
} = dual(3, <E, R, A, E2, R2>(
  client: Client<E, R>,
  request: HttpClientRequest.HttpClientRequest,
  read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E2, R2>
): Effect.Effect<A, E | E2, R | R2> =>
  Effect.suspend(() => {
    const own = reader.make(read)
    return Effect.flatMap(client.execute(reader.attach(request, own)), own.finish)
  }))

/**
 * Reads the body of each 2xx response within its attempt, for programs that do not use `executeAndRead`: HttpApiClient,
 * RPC and AI clients.
 *
 * A body that is cut short or stalls is then a failed attempt: the client sends the request again, and the circuit
 * breaker counts it. The program reads the body from memory, as often as it likes.
 *
 * A body of more than `maxBytes` becomes a stream after that. It does not read streams: server-sent events,
 * newline-delimited JSON, gRPC and `application/octet-stream`. Put it below `attemptTimeout`. Throws `InvalidOption`
 * for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 * import { Effect } from "effect"
 *
 * // Announces 5 bytes and sends 3 of them, the first time.
 * let calls = 0
 * const cutting = HttpClient.make((request) =>
 *   Effect.sync(() => {
 *     const body = ++calls === 1 ? "hel" : "hello"
 *     return HttpClientResponse.fromWeb(request, new Response(body, { headers: { "content-length": "5" } }))
 *   }))
 *
 * const client = cutting.pipe(
 *   HttpResilience.readBodies(),
 *   HttpResilience.retry(HttpRetry.exponential({ base: "1 millis" }))
 * )
 *
 * const program = Effect.flatMap(client.get("http://localhost"), (response) => response.text)
 *
 * Effect.runPromise(program).then((text) => console.log(text, calls)) // => hello 2
 * ```
 *
 * @since 3.1.0
 * @category stages
 */
export const readBodies: (options?: ReadBodiesOptions) => ReadBodies = bufferedResponse.readBodies

/**
 * The ledger of a call, from what the call ended with: its response, its `HttpFailure`, or the rejection of a policy. The error
 * of a drop-in client, and that of `filterStatusOk` above it, have the same ledger.
 *
 * The ledger lists each attempt (the first 8 and the last 24) with its result, its wait and the reason. It is empty for a response
 * without a `retry` stage, and while the call still runs, as inside the reader of `executeAndRead`. If a policy rejects a retry, an
 * earlier attempt may have been processed.
 *
 * @example
 * ```ts
 * import { HttpFault } from "@reprise/testing"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const { client } = yield* HttpFault.make(HttpFault.respond({ status: 503 }))
 *   const failure = yield* Effect.flip(ResilientHttpClient.makeTyped()(client).post("http://example.com"))
 *   return HttpResilience.attempts(failure).map(({ reason }) => reason)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'notIdempotent' ]
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const attempts = (
  result: object
): Retry.Ledger<HttpFailure> => ledgers.ofResult(result)
