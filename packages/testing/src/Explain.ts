/**
 * Shows what a client of `@reprise/http` would do: each attempt, each wait and the rule behind it, in virtual time.
 *
 * The calls are made by the client itself, against a server in memory that answers by a script.
 *
 * @since 3.1.0
 */
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClassifier from "@reprise/http/HttpClassifier"
import type { HttpFailure, Sent } from "@reprise/http/HttpFailure"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as InvalidOption from "reprise/InvalidOption"
import type { Reason } from "reprise/Retry"
import * as answers from "./internal/explain/answers.js"
import * as calls from "./internal/explain/calls.js"
import * as table_ from "./internal/explain/table.js"
import * as trace from "./internal/explain/trace.js"
import * as worst from "./internal/explain/worstCase.js"

/**
 * How a request fails without a response. Each failure is the error that Effect's undici transport gives.
 *
 * `"reset"`: the connection breaks. `"refused"`, `"connectTimeout"`: there is no connection. `"timeout"`: the transport stops
 * waiting. `"hang"`: no answer ever comes. `"cutBody"`: the body of a 200 breaks off.
 *
 * @since 3.1.0
 * @category models
 */
export type Failure =
  | "reset"
  | "refused"
  | "connectTimeout"
  | "timeout"
  | "hang"
  | "unknownHost"
  | "badCertificate"
  | "cutBody"

/**
 * The answer to one request: a status (200 to 599) or a failure, at once or `after` a time. Bodies are empty.
 *
 * @since 3.1.0
 * @category models
 */
export type Outcome =
  | number
  | Failure
  | {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>> | undefined
    readonly after?: Duration.DurationInput | undefined
  }
  | { readonly failure: Failure; readonly after?: Duration.DurationInput | undefined }

/**
 * The options of a client, or a function that makes them. Token budgets and limiters of your own keep their state in the
 * options. Use a function if each run must begin with a new state.
 *
 * @since 3.1.0
 * @category models
 */
export type ClientOptions = ResilientHttpClient.Options<unknown> | LazyArg<ResilientHttpClient.Options<unknown>>

/**
 * The options of {@link explain}.
 *
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /** The request of each call. Defaults to `GET http://example.com/`. */
  readonly request?: HttpClientRequest.HttpClientRequest | undefined
  /** Seeds `Random`, and so every jitter. Defaults to 0. */
  readonly seed?: number | undefined
  /** The answer to each request after the script. Defaults to the last outcome of the script, or 200 if the script is empty. */
  readonly rest?: Outcome | undefined
  /** The number of calls. They share the script and the state of the client's policies. Defaults to 1. */
  readonly calls?: number | undefined
  /** The time from the start of one call to the next; 0 starts all at once. By default a call starts when the one before ends. */
  readonly every?: Duration.DurationInput | undefined
}

/**
 * A request on the wire. An attempt has several with a hedge, and none if a policy rejects it.
 *
 * @since 3.1.0
 * @category models
 */
export interface Request {
  readonly startMillis: number
  /** `Infinity` if no answer ever came. */
  readonly durationMillis: number
  /** The status, the failure, or `"no answer"` if a timeout or the winner of a race cut the request short. */
  readonly outcome: string
}

/**
 * An attempt, its outcome, and the decision after it. Times are virtual milliseconds since the start of the first call.
 *
 * @since 3.1.0
 * @category models
 */
export interface Attempt {
  /** Counts from 1. */
  readonly number: number
  readonly startMillis: number
  /** Includes the time that policies held the attempt back; `Infinity` if the attempt never ends. */
  readonly durationMillis: number
  /** The status or code and the error, for people. */
  readonly outcome: string
  readonly status: number | undefined
  /** The tag of the error with which a typed client fails. */
  readonly error: string | undefined
  /** Whether the server may have processed the request; `"yes"` if the attempt succeeded. */
  readonly sent: Sent | "yes"
  /** Whether another attempt can succeed. Other rules may still forbid it. */
  readonly retryable: boolean
  readonly requests: ReadonlyArray<Request>
  /** The wait before the next attempt; `undefined` for the last attempt. */
  readonly delayMillis: number | undefined
  /**
   * The rule that decided, as in the ledger of the call. `"neverEnds"` if nothing would end the attempt.
   *
   * A call that never left a policy's queue has no ledger. The reason of its attempts before the last one is
   * `"unknown"`.
   */
  readonly reason: Reason
  /** The reason in words. */
  readonly why: string
}

/**
 * The end of a call. `error` is the tag of the error with which a typed client fails.
 *
 * @since 3.1.0
 * @category models
 */
export type Result =
  | { readonly _tag: "Success"; readonly status: number }
  | {
    readonly _tag: "Failure"
    readonly error: HttpFailure["_tag"] | (string & Record<never, never>)
    readonly status: number | undefined
    readonly message: string
  }
  | { readonly _tag: "NeverEnds" }

/**
 * One call and its attempts.
 *
 * @since 3.1.0
 * @category models
 */
export interface Call {
  /** Counts from 1. */
  readonly number: number
  readonly startMillis: number
  /** `Infinity` if the call never ends. */
  readonly durationMillis: number
  readonly attempts: ReadonlyArray<Attempt>
  readonly result: Result
}

/**
 * All calls of a run.
 *
 * @since 3.1.0
 * @category models
 */
export interface Explanation {
  readonly method: string
  /** Without query, fragment and credentials. */
  readonly url: string
  readonly seed: number
  readonly calls: ReadonlyArray<Call>
  /** When the last call ended. */
  readonly totalMillis: number
}

const defaultRequest = HttpClientRequest.get("http://example.com/")

/** Makes a client at once, so that options out of range throw before anything runs. */
const making = (client: ClientOptions): LazyArg<ResilientHttpClient.Options<unknown>> => {
  const make = typeof client === "function" ? client : () => client
  ResilientHttpClient.makeTyped(make())
  return make
}

/** Method and URL as a failure shows them: without secrets. */
const shown = (request: HttpClientRequest.HttpClientRequest): { readonly method: string; readonly url: string } => {
  const error = new HttpClientError.RequestError({ request, reason: "Transport" })
  return Option.match(HttpClassifier.classify(error, { request, nowMillis: 0 }), {
    onNone: () => ({ method: request.method, url: "" }),
    onSome: (failure) => failure.request
  })
}

/**
 * Runs calls through a client with these options, against a server that answers by the script.
 *
 * 1. The client is `ResilientHttpClient.makeTyped`. It reads the body within the attempt.
 * 2. The `Clock` begins at 0 (the year 1970). Waits take no real time.
 * 3. `Random` has a seed. The same seed gives the same delays, here and in a program.
 * 4. Code of your own in the options, such as a limiter, runs as it is. It takes real time if it does not use the `Clock`.
 * 5. A call that nothing would end, or that needs more than 1,000 requests, has the result `NeverEnds`. So have calls that
 *    wait for such a call. Calls that would start after it are not made.
 *
 * Throws `InvalidOption` for options or outcomes out of range.
 *
 * @example
 * ```ts
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import * as Explain from "@reprise/testing/Explain"
 * import { Effect } from "effect"
 *
 * const script: Array<Explain.Outcome> = [503, { status: 429, headers: { "retry-after": "7" } }, 200]
 *
 * const program = Explain.explain(ResilientHttpClient.standard(), script)
 *
 * Effect.runPromise(program).then(({ calls }) => {
 *   const [first, second, third] = calls[0]!.attempts
 *   console.log(first?.outcome, first?.reason) // => 503 ServerError backoff
 *   console.log(second?.outcome, second?.reason) // => 429 RateLimited retryAfter
 *   console.log(third?.outcome, third?.reason) // => 200 success
 * })
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const explain = (
  client: ClientOptions,
  script: ReadonlyArray<Outcome>,
  options: Options = {}
): Effect.Effect<Explanation> => {
  const { every, request = defaultRequest, rest, seed = 0 } = options
  const make = making(client)
  const take = answers.script(script, rest)
  const count = InvalidOption.integer("calls", options.calls ?? 1, { min: 1 })
  const everyMillis = every === undefined ? undefined : InvalidOption.millis("every", every, { min: 0 })
  const made = Effect.suspend(() =>
    calls.run({ options: make(), request, take: take(), random: Random.make(seed), calls: count, everyMillis })
  )
  const { method, url } = shown(request)
  return Effect.map(made, (all): Explanation => ({
    method,
    url,
    seed,
    calls: all.map(trace.of),
    totalMillis: Math.max(...all.map(({ endMillis }) => endMillis))
  }))
}

/**
 * Renders an explanation as a table for a terminal: a line for each attempt, then a line with the result.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import * as Explain from "@reprise/testing/Explain"
 * import { Effect } from "effect"
 *
 * const payment = HttpClientRequest.post("http://payments.example.com/charges")
 *
 * const program = Explain.explain(ResilientHttpClient.standard(), ["reset"], { request: payment })
 *
 * Effect.runPromise(program).then((explanation) => {
 *   const [request, , attempt, result] = Explain.table(explanation).split("\n")
 *   console.log(request) // => POST http://payments.example.com/charges, seed 0
 *   console.log(attempt) // => 1        0ms  0ms   ECONNRESET ConnectionLost  maybe  end: the request is not idempotent
 *   console.log(result) // => result: ConnectionLost after 1 attempt and 0ms
 * })
 * ```
 *
 * @since 3.1.0
 * @category conversions
 */
export const table: (explanation: Explanation) => string = table_.render

/**
 * How the server behaves in a worst case.
 *
 * `"failing"`: every request fails with 503 within a millisecond. `"refused"`: every connection fails within a millisecond.
 * `"hanging"`: the server never answers. `"asking"`: the server answers with 429 a millisecond before the attempt would time
 * out. Its `Retry-After` is the longest one after which there is another attempt.
 *
 * @since 3.1.0
 * @category models
 */
export type Scenario = "failing" | "refused" | "hanging" | "asking"

/**
 * The most that a client does to its caller and to the server. A value without a bound is `Infinity`.
 *
 * @since 3.1.0
 * @category models
 */
export interface WorstCase {
  /** The most requests of one call, hedges included. */
  readonly attempts: number
  readonly attemptsIn: Scenario
  /** The longest time of one call. */
  readonly longestMillis: number
  readonly longestIn: Scenario
  /** Requests per call in a lasting outage, with retries, hedges and the budget, and without any other policy. */
  readonly amplification: number
  /** The same with all policies. Requests that a breaker or a limiter rejects do not count. */
  readonly guardedAmplification: number
  /** The number of calls behind the last two values. */
  readonly calls: number
  /** The time between the starts of these calls. */
  readonly everyMillis: number
}

/**
 * The options of {@link worstCase}.
 *
 * @since 3.1.0
 * @category options
 */
export interface WorstCaseOptions {
  /** The request of each call. Defaults to `GET http://example.com/`. */
  readonly request?: HttpClientRequest.HttpClientRequest | undefined
  /** The number of calls during the outage. Defaults to 1,000. */
  readonly calls?: number | undefined
  /** The time between these calls. A budget with a floor allows more for fewer calls per second. Defaults to `10 millis`. */
  readonly every?: Duration.DurationInput | undefined
}

/**
 * Finds the most that a client with these options does, by running it as {@link explain} does.
 *
 * 1. `attempts` and the longest time come from one call in each `Scenario`. Every random draw is at its maximum, there is no
 *    budget, and each scenario runs with and without the breaker.
 * 2. A call of more than 1,000 requests has no end. With a `deadline`, such a call lasts until the deadline.
 * 3. Effects of other calls on this one are not included: a gate that they close, or a queue that they fill.
 * 4. Without a budget, `amplification` is `attempts`. With a budget, it comes from `calls` calls, one `every` 10 ms, while all
 *    requests fail with 503. Calls without an end are cut off after the last one began.
 *
 * Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import * as Explain from "@reprise/testing/Explain"
 * import { Effect } from "effect"
 *
 * const program = Explain.worstCase({ attemptTimeout: "10 seconds" })
 *
 * Effect.runPromise(program).then(({ attempts, longestIn, longestMillis }) => {
 *   console.log(attempts) // => 3
 *   // Each attempt takes its 10 s, and each wait the longest `Retry-After` that is obeyed.
 *   console.log(longestMillis, longestIn) // => 293997 asking
 * })
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const worstCase = (client: ClientOptions, options: WorstCaseOptions = {}): Effect.Effect<WorstCase> =>
  worst.find({
    make: making(client),
    request: options.request ?? defaultRequest,
    calls: InvalidOption.integer("calls", options.calls ?? 1_000, { min: 1 }),
    everyMillis: InvalidOption.millis("every", options.every ?? "10 millis", { min: 0 })
  })

/**
 * Renders a worst case as a table for a terminal, then a line that sums it up.
 *
 * @example
 * ```ts
 * import * as Explain from "@reprise/testing/Explain"
 * import { Effect } from "effect"
 * import * as Schedule from "effect/Schedule"
 *
 * const program = Explain.worstCase({ retry: Schedule.spaced("1 second"), deadline: "1 minute" })
 *
 * Effect.runPromise(program).then((worst) => {
 *   const lines = Explain.worstCaseTable(worst).split("\n")
 *   console.log(lines.at(-1)) // => result: requests per call 60, longest call 1m, load in an outage 60
 * })
 * ```
 *
 * @since 3.1.0
 * @category conversions
 */
export const worstCaseTable: (worstCase: WorstCase) => string = table_.renderWorstCase
