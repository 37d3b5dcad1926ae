import type * as Headers from "@effect/platform/Headers"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpFailure } from "@reprise/http/HttpFailure"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

/**
 * One line of the ledger of a durable call: an attempt, its result, and the decision after it. A rejection of a policy
 * (an open circuit) has a line too.
 *
 * @since 3.1.0
 * @category models
 */
export type Attempt = typeof Attempt.Type

/**
 * The schema of a line of the ledger.
 *
 * @since 3.1.0
 * @category schemas
 */
export const Attempt = Schema.Struct({
  /**
   * The attempts so far: 1 for the first one. The line of a rejection repeats the number of the attempt before it, or has
   * 0.
   */
  number: Schema.Number,
  /** Epoch milliseconds. */
  startMillis: Schema.Number,
  durationMillis: Schema.Number,
  /** Nothing if the attempt succeeded. */
  failure: Schema.optional(Schema.Struct({
    tag: Schema.String,
    /** Missing for `DurableRetry`, whose errors have their own schema. */
    message: Schema.optional(Schema.String),
    status: Schema.optional(Schema.Number)
  })),
  /** The wait that followed. Nothing after the last attempt. */
  delayMillis: Schema.optional(Schema.Number),
  /** A `Retry.Reason`, or `"held"` for the rejection of a policy. */
  reason: Schema.String
}).annotations({ identifier: "Attempt" })

/**
 * The attempts of a durable call, in order: the first 8 and the last 24 of them, as in `Retry.Ledger`.
 *
 * @since 3.1.0
 * @category schemas
 */
export const Ledger = Schema.Array(Attempt)

/**
 * @since 3.1.0
 * @category models
 */
export type Ledger = typeof Ledger.Type

/**
 * The deadline has passed, during an attempt or before it could start.
 *
 * @since 3.1.0
 * @category errors
 */
export class DeadlinePassed extends Schema.TaggedError<DeadlinePassed>("@reprise/durable/DeadlinePassed")(
  "DeadlinePassed",
  {
    name: Schema.String,
    /** Epoch milliseconds. */
    deadlineMillis: Schema.Number,
    attempts: Ledger
  }
) {
  /**
   * @since 3.1.0
   */
  override get message(): string {
    return `The deadline of "${this.name}" has passed after ${this.attempts.at(-1)?.number ?? 0} attempts`
  }
}

/**
 * The options of every durable loop.
 *
 * @since 3.1.0
 * @category options
 */
export interface LoopOptions {
  /**
   * The end of the whole call, with its attempts and waits, across all processes: a duration from its first start, or a
   * date. The engine records the end once, and the wall clock decides. Defaults to no deadline.
   */
  readonly deadline?: Duration.DurationInput | DateTime.DateTime | undefined
  /**
   * The longest wait in the memory of a process. A longer wait suspends the workflow, so a waiting call costs no memory,
   * and the engine wakes it. A shorter wait needs no write, and a restart waits only for the rest of it. Defaults to 60
   * seconds, as in `DurableClock.sleep`.
   */
  readonly inMemoryThreshold?: Duration.DurationInput | undefined
}

const tags = [
  "RateLimited",
  "ServerError",
  "ClientError",
  "UnexpectedResponse",
  "ConnectFailure",
  "HostNotFound",
  "TlsFailure",
  "ConnectionLost",
  "AttemptTimeout",
  "BodyFailure",
  "DecodeFailure",
  "ProtocolFailure",
  "InvalidRequest",
  "UnknownNetwork"
] as const satisfies ReadonlyArray<HttpFailure["_tag"]>

/**
 * The facts of a failure that its record holds: no header values, no query, no error of the transport.
 *
 * @since 3.1.0
 * @category schemas
 */
export const Failure = Schema.Struct({
  /** The `_tag` of the `HttpFailure`. */
  tag: Schema.Literal(...tags),
  message: Schema.String,
  method: Schema.String,
  /** Without query, fragment and credentials. */
  url: Schema.String,
  retryable: Schema.Boolean,
  sent: Schema.Literal("no", "maybe", "refused"),
  retryAfterMillis: Schema.optional(Schema.Number),
  status: Schema.optional(Schema.Number),
  /** The code of the transport's error, such as `ECONNREFUSED`, or `BodyTooLong`. */
  code: Schema.optional(Schema.String)
}).annotations({ identifier: "Failure" })

/**
 * @since 3.1.0
 * @category models
 */
export type Failure = typeof Failure.Type

/**
 * The end of a durable call without a response of status 2xx. It can be persisted, so it is an `error` of workflows.
 *
 * @since 3.1.0
 * @category errors
 */
export class CallFailed extends Schema.TaggedError<CallFailed>("@reprise/durable/CallFailed")("CallFailed", {
  /** The name of the call. */
  name: Schema.String,
  /** The reason for no further attempt: a `Retry.Reason` such as `"attempts"`, `"notRetryable"` or `"deadline"`. */
  reason: Schema.String,
  /**
   * Whether the server may have done the work: `"maybe"` if any attempt may have been processed. An attempt of a process
   * that died before the record of it was written is not known.
   */
  sent: Schema.Literal("no", "maybe"),
  /** The last failure. Missing if no attempt failed before the deadline. */
  failure: Schema.optional(Failure),
  /** The first 4096 characters of the body of the last failed response, without values of the request's headers. */
  body: Schema.optional(Schema.String),
  /** The idempotency key of all attempts. */
  key: Schema.optional(Schema.String),
  attempts: Ledger
}) {
  /**
   * @since 3.1.0
   */
  override get message(): string {
    const count = this.attempts.at(-1)?.number ?? 0
    const tried = `${count} attempt${count === 1 ? "" : "s"}`
    const why = this.failure === undefined ? "" : `. ${this.failure.message}`
    return `The call "${this.name}" failed after ${tried} (${this.reason})${why}`
  }
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Options<A, I = unknown, R1 = never, R2 = never, R3 = never> extends LoopOptions {
  /** Names the call within its workflow. The key and the records of the call have this name, so do not change it. */
  readonly name: string
  /**
   * The request. It is made again after a restart, so make it from the payload of the workflow. Its body must be one
   * that can be sent again. The engine does not persist it.
   */
  readonly request: HttpClientRequest.HttpClientRequest
  /**
   * The schema of the body. The body is JSON, and an empty body is `undefined`. The engine persists the decoded value in
   * its encoded form. Defaults to the body as text.
   */
  readonly read?: Schema.Schema<A, I, R1> | undefined
  /**
   * The delays between attempts, and their number. Defaults to 16 attempts with full jitter over 1 second, 2 seconds and
   * so on, up to 10 minutes. By default it waits for a `Retry-After` of up to 1 day.
   */
  readonly retry?: Schedule.Schedule<unknown, HttpFailure, R2> | undefined
  /** Whether another attempt can succeed. Defaults to the `retryable` of the failure. */
  readonly while?: ((failure: HttpFailure) => boolean) | undefined
  /**
   * Headers that each attempt gets anew, such as `Authorization`. They are never persisted. They replace headers of the
   * request with the same name.
   */
  readonly headers?: Effect.Effect<Headers.Input, never, R3> | undefined
  /**
   * Adds an idempotency key to a request that is not idempotent, derived from the execution id of the workflow and the
   * name of the call. A key that the request has stays. `header` defaults to `Idempotency-Key`. With `false` the request
   * must be idempotent.
   */
  readonly idempotencyKey?: false | { readonly header?: string | undefined } | undefined
  /**
   * The longest time of one attempt, with its body. `headers` has the same limit of its own, and the body of a failed
   * response has 5 seconds. Defaults to 30 seconds.
   */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /**
   * The most characters of the body of a 2xx response. A longer one is not read to its end, and the call fails with
   * `DecodeFailure` and the code `BodyTooLong`. Defaults to 1,048,576.
   */
  readonly maxBodyLength?: number | undefined
  /** Sends the number of the attempt, from 1, in this header, which is not that of the key. Defaults to no header. */
  readonly attemptHeader?: string | undefined
}

/**
 * The result of a durable call: a response with status 2xx.
 *
 * @since 3.1.0
 * @category models
 */
export interface Answer<out A> {
  readonly status: number
  readonly body: A
  /** The idempotency key of all attempts. Missing if the request has none. */
  readonly key?: string | undefined
  /** The ledger of the call. */
  readonly attempts: ReadonlyArray<Attempt>
}
