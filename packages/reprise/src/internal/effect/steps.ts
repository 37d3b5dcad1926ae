import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { maxDelayMillis } from "../../InvalidOption.js"
import type { Reason } from "../retry/model.js"

/**
 * The result of a combinator for one step: the new delay, or the reason to stop.
 *
 * @internal
 */
export type Verdict<S> =
  | { readonly _tag: "Wait"; readonly delayMillis: number; readonly state: S; readonly reason?: Reason }
  | { readonly _tag: "Stop"; readonly state: S; readonly reason: Reason }

/** @internal */
export interface Step<In, S> {
  readonly delayMillis: number
  readonly input: In
  readonly now: number
  readonly state: S
}

/**
 * No wait is negative, `NaN`, or longer than a timer can hold.
 *
 * @internal
 */
export const clamp = (delayMillis: number): number => delayMillis > 0 ? Math.min(delayMillis, maxDelayMillis) : 0

/**
 * A schedule at a point of its run. Effect's own drivers sleep, and read the clock by themselves.
 *
 * @internal
 */
export interface Stepper<out Out, in In, out E, out R> {
  readonly step: (nowMillis: number, input: In) => Effect.Effect<Stepped<Out, In, E, R>, E, R>
  /** A step that does not change the run, for `reason.asking`. */
  readonly trial: (nowMillis: number, input: In) => Effect.Effect<unknown, E, R>
}

/** @internal */
export interface Stepped<out Out, in In, out E, out R> {
  /** The schedule after the step. In Effect 4 a step cannot be taken back, so it is the same object as before. */
  readonly next: Stepper<Out, In, E, R>
  readonly output: Out
  /** `undefined` once the schedule has ended. */
  readonly delayMillis: number | undefined
  /** The delay as the schedule says it. Only Effect 4 has it in the metadata of an attempt. */
  readonly duration?: Duration.Duration
}
