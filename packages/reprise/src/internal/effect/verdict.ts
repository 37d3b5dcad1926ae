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
