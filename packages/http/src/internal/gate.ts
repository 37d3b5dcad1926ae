import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as InvalidOption from "reprise/InvalidOption"
import type { GateClosed, HttpGuard } from "../HttpGuard.js"
import * as RetryAfter from "../RetryAfter.js"
import type * as attempts from "./attempts.js"
import type { Guard } from "./guard.js"
import * as guard from "./guard.js"
import type { Attempt } from "./reader.js"

/** Until when one key is asked to keep away. A gate that was never closed is open. */
class Gate {
  untilMillis = -Infinity
  /** How long it was closed for: a clock that steps back makes it no longer. */
  pauseMillis = 0
  paused = 0

  constructor(readonly key: string) {}

  close(now: number, millis: number): void {
    if (millis <= this.leftMillis(now)) return
    this.untilMillis = now + millis
    this.pauseMillis = millis
  }

  leftMillis(now: number): number {
    return Math.max(Math.min(this.untilMillis - now, this.pauseMillis), 0)
  }
}

interface Settings {
  readonly isPausing: boolean
  readonly maxMillis: number
  readonly maxPaused: number
  readonly jitter: number
  readonly reject: (
    key: string,
    retryAfter: Duration.Duration,
    reason: GateClosed["reason"]
  ) => GateClosed
}

type Result<R> = Attempt<attempts.FailedAttempt, R>

/** @internal */
export const make = (options: HttpGuard.RetryAfterGateOptions, reject: Settings["reject"]): Guard => {
  const { capacity, idleTimeToLive, key } = options
  const get = guard.perKey(
    { capacity, idleTimeToLive, key },
    (key) => Effect.sync(() => new Gate(key)),
    ({ paused }) => paused === 0
  )
  const settings: Settings = {
    isPausing: options.onClosed !== "fail",
    maxMillis: InvalidOption.millis("max", options.max ?? "1 minute", { moreThan: 0 }),
    maxPaused: InvalidOption.integer("maxPaused", options.maxPaused ?? 1_000, { min: 0 }),
    jitter: InvalidOption.number("jitter", options.jitter ?? 0.1, { min: 0, max: 1 }),
    reject
  }
  return (request, attempt, deadlineMillis) =>
    Effect.flatMap(get(request), (gate) => pass(settings, gate, request, attempt, deadlineMillis))
}

const pass = <R>(
  settings: Settings,
  gate: Gate,
  request: HttpClientRequest.HttpClientRequest,
  attempt: Result<R>,
  deadlineMillis: number
): Result<R> => {
  // Most gates have never been closed.
  if (gate.untilMillis === -Infinity) return watched(settings, gate, attempt)
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const left = gate.leftMillis(now)
    if (left === 0) return watched(settings, gate, attempt)
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
          Effect.suspend(() => pass(settings, gate, request, attempt, deadlineMillis))
        )
    })
  })
}

/** The place is taken and given back whatever happens to the sleep. */
const pause = (gate: Gate, millis: number): Effect.Effect<void> =>
  Effect.acquireUseRelease(
    Effect.sync(() => gate.paused++),
    () => Effect.sleep(Duration.millis(millis)),
    () => Effect.sync(() => gate.paused--)
  )

const watched = <R>(settings: Settings, gate: Gate, attempt: Result<R>): Result<R> =>
  Effect.matchEffect(attempt, {
    onSuccess: (response) => saysNothing(response) ? Exit.succeed(response) : learn(settings, gate, response),
    onFailure: (failed) => {
      const retryAfter = Option.flatMap(failed.failure, (failure) =>
        failure._tag === "RateLimited" || (failure._tag === "ServerError" && failure.status === 503)
          ? failure.retryAfter
          : Option.none())
      return Option.isNone(retryAfter)
        ? Effect.fail(failed)
        : Effect.zipRight(close(settings, gate, Duration.toMillis(retryAfter.value)), Effect.fail(failed))
    }
  })

/** Without a look at the grammar: only few servers tell what is left of a quota. */
const saysNothing = ({ headers }: HttpClientResponse.HttpClientResponse): boolean => {
  for (const name in headers) if (/^(x-)?rate-?limit/.test(name)) return false
  return true
}

/** A success that has used up the quota. */
const learn = (settings: Settings, gate: Gate, response: HttpClientResponse.HttpClientResponse) =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMillis) => {
    const reset = RetryAfter.untilReplenished(response.headers, { nowMillis })
    return Option.isNone(reset)
      ? Effect.succeed(response)
      : Effect.as(close(settings, gate, Duration.toMillis(reset.value)), response)
  })

const close = ({ maxMillis }: Settings, gate: Gate, millis: number): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) => gate.close(now, Math.min(millis, maxMillis)))
