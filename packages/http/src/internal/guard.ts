import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Deadline from "reprise/Deadline"
import * as Keyed from "reprise/Keyed"
import type { Reason } from "reprise/Retry"
import type { HttpGuard } from "../HttpGuard.js"
import type { HttpRetry } from "../HttpRetry.js"
import * as attempts from "./attempts.js"
import * as failureMessage from "./failureMessage.js"
import type { Attempt } from "./reader.js"
import * as rejections from "./rejections.js"
import { owned, type Responses } from "./responses.js"
import * as stage from "./stage.js"
import * as timeLimits from "./timeLimits.js"

// Not marked internal: the declarations of HttpGuard refer to it.
export const TypeId: unique symbol = Symbol.for("@reprise/http/HttpGuard")

/**
 * What an attempt has to pass. The retry loop itself does not hold the code of any.
 *
 * @internal
 */
export interface Guard {
  <R>(
    request: HttpClientRequest.HttpClientRequest,
    attempt: Attempt<attempts.FailedAttempt, R>,
    deadlineMillis: number
  ): Attempt<attempts.FailedAttempt, R>
  /** Whether a call may wait in it for its turn. */
  readonly isQueue?: boolean
  /** What is asked in its place before a queue, so that nobody waits for what it would turn away afterwards. */
  readonly ahead?: Guard
  /** What is asked once more after a queue, and turns back what it would not let pass now. */
  readonly after?: Guard
  /** The guard around others. */
  readonly over?: (inner: Guard) => Guard
}

/**
 * What a guard has to know of the pipeline that it is in.
 *
 * @internal
 */
export interface Facts {
  readonly idempotencyHeader?: string | undefined
  readonly budget?: HttpRetry.Budget | undefined
  readonly nested?: "suppress" | "allow" | undefined
}

let latest = { url: "", origin: "" }

/**
 * The guards of one client ask one after the other for the same request: its URL is parsed once for all of them.
 *
 * @internal
 */
export const origin = (request: HttpClientRequest.HttpClientRequest): string => {
  if (request.url !== latest.url) latest = { url: request.url, origin: failureMessage.origin(request) }
  return latest.origin
}

/**
 * Goes on with what belongs to the key of a request.
 *
 * @internal
 */
export interface PerKey<A> {
  <B, E, R>(
    request: HttpClientRequest.HttpClientRequest,
    f: (value: A) => Effect.Effect<B, E, R>
  ): Effect.Effect<B, E, R>
}

/**
 * Nothing of it requires anything, and all of it is made in one step.
 *
 * @internal
 */
export const perKey = <A>(
  { key = origin, ...bounds }: HttpGuard.Keys,
  make: (key: string) => Effect.Effect<A>,
  name: string
): PerKey<A> => {
  // An option out of range fails here, and not with the first request.
  make("")
  const all = Effect.runSync(Keyed.make({ make, name, ...bounds }))
  return (request, f) => Keyed.use(all, key(request), f)
}

/**
 * States for one client, in one pipeline after the other.
 *
 * @internal
 */
export interface Build {
  (): (facts: Facts) => Guard
}

/** Every guard is made by `makeFor`. */
interface Made<E> extends HttpGuard<E> {
  readonly build: Build
  readonly options: object
}

/**
 * Builds it once, for the sake of its errors: an option out of range fails here, not where the client is made.
 *
 * @internal
 */
export const makeFor = <E>(options: object, build: Build): HttpGuard<E> => {
  build()
  const made: Made<E> = { [TypeId]: { _E: (_: never) => _ }, build, options }
  return made
}

/**
 * The same, for one that need not know anything of its pipeline.
 *
 * @internal
 */
export const make = <E>(options: object, build: () => Guard): HttpGuard<E> =>
  makeFor(options, () => {
    const guard = build()
    return () => guard
  })

/** @internal */
export const build = (guard: HttpGuard<unknown>): (facts: Facts) => Guard => (guard as Made<unknown>).build()

/**
 * What it was made of.
 *
 * @internal
 */
export const optionsOf = (guard: HttpGuard<unknown>): object => (guard as Made<unknown>).options

/**
 * An attempt that was not made.
 *
 * @internal
 */
export const reject = (
  request: HttpClientRequest.HttpClientRequest,
  error: unknown,
  reason: Reason
): Effect.Effect<never, attempts.FailedAttempt> => {
  rejections.add(error)
  return Effect.fail(
    new attempts.FailedAttempt(request, Option.none(), { _tag: "Cause", cause: Cause.fail(error) }, reason)
  )
}

/**
 * One guard as a stage of its own.
 *
 * @internal
 */
export const asStage = <E, R, E1>(
  client: HttpClient.HttpClient.With<E, R>,
  guard: HttpGuard<E1>
): HttpClient.HttpClient.With<E | E1, R> => {
  const guarded = build(guard)({})
  return stage.make((request) =>
    Effect.flatMap(Deadline.current, (deadlineMillis) => {
      const call = (responses: Responses) =>
        guarded(
          request,
          attempts.run(client, request, {}, timeLimits.none, Infinity, responses),
          deadlineMillis
        )
      return owned(call, handOver<E | E1>)
    })
  )
}

const handOver = <E>(
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, attempts.FailedAttempt>,
  responses: Responses
): Effect.Effect<HttpClientResponse.HttpClientResponse, E> => {
  if (Exit.isSuccess(exit)) {
    responses.handOver(exit.value)
    return Exit.succeed(exit.value)
  }
  const failed = Cause.failureOption(exit.cause)
  // A defect or an interruption: there is no error in it.
  if (Option.isNone(failed)) return Exit.failCause(exit.cause as Cause.Cause<never>)
  const { origin, response } = failed.value
  if (response !== undefined) responses.handOver(response)
  return origin._tag === "Response"
    ? Exit.succeed(origin.response)
    // What the client below failed with, or the rejection.
    : Exit.failCause(origin.cause as Cause.Cause<E>)
}
