/**
 * What a policy would do, found out before it is needed: the calls are made by the client of the options itself, against a
 * server that answers by a script, on a clock of their own. It takes none of the time that it tells of.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"
import * as Random from "effect/Random"
import * as InvalidOption from "reprise/InvalidOption"
import type { Reason } from "reprise/Retry"
import type { HttpFailure, Sent } from "./HttpFailure.js"
import * as calls from "./internal/explain/calls.js"
import * as script_ from "./internal/explain/script.js"
import * as table_ from "./internal/explain/table.js"
import * as trace from "./internal/explain/trace.js"
import * as worst from "./internal/explain/worstCase.js"
import * as failureMessage from "./internal/failureMessage.js"
import * as ResilientHttpClient from "./ResilientHttpClient.js"

/**
 * How a request fails without a response. `"reset"`: the connection breaks. `"refused"`, `"connectTimeout"`: there is none.
 * `"timeout"`: the transport gives up waiting. `"hang"`: nothing comes, ever. `"cutBody"`: the body of a 200 breaks off.
 *
 * Each surfaces as it does through undici, and is classified from there.
 *
 * @since 0.1.0
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
 * What becomes of one request: a status (200 to 599) or a failure, at once or `after` a time. Bodies are empty.
 *
 * @since 0.1.0
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
 * The options of a client, or a function that makes them. A budget of tokens, and a limiter that is a function, keep their
 * state in the options: where they are made anew, each run begins with them full.
 *
 * @since 0.1.0
 * @category models
 */
export type Policy = ResilientHttpClient.Options | LazyArg<ResilientHttpClient.Options>

/**
 * @since 0.1.0
 * @category options
 */
export interface ExplainOptions {
  /** What is sent. Defaults to `GET http://example.com/`. */
  readonly request?: HttpClientRequest.HttpClientRequest | undefined
  /** Seeds `Random`, and so every jitter. Defaults to 0. */
  readonly seed?: number | undefined
  /** What becomes of the requests after the script. Defaults to its last outcome, or 200 where there is none. */
  readonly rest?: Outcome | undefined
  /** How many calls are made. They share the script and the state of the guards. Defaults to 1. */
  readonly calls?: number | undefined
  /** How long after one call the next one begins: zero for all at once. Defaults to when the one before has ended. */
  readonly every?: Duration.DurationInput | undefined
}

/**
 * What was sent in an attempt: more than one with a hedge, nothing where a guard rejects it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly startMillis: number
  /** Infinite where it was never answered. */
  readonly durationMillis: number
  /** The status, the failure, or `"no answer"` where a timeout or the winner of a race cut it short. */
  readonly outcome: string
}

/**
 * An attempt, what came of it, and what was decided. Times are virtual milliseconds, from the start of the first call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attempt {
  /** Counts from 1. */
  readonly number: number
  readonly startMillis: number
  /** With what guards held it back for; infinite where it never ends. */
  readonly durationMillis: number
  /** The status or code and the error, as people read them. */
  readonly outcome: string
  readonly status: number | undefined
  /** The tag of the error, as a typed client fails with it. */
  readonly error: string | undefined
  /** How far it came; `"yes"` where it succeeded. */
  readonly sent: Sent | "yes"
  /** Whether another attempt can help, whatever else speaks against it. */
  readonly retryable: boolean
  readonly requests: ReadonlyArray<Request>
  /** The wait before the next attempt; none where this was the last. */
  readonly delayMillis: number | undefined
  /**
   * The rule that decided, as in the ledger of the call; `"neverEnds"` where nothing would end it, and `"unknown"` for what
   * came before that in a call that waits for a guard, and has no ledger.
   */
  readonly reason: Reason
  /** The same in words. */
  readonly why: string
}

/**
 * How a call ended. `error` is the tag of what a typed client fails with.
 *
 * @since 0.1.0
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
 * @since 0.1.0
 * @category models
 */
export interface Call {
  /** Counts from 1. */
  readonly number: number
  readonly startMillis: number
  /** Infinite where it never ends. */
  readonly durationMillis: number
  readonly attempts: ReadonlyArray<Attempt>
  readonly result: Result
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Explanation {
  readonly method: string
  /** Without query, fragment and credentials. */
  readonly url: string
  readonly seed: number
  readonly calls: ReadonlyArray<Call>
  /** When the last call has ended. */
  readonly totalMillis: number
}

const defaultRequest = HttpClientRequest.get("http://example.com/")

/** Options out of range are found before anything runs. */
const making = (policy: Policy): LazyArg<ResilientHttpClient.Options> => {
  const make = typeof policy === "function" ? policy : () => policy
  ResilientHttpClient.makeTyped(make())
  return make
}

/**
 * Tells what a client with these options does when the server answers by the script: each attempt, what was decided after
 * it, and by which rule.
 *
 * It is the client itself (`ResilientHttpClient.makeTyped`, with the body read within the attempt) over a server in memory,
 * with a `Clock` of its own that begins at 0, the year 1970, and a `Random` with a seed. So the same seed gives the same
 * delays, here and in a program. What is fixed is the script; whatever else the options hold, such as a limiter of your own,
 * is run as it is, in real time where it does not go by the `Clock`.
 *
 * A call that nothing would ever end, or that needs more than 1,000 requests, has the result `NeverEnds`; so have those that
 * wait for it, and calls that would come after it are not made. Throws `InvalidOption` for options or outcomes out of range.
 *
 * @example
 * ```ts
 * import * as HttpExplain from "@reprise/http/HttpExplain"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Effect } from "effect"
 *
 * const script: Array<HttpExplain.Outcome> = [503, { status: 429, headers: { "retry-after": "7" } }, 200]
 *
 * const program = HttpExplain.explain(ResilientHttpClient.standard(), script)
 *
 * Effect.runPromise(program).then(({ calls }) => {
 *   const [first, second, third] = calls[0]!.attempts
 *   console.log(first?.outcome, first?.reason) // => 503 ServerError backoff
 *   console.log(second?.outcome, second?.reason) // => 429 RateLimited retryAfter
 *   console.log(third?.outcome, third?.reason) // => 200 success
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const explain = (
  policy: Policy,
  script: ReadonlyArray<Outcome>,
  options: ExplainOptions = {}
): Effect.Effect<Explanation> => {
  const { request = defaultRequest, seed = 0 } = options
  const make = making(policy)
  const steps = script.map((outcome, index) => script_.step(outcome, `script[${index}]`))
  const rest = options.rest === undefined
    ? steps.at(-1) ?? script_.step(200, "rest")
    : script_.step(options.rest, "rest")
  const count = InvalidOption.integer("calls", options.calls ?? 1, { min: 1 })
  const everyMillis = options.every === undefined ? undefined : InvalidOption.millis("every", options.every, { min: 0 })
  const made = Effect.suspend(() =>
    calls.run({
      options: make(),
      request,
      take: script_.taking(steps, rest),
      random: Random.make(seed),
      calls: count,
      everyMillis
    })
  )
  const { method, url } = failureMessage.requestFacts(request)
  return Effect.map(made, (all): Explanation => ({
    method,
    url,
    seed,
    calls: all.map(trace.of),
    totalMillis: Math.max(...all.map(({ endMillis }) => endMillis))
  }))
}

/**
 * The explanation as a table for a terminal: a line for each attempt, and one of the result at its end.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import * as HttpExplain from "@reprise/http/HttpExplain"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Effect } from "effect"
 *
 * const payment = HttpClientRequest.post("http://payments.example.com/charges")
 *
 * const program = HttpExplain.explain(ResilientHttpClient.standard(), ["reset"], { request: payment })
 *
 * Effect.runPromise(program).then((explanation) => {
 *   const [request, , attempt, result] = HttpExplain.table(explanation).split("\n")
 *   console.log(request) // => POST http://payments.example.com/charges, seed 0
 *   console.log(attempt) // => 1        0ms  0ms   ECONNRESET ConnectionLost  maybe  end: the request is not idempotent
 *   console.log(result) // => result: ConnectionLost after 1 attempt and 0ms
 * })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const table = (explanation: Explanation): string => table_.render(explanation)

/**
 * What the server does where a policy is at its worst. `"failing"`: every request fails within a millisecond, with 503.
 * `"refused"`: so does every connection. `"hanging"`: it never answers. `"asking"`: it answers a
 * millisecond before the attempt would time out, with 429 and the longest `Retry-After` (found by bisection) that is followed by another attempt.
 *
 * @since 0.1.0
 * @category models
 */
export type Scenario = "failing" | "refused" | "hanging" | "asking"

/**
 * The worst that a policy does to its caller and to the server; what has no bound is infinite.
 *
 * @since 0.1.0
 * @category models
 */
export interface WorstCase {
  /** The most requests of one call, hedges included. */
  readonly attempts: number
  readonly attemptsIn: Scenario
  /** The longest time of one call. */
  readonly longestMillis: number
  readonly longestIn: Scenario
  /** Requests per call in a lasting outage, as retries, hedges and the budget make them: while no guard rejects any. */
  readonly amplification: number
  /** The same with all guards: what a breaker or a limiter keeps from the server is not sent. */
  readonly guardedAmplification: number
  /** How many calls were made to find the last two, and how far apart. */
  readonly calls: number
  readonly everyMillis: number
}

/**
 * @since 0.1.0
 * @category options
 */
export interface WorstCaseOptions {
  /** What is sent. Defaults to `GET http://example.com/`. */
  readonly request?: HttpClientRequest.HttpClientRequest | undefined
  /** How many calls the outage lasts for. Defaults to 1,000. */
  readonly calls?: number | undefined
  /** How far apart these are. A budget with a floor allows more where there are few calls. Defaults to `10 millis`. */
  readonly every?: Duration.DurationInput | undefined
}

/**
 * Finds the worst that a policy does, by running it as `explain` does.
 *
 * `attempts` and the longest time: one call in each `Scenario`, every random draw at its maximum, with no budget (one that
 * other calls have not spent does not stop it) and both with and without the breaker. A call of 1,000 requests counts as
 * one without an end, which lasts until the `deadline`, if there is one. What other calls do to it, by a gate that they
 * close or a queue that they fill, is not in it.
 *
 * `amplification`: where there is no budget it is `attempts`; with one, so many `calls` are made, one `every` 10 ms, all of
 * whose requests fail with 503, and the requests are counted until all have ended (or, where they have no end, until the
 * last one began). Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import * as HttpExplain from "@reprise/http/HttpExplain"
 * import { Effect } from "effect"
 *
 * const program = HttpExplain.worstCase({ attemptTimeout: "10 seconds" })
 *
 * Effect.runPromise(program).then(({ attempts, longestIn, longestMillis }) => {
 *   console.log(attempts) // => 3
 *   // Each attempt takes its 10 s, and each wait the longest `Retry-After` that is obeyed.
 *   console.log(longestMillis, longestIn) // => 293997 asking
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const worstCase = (policy: Policy, options: WorstCaseOptions = {}): Effect.Effect<WorstCase> =>
  worst.find({
    make: making(policy),
    request: options.request ?? defaultRequest,
    calls: InvalidOption.integer("calls", options.calls ?? 1_000, { min: 1 }),
    everyMillis: InvalidOption.millis("every", options.every ?? "10 millis", { min: 0 })
  })

/**
 * The worst case as a table for a terminal, and a line that sums it up.
 *
 * @example
 * ```ts
 * import * as HttpExplain from "@reprise/http/HttpExplain"
 * import { Effect } from "effect"
 * import * as Schedule from "effect/Schedule"
 *
 * const program = HttpExplain.worstCase({ retry: Schedule.spaced("1 second"), deadline: "1 minute" })
 *
 * Effect.runPromise(program).then((worst) => {
 *   const lines = HttpExplain.worstCaseTable(worst).split("\n")
 *   console.log(lines.at(-1)) // => result: requests per call 60, longest call 1m, load in an outage 60
 * })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const worstCaseTable = (worstCase: WorstCase): string => table_.renderWorstCase(worstCase)
