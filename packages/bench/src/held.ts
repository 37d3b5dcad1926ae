import * as Fiber from "effect/Fiber"
import { setTimeout } from "node:timers/promises"

/** Bytes on the heap and in buffers after a full collection: here it is the point, no time is measured. */
export const heldBytes = async (): Promise<number> => {
  for (let i = 0; i < 4; i++) {
    await setTimeout(20)
    ;(globalThis as { gc?: () => void }).gc?.()
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Fibers that run or wait: what one forks ends with it, but for these. */
export const liveFibers = (): number => Fiber.unsafeRoots().length

/** From here on timers are watched, also those that keep no process alive; the function says how many are started. */
export const watchTimers = (): () => number => {
  const live = new Set<unknown>()
  const watched = <F extends (...args: ReadonlyArray<never>) => unknown>(start: F, isOnce: boolean): F =>
    new Proxy(start, {
      apply: (target, self, [run, ...rest]: [(...args: ReadonlyArray<unknown>) => void, ...Array<unknown>]) => {
        const timer: unknown = Reflect.apply(target, self, [(...args: ReadonlyArray<unknown>) => {
          if (isOnce) live.delete(timer)
          run(...args)
        }, ...rest])
        live.add(timer)
        return timer
      }
    })
  const forgotten = <F extends (...args: ReadonlyArray<never>) => unknown>(clear: F): F =>
    new Proxy(clear, {
      apply: (target, self, args) => {
        live.delete(args[0])
        return Reflect.apply(target, self, args)
      }
    })
  globalThis.setTimeout = watched(globalThis.setTimeout, true)
  globalThis.setInterval = watched(globalThis.setInterval, false)
  globalThis.clearTimeout = forgotten(globalThis.clearTimeout)
  globalThis.clearInterval = forgotten(globalThis.clearInterval)
  return () => live.size
}
