import * as results from "./results.js"
import type { Spread } from "./stats.js"

export interface Goal {
  readonly what: string
  readonly wanted: string
  readonly measured: string
  readonly met: boolean
  /** Known reasons, told where the goal is missed. */
  readonly cause?: string
}

const full = "+ layer({ attemptTimeout, deadline })"
const base = "Effect client"

const atMost = (what: string, limit: number, spread: Spread, show: (value: number) => string): Goal => ({
  what,
  wanted: `≤ ${show(limit)}`,
  measured: `${show(spread.median)} (${show(spread.min)} to ${show(spread.max)})`,
  met: spread.median <= limit
})

const atLeast = (what: string, limit: number, spread: Spread, show: (value: number) => string): Goal => ({
  ...atMost(what, limit, spread, show),
  wanted: `≥ ${show(limit)}`,
  met: spread.median >= limit
})

const inF = (value: number) => `${value.toFixed(2)} F`
const times = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} x`
const percent = (value: number) => `${(value * 100).toFixed(0)} %`
const micros = (value: number) => `${value.toFixed(0)} µs`

const timeLimits =
  "The attempt with a time limit runs in a fiber of its own and the deadline writes a `FiberRef` twice: about 12 and 6 µs " +
  "per call in a loop, several times that with 50 requests in flight (why so much more was not isolated). " +
  "`Effect.timeout` pays for two fibers and adds more than retry, attempt timeout and deadline together"

const noisy =
  "It allocates about 6 kB more per request, and processes disagree by more than the goal allows for: see the range"

/** The growth that counts as "back where it was": code and type feedback settle within it. */
const heapSlack = 1_048_576

export const of = ({ heap, http, micro }: results.Results): ReadonlyArray<Goal> => {
  const ratio = (name: string, of: string) => results.ratio(micro, name, of)
  const transient = results.addedCpu(http, "+ retryTransient", base)
  return [
    atMost("`Retry.retry` on success, built once", 0.8, ratio("Retry.retry", "Effect.flatMap"), inF),
    atMost(
      "`Retry.retry` on success, built per call",
      0.8,
      ratio("Retry.retry, built per call", "Effect.flatMap"),
      inF
    ),
    atLeast("`Effect.retry(schedule)` over `Retry.retry`", 50, ratio("Effect.retry", "Retry.retry"), times),
    ...["promise", "async"].map((source) =>
      atMost(
        `\`Timeout.timeoutFail\` around ${
          source === "promise" ? "a promise" : "an async effect"
        } over \`Effect.timeout\``,
        0.3,
        ratio(`Timeout.timeoutFail(${source})`, `Effect.timeout(${source})`),
        times
      )
    ),
    {
      ...atMost(
        "client CPU added by retry + attempt timeout + deadline",
        0.15,
        results.addedShare(http, full, base),
        percent
      ),
      cause: timeLimits
    },
    {
      ...atMost(
        "the same, against what `retryTransient` alone adds",
        transient.median,
        results.addedCpu(http, full, base),
        micros
      ),
      cause: timeLimits
    },
    {
      ...atLeast(
        "throughput with retry, no attempt timeout",
        0.95,
        results.relativeThroughput(http, "+ layer({})", base),
        times
      ),
      cause: noisy
    },
    {
      what: `heap after ${heap.calls.toLocaleString("en")} retried calls`,
      wanted: "back where it was (within 1 MiB)",
      measured: `${(Math.abs(heap.after - heap.before) / 1024).toFixed(0)} KiB ${
        heap.after > heap.before ? "more" : "less"
      } than before`,
      met: heap.after - heap.before <= heapSlack && heap.succeeded === heap.calls && heap.timers === 0
    }
  ]
}
