import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import { type Breaker, modify } from "./breaker.js"
import * as codec from "./codec.js"
import * as Machine from "./machine.js"
import * as settings_ from "./settings.js"

/**
 * Puts a breaker into a state; `false`, and no change, where the window is of another kind.
 *
 * @internal
 */
export const into = (self: Breaker, from: codec.State, isDisabled: boolean): Effect.Effect<boolean> =>
  Effect.flatMap(Effect.zip(Ref.get(self.era), Clock.currentTimeMillis), ([{ settings }, now]) => {
    if (from._tag === "Open") {
      return Effect.flatMap(
        replayed(settings, from, now),
        (opening) =>
          modify(self, now, ({ state: { generation } }) => [
            true,
            { opening, isDisabled: false, state: { ...from, generation: generation + 1 } }
          ])
      )
    }
    const { box } = Machine.closed(0, settings, now)
    if (!codec.fill(box.window, from.window)) return Effect.succeed(false)
    return modify(self, now, ({ state: { generation } }) => [
      true,
      { isDisabled, state: { _tag: "Closed", generation: generation + 1, box, ramp: undefined } }
    ])
  })

/** The schedule of open times as far as it had got. */
const replayed = (
  settings: settings_.Settings,
  { trip, trips }: Extract<codec.State, { readonly _tag: "Open" }>,
  now: number
): Effect.Effect<settings_.Opening> => {
  const input = { ...trip, error: Option.none(), retryAfter: Option.none() }
  // Beyond that a schedule has reached its cap.
  return Effect.iterate({ opening: settings_.firstOpening(settings), left: Math.min(trips, 1_000) }, {
    while: ({ left }) => left > 0,
    body: ({ left, opening }) =>
      Effect.map(settings_.nextOpening(settings, opening, now, input), (opening) => ({ opening, left: left - 1 }))
  }).pipe(Effect.map(({ opening }) => opening))
}
