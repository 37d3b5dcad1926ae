/**
 * Makes an `HttpClient` in memory that answers, and fails, by a script. Use it to test retries and timeouts under
 * `TestClock`.
 *
 * Each request takes the next {@link Step}. The client records the request with its virtual time. The module imports
 * nothing of Node.
 *
 * @since 3.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as InvalidOption from "reprise/InvalidOption"
import * as internal from "./internal/httpFault.js"
import { presets } from "./internal/transportErrors.js"

/**
 * The client's answer to one request.
 *
 * @since 3.1.0
 * @category models
 */
export type Step = Respond | Fail | Hang | Die | Delay

/**
 * A step, or a function that makes one from the request and the number of earlier steps.
 *
 * @since 3.1.0
 * @category models
 */
export type Scripted = Step | ((request: RecordedRequest, index: number) => Step)

/**
 * @since 3.1.0
 * @category models
 */
export interface Respond {
  readonly _tag: "Respond"
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** The number of bytes after which the body ends early, with an error or in silence. */
  readonly cut: { readonly bytes: number; readonly by: "hang" | { readonly cause: unknown } } | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Fail {
  readonly _tag: "Fail"
  readonly cause: unknown
  readonly reason: "Transport" | "Encode" | "InvalidUrl"
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Hang {
  readonly _tag: "Hang"
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Die {
  readonly _tag: "Die"
  readonly defect: unknown
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Delay {
  readonly _tag: "Delay"
  readonly millis: number
  readonly step: Step
}

/**
 * A request as the program sent it. The last four fields change while the exchange continues.
 *
 * @since 3.1.0
 * @category models
 */
export interface RecordedRequest {
  /** Counted from 0. */
  readonly index: number
  /** The time of the request, on the `Clock` of the test. */
  readonly timeMillis: number
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The part of the body that the client has read. It consumes a stream as a real transport does. */
  readonly body: Uint8Array
  /** Whether the client has read the whole body. */
  readonly complete: boolean
  /** Whether the program read the response to its end. */
  readonly answered: boolean
  /** Whether the program interrupted the request, or abandoned the response, before that. */
  readonly aborted: boolean
}

/**
 * A scripted client and its records.
 *
 * @since 3.1.0
 * @category models
 */
export interface HttpFault {
  readonly client: HttpClient.HttpClient
  /** The requests so far, oldest first. */
  readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** Answers the next requests by these steps. The rest of an earlier script is discarded. */
  readonly script: (...steps: ReadonlyArray<Scripted>) => Effect.Effect<void>
  /** Answers every request by this step after the last step of the script. The default is `200` with the body `ok`. */
  readonly always: (step: Scripted) => Effect.Effect<void>
}

/**
 * The service tag of the records and the script behind a client made by {@link layer}.
 *
 * @since 3.1.0
 * @category tags
 */
export const HttpFault: Context.Tag<HttpFault, HttpFault> = Context.GenericTag<HttpFault>("@reprise/testing/HttpFault")

/**
 * The options of {@link respond}: `status` is 200 to 599 (200 by default). The body is empty by default.
 *
 * @since 3.1.0
 * @category models
 */
export interface ResponseOptions {
  readonly status?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | undefined
}

/**
 * A response. Throws `InvalidOption` for a status outside 200 to 599.
 *
 * @since 3.1.0
 * @category constructors
 */
export const respond = (options: ResponseOptions = {}): Respond => ({
  _tag: "Respond",
  status: InvalidOption.integer("status", options.status ?? 200, { min: 200, max: 599 }),
  headers: options.headers ?? {},
  body: typeof options.body === "string" ? new TextEncoder().encode(options.body) : options.body ?? new Uint8Array(),
  cut: undefined
})

/**
 * A response with a JSON body and its `content-type`.
 *
 * @since 3.1.0
 * @category constructors
 */
export const json = (value: unknown, options: Omit<ResponseOptions, "body"> = {}): Respond =>
  respond({
    ...options,
    headers: { "content-type": "application/json", ...options.headers },
    body: JSON.stringify(value)
  })

/**
 * A `RequestError` with the `cause` that Effect's undici transport has for this failure.
 *
 * @since 3.1.0
 * @category constructors
 */
export const fail = (preset: keyof typeof presets): Fail =>
  failWith(presets[InvalidOption.oneOf("preset", preset, Object.keys(presets) as Array<keyof typeof presets>)]())

/**
 * A `RequestError` with a cause of your own; its reason is `"Transport"` by default.
 *
 * @since 3.1.0
 * @category constructors
 */
export const failWith = (cause: unknown, reason: Fail["reason"] = "Transport"): Fail => ({
  _tag: "Fail",
  cause,
  reason
})

/**
 * Never answers: the request ends only by interruption.
 *
 * @since 3.1.0
 * @category constructors
 */
export const hang: Hang = { _tag: "Hang" }

/**
 * A defect in the transport, such as that of node:http for an invalid header value.
 *
 * @since 3.1.0
 * @category constructors
 */
export const die = (defect: unknown): Die => ({ _tag: "Die", defect })

/**
 * A step after a wait on the `Clock`.
 *
 * @since 3.1.0
 * @category combinators
 */
export const delay: {
  (duration: Duration.DurationInput): (step: Step) => Delay
  (step: Step, duration: Duration.DurationInput): Delay
} = dual(2, (step: Step, duration: Duration.DurationInput): Delay => ({
  _tag: "Delay",
  millis: InvalidOption.millis("delay", duration, { min: 0 }),
  step
}))

/**
 * A response with a body that fails. By default it fails after half of its bytes, with undici's "other side closed".
 *
 * Throws `InvalidOption` if `bytes` is more than the body has.
 *
 * @since 3.1.0
 * @category constructors
 */
export const truncatedBody = (
  options: ResponseOptions & { readonly bytes?: number | undefined; readonly cause?: unknown }
): Respond => cut(options, options.bytes, { cause: options.cause ?? presets.connectionClosed() })

/**
 * A response with a body that stalls, by default after half of its bytes.
 *
 * Throws `InvalidOption` if `bytes` is more than the body has.
 *
 * @since 3.1.0
 * @category constructors
 */
export const hangBody = (options: ResponseOptions & { readonly bytes?: number | undefined }): Respond =>
  cut(options, options.bytes, "hang")

const cut = (
  options: ResponseOptions,
  bytes: number | undefined,
  by: "hang" | { readonly cause: unknown }
): Respond => {
  const whole = respond(options)
  const max = whole.body.length
  return { ...whole, cut: { bytes: InvalidOption.integer("bytes", bytes ?? max >> 1, { min: 0, max }), by } }
}

/**
 * Makes a client that answers by these steps, in order, and then with `200` and the body `ok`.
 *
 * @example
 * ```ts
 * import * as HttpFault from "@reprise/testing/HttpFault"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const fault = yield* HttpFault.make(HttpFault.fail("connectionReset"), HttpFault.respond({ body: "hello" }))
 *   const response = yield* Effect.retry(fault.client.get("http://example.test/"), { times: 1 })
 *   return [yield* response.text, (yield* fault.requests).length]
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'hello', 2 ]
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (...steps: ReadonlyArray<Scripted>): Effect.Effect<HttpFault> =>
  Effect.sync(() => internal.make(steps, respond({ body: "ok" })))

/**
 * Makes the client as a layer. The {@link HttpFault} tag has the records.
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = (...steps: ReadonlyArray<Scripted>): Layer.Layer<HttpClient.HttpClient | HttpFault> =>
  Layer.effectContext(
    Effect.map(
      make(...steps),
      (fault) => Context.make(HttpFault, fault).pipe(Context.add(HttpClient.HttpClient, fault.client))
    )
  )
