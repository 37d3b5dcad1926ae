import * as Effect from "effect/Effect"
import { currentMonotonicMillis, wallAheadMillis } from "../effect/clock.js"
import { type Breaker, modify } from "./breaker.js"
import * as codec from "./codec.js"
import * as Machine from "./machine.js"
import * as settings_ from "./settings.js"

/**
 * Restores an exported state with dates. Returns `false`, and changes nothing, if the window is of another kind.
 *
 * @internal
 */
export const into = (self: Breaker, dated: codec.State, isDisabled: boolean): Effect.Effect<boolean> =>
  Effect.flatMap(currentMonotonicMillis, (now) => {
    const { settings } = self.era.current
    const from = codec.shifted(dated, -wallAheadMillis())
    if (from._tag === "Open") {
      return Effect.flatMap(
        settings_.openingAfter(settings, from.trips, from.trip, now),
        (opening) =>
          modify(self, now, ({ state: { generation } }) => ({
            opening,
            isDisabled: false,
            state: { ...from, generation: generation + 1 }
          }))
      )
    }
    const { box } = Machine.closed(0, settings, now)
    if (!codec.fill(box.window, from.window, now)) return Effect.succeed(false)
    return modify(self, now, ({ state: { generation } }) => ({
      isDisabled,
      state: { _tag: "Closed", generation: generation + 1, box, ramp: undefined, last: undefined }
    }))
  })
