import * as Effect from "effect/Effect"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import type { Attempt } from "../attempt/reader.js"
import type { Asking, Guard } from "./guard.js"

/**
 * Each attempt passes the policies on its own, because it is hedged or the only stage.
 *
 * @internal
 */
export const asked = ({ call, policies, review }: Asking): Guard => (request, attempt, running) =>
  Effect.catchAll(
    running.protect(attempt, policies(request), call?.(request)),
    (error): Attempt<FailedAttempt, never> => Effect.flatMap(review(request, error), Effect.fail)
  )
