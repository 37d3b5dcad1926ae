import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")

/** Collects the garbage now. */
export const collect = runInNewContext("gc") as () => void

/** The same in a job of its own: a target of a WeakRef lives until the end of the job in which that was made. */
export const collected = Effect.async<void>((resume) => {
  setImmediate(() => {
    collect()
    resume(Effect.void)
  })
})
