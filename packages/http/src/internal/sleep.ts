import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { maxDelayMillis } from "reprise/InvalidOption"

/**
 * Sleeps for any time. `Effect.sleep` never wakes if the time is longer than a timer can hold.
 *
 * @internal
 */
export const sleep = (millis: number): Effect.Effect<void> =>
  millis <= maxDelayMillis
    ? Effect.sleep(Duration.millis(millis))
    : Effect.zipRight(
      Effect.sleep(Duration.millis(maxDelayMillis)),
      Effect.suspend(() => sleep(millis - maxDelayMillis))
    )
