import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as InvalidOption from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"
import type { GateClosed, HttpGuard } from "../HttpGuard.js"
import * as RetryAfter from "../RetryAfter.js"
import * as attempts from "./attempts.js"
import * as clock from "./clock.js"
import * as gates_ from "./gates.js"
import type { Guard } from "./guard.js"
import * as guard from "./guard.js"
import type { Attempt } from "./reader.js"
import { sleep } from "./sleep.js"

interface Settings {
  readonly gates: gates_.Gates
  readonly isPausing: boolean
  readonly maxPaused: number
  readonly jitter: number
  readonly learnsFromSuccess: boolean
  readonly reject: (
    key: string,
    retryAfter: Duration.Duration,
    reason: GateClosed["reason"]
  ) => GateClosed
}

type Result<R> = Attempt<attempts.FailedAttempt, R>

/** All gates are made by `make`, which requires nothing and is synchronous. */
const gatesOf = (options: HttpGuard.RetryAfterGateOptions): gates_.Gates =>
  "gates" in options ? options.gates as gates_.Gates : Effect.runSync(gates_.make(options))

/** @internal */
export const make = (options: HttpGuard.RetryAfterGateOptions, reject: Settings["reject"]): Guard => {
  const { key = guard.origin } = options
  const gates = gatesOf(options)
  const settings: Settings = {
    gates,
    isPausing: options.onClosed !== "fail",
    maxPaused: InvalidOption.integer("maxPaused", options.maxPaused ?? 1_000, { min: 0 }),
    jitter: InvalidOption.number("jitter", options.jitter ?? 0.1, { min: 0, max: 1 }),
    learnsFromSuccess: options.learnFromSuccess === true,
    reject
  }
  const protect: Guard = (request, attempt, deadlineMillis) =>
    Keyed.use(gates.byKey, key(request), (gate) => pass(settings, gate, request, attempt, deadlineMillis))
  const after: Guard = (request, attempt) =>
    Keyed.use(gates.byKey, key(request), (gate) => unlessClosed(gate, request, attempt))
  return Object.assign(protect, { after })
}

/** Most gates have never been closed. */
const unlessClosed = <R>(
  gate: gates_.Gate,
  request: HttpClientRequest.HttpClientRequest,
  attempt: Result<R>
): Result<R> =>
  gate.untilMillis === -Infinity
    ? attempt
    : Effect.flatMap(clock.currentMonotonicMillis, (now) => gate.leftMillis(now) > 0 ? turnBack(request) : attempt)

/** It was not made, and is to be made as if nothing had been: its permits are given back on the way. */
const turnedBack = Cause.fail("turned back")

const turnBack = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<never, attempts.FailedAttempt> =>
  Effect.fail(new attempts.FailedAttempt(request, Option.none(), { _tag: "Cause", cause: turnedBack }, "gateClosed"))

const isTurnedBack = ({ origin }: attempts.FailedAttempt): boolean =>
  origin._tag === "Cause" && origin.cause === turnedBack

const pass = <R>(
  settings: Settings,
  gate: gates_.Gate,
  request: HttpClientRequest.HttpClientRequest,
  attempt: Result<R>,
  deadlineMillis: number
): Result<R> => {
  const again = () => pass(settings, gate, request, attempt, deadlineMillis)
  // Most gates have never been closed.
  if (gate.untilMillis === -Infinity) return watched(settings, gate, attempt, again)
  return Effect.flatMap(clock.currentMonotonicMillis, (now) => {
    const left = gate.leftMillis(now)
    if (left === 0) return watched(settings, gate, attempt, again)
    const rejected = (reason: GateClosed["reason"]) =>
      guard.reject(request, settings.reject(gate.key, Duration.millis(left), reason), "gateClosed")
    if (!settings.isPausing) return rejected("closed")
    if (gate.paused >= settings.maxPaused) return rejected("full")
    return Effect.flatMap(Random.nextRange(0, settings.jitter), (share) => {
      const millis = left + Math.ceil(share * gate.pauseMillis)
      return now + millis >= deadlineMillis
        ? rejected("deadline")
        : Effect.zipRight(
          pause(gate, millis),
          Effect.suspend(again)
        )
    })
  })
}

/** The place is taken and given back whatever happens to the sleep. */
const pause = (gate: gates_.Gate, millis: number): Effect.Effect<void> =>
  Effect.acquireUseRelease(
    Effect.sync(() => gate.paused++),
    () => sleep(millis),
    () => Effect.sync(() => gate.paused--)
  )

const watched = <R>(
  settings: Settings,
  gate: gates_.Gate,
  attempt: Result<R>,
  again: () => Result<R>
): Result<R> =>
  Effect.matchEffect(attempt, {
    onSuccess: (response) =>
      settings.learnsFromSuccess && !saysNothing(response) ? learn(settings, gate, response) : Exit.succeed(response),
    onFailure: (failed) => {
      if (isTurnedBack(failed)) return again()
      const retryAfter = Option.flatMap(failed.failure, (failure) =>
        failure._tag === "RateLimited" || (failure._tag === "ServerError" && failure.status === 503)
          ? failure.retryAfter
          : Option.none())
      return Option.isNone(retryAfter)
        ? Effect.fail(failed)
        : Effect.zipRight(settings.gates.close(gate, Duration.toMillis(retryAfter.value)), Effect.fail(failed))
    }
  })

/** Without a look at the grammar: only few servers tell what is left of a quota. */
const saysNothing = ({ headers }: HttpClientResponse.HttpClientResponse): boolean => {
  for (const name in headers) if (/^(x-)?rate-?limit/.test(name)) return false
  return true
}

/** A success that has used up the quota. */
const learn = ({ gates }: Settings, gate: gates_.Gate, response: HttpClientResponse.HttpClientResponse) =>
  Effect.flatMap(clock.currentWallMillis, (nowMillis) => {
    const reset = RetryAfter.untilReplenished(response.headers, { nowMillis })
    return Option.isNone(reset)
      ? Effect.succeed(response)
      : Effect.as(gates.close(gate, Duration.toMillis(reset.value)), response)
  })
