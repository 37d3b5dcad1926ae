import type * as Headers from "@effect/platform/Headers"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpFailure } from "@reprise/http/HttpFailure"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as Idempotency from "@reprise/http/Idempotency"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as InvalidOption from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as attempt from "./attempt.js"
import { CallFailed } from "./callFailed.js"
import * as engine from "./engine.js"
import * as failures from "./failures.js"
import * as loop from "./loop.js"
import type { Attempt, LoopOptions } from "./model.js"
import * as records from "./records.js"

type Request = HttpClientRequest.HttpClientRequest

interface Safety {
  readonly idempotencyKey?: false | { readonly header?: string | undefined } | undefined
}

interface Limits extends Safety, LoopOptions {
  readonly attemptTimeout?: Duration.DurationInput | undefined
}

interface Options<A, I, R1, R2, R3> extends Limits {
  readonly name: string
  readonly request: Request
  readonly read?: Schema.Schema<A, I, R1> | undefined
  readonly retry?: Schedule.Schedule<unknown, HttpFailure, R2> | undefined
  readonly while?: ((failure: HttpFailure) => boolean) | undefined
  readonly headers?: Effect.Effect<Headers.Input, never, R3> | undefined
  readonly attemptHeader?: string | undefined
}

const timeoutMillis = ({ attemptTimeout = "30 seconds" }: Limits): number =>
  InvalidOption.millis("attemptTimeout", attemptTimeout, { moreThan: 0 })

/**
 * Throws `InvalidOption` for options that no request makes safe, and for a request that they do not.
 *
 * @internal
 */
export const check = (options: Limits, request?: Request): void => {
  timeoutMillis(options)
  loop.check(options)
  if (options.idempotencyKey) Idempotency.withKey(HttpClientRequest.post("/"), "key", options.idempotencyKey)
  if (request === undefined) return
  if (!Idempotency.isReplayable(request)) {
    throw new InvalidOption.InvalidOption({
      option: "request",
      value: `a body of the kind ${request.body._tag}`,
      expected:
        "a body that can be sent again after a restart: text, JSON, bytes or a form (see Idempotency.markReplayable)"
    })
  }
  if (options.idempotencyKey === false && !Idempotency.isIdempotent(request)) {
    throw new InvalidOption.InvalidOption({
      option: "idempotencyKey",
      value: false,
      expected:
        `a key, because ${request.method} is not idempotent and an attempt may be sent twice (see Idempotency.markIdempotent)`
    })
  }
}

/** 10 attempts within about an hour. A longer outage is what `deadline` and a schedule of the program are for. */
const standard = HttpRetry.exponential({ attempts: 10, base: "1 second", cap: "10 minutes", maxRetryAfter: "1 day" })

interface Result<A> {
  readonly status: number
  readonly body: A
  readonly key?: string | undefined
  readonly attempts: ReadonlyArray<Attempt>
}

/** @internal */
export const execute = <A, I, R1, R2, R3>(
  options: Options<A, I, R1, R2, R3>
): Effect.Effect<Result<A>, CallFailed, HttpClient.HttpClient | engine.Engine | R1 | R2 | R3> => {
  const { name, request } = options
  check(options, request)
  return Effect.flatMap(engine.key(name), (ownKey) => {
    const keyed = withKey(request, ownKey, options.idempotencyKey)
    return Effect.flatMap(
      loop.run(loopOf(options, keyed.request)),
      (finished): Effect.Effect<Result<A>, CallFailed> => {
        const told = { ...(keyed.key !== undefined && { key: keyed.key }), attempts: records.ledger(finished.records) }
        if (finished._tag === "Answered") return Effect.succeed({ ...finished.value, ...told })
        const { reason } = finished.records.at(-1)!.attempt
        const last = finished.errors.at(-1)
        return Effect.fail(
          new CallFailed({
            name,
            reason,
            sent: mayBeSent(finished) ? "maybe" : "no",
            ...(last !== undefined && { failure: failures.facts(last.failure) }),
            ...(last?.body !== undefined && { body: last.body }),
            ...told
          })
        )
      }
    )
  })
}

/** Whether any attempt may have been processed, with one that the deadline has cut short. */
const mayBeSent = (
  { errors, records }: { errors: ReadonlyArray<failures.Failed>; records: ReadonlyArray<records.Record> }
) => records.at(-1)!.attempt.number > errors.length || errors.some(({ failure }) => failure.sent === "maybe")

/** A request that is idempotent by itself stays as it is. */
const withKey = (request: Request, key: string, options: Safety["idempotencyKey"]) => {
  const header = (options || {}).header ?? "Idempotency-Key"
  const own = request.headers[header.toLowerCase()]
  return own !== undefined || options === false || Idempotency.isIdempotent(request)
    ? { request, key: own }
    : { request: Idempotency.withKey(request, key, { header }), key }
}

const loopOf = <A, I, R1, R2, R3>(options: Options<A, I, R1, R2, R3>, request: Request) => {
  const { attemptHeader, headers, name, read } = options
  const schedule: Schedule.Schedule<unknown, HttpFailure, R2> = options.retry ?? standard
  const ofFailed = Schedule.mapInput(schedule, ({ failure }: failures.Failed) => failure)
  const goesOn = options.while
  // Without a schema the body is text, which the type of the options says.
  const body = read ?? Schema.String as unknown as Schema.Schema<A, I, R1>
  const numbered = (number: number) =>
    attemptHeader === undefined ? request : HttpClientRequest.setHeader(request, attemptHeader, String(number))
  const limit = timeoutMillis(options)
  return {
    name,
    deadline: options.deadline,
    inMemoryThreshold: options.inMemoryThreshold,
    attempt: (number: number): Effect.Effect<attempt.Sent<A>, failures.Failed, HttpClient.HttpClient | R1 | R3> =>
      headers === undefined
        ? attempt.send(numbered(number), read, limit)
        : Effect.flatMap(
          headers,
          (headers) => attempt.send(HttpClientRequest.setHeaders(numbered(number), headers), read, limit)
        ),
    success: Schema.Struct({ status: Schema.Number, body }),
    error: failures.Recorded,
    schedule: goesOn === undefined
      ? ofFailed
      : Retry.whileError(({ failure }: failures.Failed) => goesOn(failure))(ofFailed),
    canHelp: goesOn === undefined ? ({ failure }: failures.Failed) => failure.retryable : undefined,
    describe: attempt.describe,
    held: attempt.held,
    shorten: ({ failure }: failures.Failed): failures.Failed => ({ failure })
  }
}
