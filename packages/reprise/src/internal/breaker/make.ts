import * as Effect from "effect/Effect"
import { currentMonotonicMillis, monotonicOf } from "../effect/clock.js"
import { type Breaker, type Era, modify } from "./breaker.js"
import type * as CircuitBreaker from "./model.js"
import { BreakerPolicy } from "./policy.js"
import * as settings from "./settings.js"

/** @internal */
export const make = <R>(
  options: CircuitBreaker.Options<R>,
  isCounted = false
): Effect.Effect<Breaker, never, R> =>
  // The context of this effect provides the requirements of the schedules and the probe.
  Effect.map(build(options as CircuitBreaker.Options<unknown>, isCounted), (make) =>
    make(options.key ?? "")) as Effect.Effect<Breaker, never, R>

/**
 * Checks the options at once, and then makes any number of breakers.
 *
 * @internal
 */
export const build = (
  options: CircuitBreaker.Options<unknown>,
  isCounted: boolean
): Effect.Effect<(key: string) => Breaker, never, unknown> => {
  const own = settings.make(options)
  // A candidate rejects nothing, so no call can wait for it, and the calls are its probes.
  const candidate = options.shadow &&
    settings.make({ ...options.shadow, onFull: "reject", probe: undefined })
  return Effect.flatMap(
    own,
    (own) =>
      Effect.flatMap(
        candidate ?? Effect.succeed(undefined),
        (candidate) =>
          Effect.clockWith((clock) =>
            Effect.succeed((key: string) => {
              const now = monotonicOf(clock)
              return new BreakerPolicy(
                key,
                own,
                now,
                isCounted,
                candidate && new BreakerPolicy(key, candidate, now, false, undefined, true)
              )
            })
          )
      )
  )
}

/**
 * Breakers that no longer have the options of a new one.
 *
 * @internal
 */
export const reconfigured = new WeakSet<Breaker>()

/** @internal */
export const reconfigure = <R>(
  self: Breaker,
  options: CircuitBreaker.Options<R>
): Effect.Effect<void, never, R> =>
  Effect.flatMap(
    // As in `make`.
    settings.make(options as CircuitBreaker.Options<unknown>) as Effect.Effect<
      settings.Settings,
      never,
      R
    >,
    (next) =>
      Effect.flatMap(currentMonotonicMillis, (now) => {
        reconfigured.add(self)
        return Effect.asVoid(modify(self, now, (era) => withSettings(era, next, now)))
      })
  )

const withSettings = (
  { inFlight, opening, settings, state }: Era,
  next: settings.Settings,
  now: number
): Partial<Era> => {
  const changed = {
    settings: next,
    // The state of a schedule has no meaning for another schedule.
    opening: next.openFor === settings.openFor ? opening : { ...opening, stepper: next.first.stepper }
  }
  // The results of probes belong to the old numbers.
  if (state._tag === "HalfOpen") return { ...changed, state: { ...state, successes: 0, failures: 0 } }
  if (state._tag === "Open") return changed
  state.box.window = next.makeWindow(state.box.window, now)
  return { ...changed, inFlight: next.makeInFlight?.(inFlight) }
}
