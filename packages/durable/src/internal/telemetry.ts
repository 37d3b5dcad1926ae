import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Telemetry from "reprise/Telemetry"
import type { Record } from "./records.js"

/**
 * Tells the listeners of `Telemetry` what was decided after an attempt. A replay of the workflow tells nothing, because
 * this is part of the attempt.
 *
 * @internal
 */
export const tell = (key: string, { _tag, attempt }: Record, firstMillis: number): Effect.Effect<void> =>
  Effect.sync(() => {
    const { delayMillis = 0, durationMillis, failure, number, reason, startMillis } = attempt
    const after = { key, number, reason, errorType: String(failure?.status ?? failure?.tag ?? reason) }
    if (_tag === "Again") {
      return Telemetry.unsafeEmit({ _tag: "RetryScheduled", ...after, delay: Duration.millis(delayMillis) })
    }
    if (_tag === "Ended") Telemetry.unsafeEmit({ _tag: "RetryRefused", ...after })
    const outcome = _tag === "Answered" ? "success" : reason === "interrupted" ? "interrupted" : "failure"
    const duration = Duration.millis(Math.max(0, startMillis + durationMillis - firstMillis))
    Telemetry.unsafeEmit({
      _tag: "CallEnded",
      key,
      attempts: number,
      duration,
      outcome,
      errorType: outcome === "failure" ? after.errorType : undefined
    })
  })
