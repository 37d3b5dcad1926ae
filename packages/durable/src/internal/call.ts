import * as Headers from "@effect/platform/Headers"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as Idempotency from "@reprise/http/Idempotency"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as InvalidOption from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as Timeout from "reprise/Timeout"
import * as attempt from "./attempt.js"
import * as engine from "./engine.js"
import * as failures from "./failures.js"
import * as loop from "./loop.js"
import { type Answer, CallFailed, type Options } from "./model.js"
import * as records from "./records.js"

type Request = HttpClientRequest.HttpClientRequest

type Checked = Pick<
  Options<unknown>,
  "attemptTimeout" | "deadline" | "idempotencyKey" | "inMemoryThreshold" | "attemptHeader" | "maxBodyLength"
>

const limitsOf = ({ attemptTimeout = "30 seconds", maxBodyLength = 2 ** 20 }: Checked) => ({
  timeoutMillis: InvalidOption.millis("attemptTimeout", attemptTimeout, { moreThan: 0 }),
  maxBodyLength: InvalidOption.integer("maxBodyLength", maxBodyLength, { min: 0 })
})

const refuse = (option: string, value: unknown, expected: string): never => {
  throw new InvalidOption.InvalidOption({ option, value, expected })
}

/**
 * Throws `InvalidOption` for options out of range, and for a request that is not safe to repeat.
 *
 * @internal
 */
export const check = (options: Checked, request?: Request): void => {
  limitsOf(options)
  loop.check(options)
  const header = headerOf(options.idempotencyKey)
  Idempotency.withKey(HttpClientRequest.post("/"), "key", { header })
  const { attemptHeader } = options
  const isName = attemptHeader === undefined || /^[\w!#$%&'*+.^`|~-]+$/.test(attemptHeader)
  if (!isName || attemptHeader?.toLowerCase() === header.toLowerCase()) {
    refuse("attemptHeader", attemptHeader, `the name of a header other than ${header}`)
  }
  if (request === undefined) return
  if (!Idempotency.isReplayable(request)) {
    const expected = "a body that can be sent again: text, JSON, bytes or a form (see Idempotency.markReplayable)"
    refuse("request", `a body of the kind ${request.body._tag}`, expected)
  }
  if (options.idempotencyKey === false && !Idempotency.isIdempotent(request)) {
    const expected = `a key, because ${request.method} is not idempotent, and an attempt may be sent twice`
    refuse("idempotencyKey", false, `${expected} (see Idempotency.markIdempotent)`)
  }
}

/** Within 67 minutes, and 34 on average. For longer outages there are other schedules. */
const standard = HttpRetry.exponential({ attempts: 16, base: "1 second", cap: "10 minutes", maxRetryAfter: "1 day" })

/** @internal */
export const execute = <A, I, R1, R2, R3>(
  options: Options<A, I, R1, R2, R3>
): Effect.Effect<Answer<A>, CallFailed, HttpClient.HttpClient | engine.Engine | R1 | R2 | R3> => {
  const { name, request } = options
  check(options, request)
  return Effect.flatMap(engine.key(name), (ownKey) => {
    const { key, keyed } = withKey(request, ownKey, options.idempotencyKey)
    return Effect.flatMap(loop.run(loopOf(options, keyed, key)), ({ answer, errors, lines }) => {
      const attempts = records.ledger(lines)
      if (Option.isSome(answer)) return Effect.succeed({ ...answer.value, key, attempts })
      const { failure: lastFailure, reason } = lines.at(-1)!
      const last = errors.at(-1)
      // An attempt that the deadline has cut short has no failure. Nor has one that a process was to make which died.
      const isMaybe = lastFailure === undefined ||
        errors.some(({ failure }) => failure.sent === "maybe")
      const failure = last && failures.facts(last.failure)
      return new CallFailed({ name, reason, sent: isMaybe ? "maybe" : "no", failure, body: last?.body, key, attempts })
    })
  })
}

const headerOf = (options: Checked["idempotencyKey"]): string => (options || {}).header ?? "Idempotency-Key"

/** A request that is idempotent by itself stays as it is. */
const withKey = (request: Request, ownKey: string, options: Checked["idempotencyKey"]) => {
  const header = headerOf(options)
  const key = request.headers[header.toLowerCase()]
  return key !== undefined || options === false || Idempotency.isIdempotent(request)
    ? { keyed: request, key }
    : { keyed: Idempotency.withKey(request, ownKey, { header }), key: ownKey }
}

const loopOf = <A, I, R1, R2, R3>(options: Options<A, I, R1, R2, R3>, request: Request, key: string | undefined) => {
  const { attemptHeader, headers = Effect.succeed({}), read, while: goesOn } = options
  const schedule = Schedule.mapInput(options.retry ?? standard, ({ failure }: failures.Failed) => failure)
  const limits = limitsOf(options)
  const late = (): failures.Failed => ({ failure: attempt.late(request, "no") })
  // The key comes last: no other header replaces it.
  const complete = (number: number, own: Headers.Input) => ({
    ...Headers.fromInput(own),
    ...attemptHeader !== undefined && { [attemptHeader]: String(number) },
    ...key !== undefined && { [headerOf(options.idempotencyKey)]: key }
  })
  return {
    ...options,
    attempt: (number: number) =>
      Effect.flatMap(
        Timeout.timeoutFail(headers, { duration: limits.timeoutMillis, onTimeout: late }),
        (own) =>
          Retry.withoutNested(attempt.send(HttpClientRequest.setHeaders(request, complete(number, own)), read, limits))
      ),
    // Without a schema the body is text, which the type of the options says.
    success: Schema.Struct({
      status: Schema.Number,
      body: read ?? Schema.String as unknown as Schema.Schema<A, I, R1>
    }),
    error: failures.Recorded,
    schedule: goesOn ? Retry.whileError(({ failure }: failures.Failed) => goesOn(failure))(schedule) : schedule,
    canHelp: goesOn ? undefined : ({ failure }: failures.Failed) => failure.retryable,
    describe: attempt.describe,
    held: attempt.held,
    shorten: ({ failure }: failures.Failed): failures.Failed => ({ failure })
  }
}
