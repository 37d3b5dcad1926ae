import * as Option from "effect/Option"
import type { Reason } from "reprise/Retry"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import * as HttpFailure from "../classify/failure.js"
import * as idempotency from "../request/idempotency.js"
import type * as retryPolicy from "./retryPolicy.js"
import type { Settings } from "./settings.js"

/**
 * Returns why the request must not be sent again with any schedule. The question whether another attempt can succeed
 * comes later.
 *
 * @internal
 */
export const refusal = (
  failed: FailedAttempt,
  goesOn: retryPolicy.Policy<unknown>["goesOn"],
  settings: Settings
): Option.Option<Reason> => {
  if (failed.refusal !== undefined) return Option.some(failed.refusal)
  if (Option.isNone(failed.failure)) return Option.some("notRetryable")
  const { failure: { value: failure }, request } = failed
  if (goesOn?.(failure) === false) return Option.some("notRetryable")
  const verdict = HttpFailure.disposition(failure, {
    retryable: true,
    idempotent: idempotency.isIdempotent(request, settings.idempotencyHeader),
    replayable: idempotency.isReplayable(request),
    retryUnsent: settings.retryUnsent
  })
  if (verdict._tag === "Resend") return Option.none()
  return Option.some(goesOn !== undefined || failure.retryable ? reasons[verdict.reason] : "notRetryable")
}

const reasons = {
  NotRetryable: "notRetryable",
  NotIdempotent: "notIdempotent",
  BodyNotReplayable: "bodyNotReplayable"
} as const
