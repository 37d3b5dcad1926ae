import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"

/**
 * The absolute deadline of the running fiber in epoch milliseconds, `Infinity` where there is none.
 *
 * @internal
 */
export const current: FiberRef.FiberRef<number> = globalValue(
  Symbol.for("reprise/Deadline/current"),
  () => FiberRef.unsafeMake(Infinity)
)
