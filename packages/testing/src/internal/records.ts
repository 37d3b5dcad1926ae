import * as Effect from "effect/Effect"
import type { Exchange } from "./exchange.js"

type Requests = ReadonlyArray<Exchange>

/** @internal */
export interface Records {
  readonly all: () => Requests
  readonly add: (exchange: Exchange) => void
  readonly nextIndex: () => number
  readonly reset: () => void
  /** The number of requests from which the server will read no more. */
  readonly settled: () => number
  /** Must run after every change: it wakes the waiters whose condition is now true. */
  readonly changed: () => void
  readonly awaitUntil: (condition: (requests: Requests) => boolean) => Effect.Effect<Requests>
}

/** @internal */
export const makeRecords = (keep: number): Records => {
  const waiters = new Set<() => void>()
  let list: Array<Exchange> = []
  let total = 0

  const all = () => list.slice()

  return {
    all,
    nextIndex: () => total,
    add: (exchange) => {
      total++
      list.push(exchange)
      if (list.length > keep) list.shift()
    },
    reset: () => {
      list = []
      total = 0
    },
    settled: () => total - list.filter((exchange) => !exchange.settled).length,
    changed: () => {
      for (const wake of waiters) wake()
    },
    awaitUntil: (condition) =>
      Effect.async((resume) => {
        const wake = () => {
          if (!condition(list)) return
          waiters.delete(wake)
          resume(Effect.succeed(all()))
        }
        waiters.add(wake)
        wake()
        return Effect.sync(() => waiters.delete(wake))
      })
  }
}
