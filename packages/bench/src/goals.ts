import * as breakerGoals from "./breakerGoals.js"
import { atLeast, atMost, atMostOne, type Goal, inF, micros, percent, times } from "./goal.js"
import * as overloadGoals from "./overloadGoals.js"
import * as results from "./results.js"

const full = "+ layer({ attemptTimeout, deadline })"
const base = "Effect client"

const timeLimits =
  "About a microsecond is the timer and its region. Another one is the deadline, whose reference copies all references of the " +
  "fiber. With 50 requests in flight, most of the time is garbage collection. `Effect.timeout` pays for two fibers, " +
  "and adds several times what retry, attempt timeout and deadline add together"

const noisy =
  "It allocates about 6 kB more per request, and processes disagree by more than the goal allows for: see the range"

/** The growth that counts as "back at its level before": code and type feedback settle within it. */
const heapSlack = 1_048_576

export const of = (all: results.Results): ReadonlyArray<Goal> => [
  ...policies(all),
  ...overHttp(all),
  afterwards(all.heap),
  ...breakerGoals.of(all.breakers),
  ...overloadGoals.of(all),
  sharing(all.sharing)
]

const policies = ({ micro }: results.Results): ReadonlyArray<Goal> => {
  const ratio = (name: string, of: string) => results.ratio(micro, name, of)
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
    )
  ]
}

const sharing = ({ rates }: results.Sharing): Goal =>
  atMostOne(
    "commands to Redis per second, process and shared thing, at any rate of calls",
    30,
    // A breaker and a budget.
    Math.max(...rates.map(({ commandsPerSecond }) => commandsPerSecond)) / 2,
    (perSecond) => perSecond.toFixed(1)
  )

const overHttp = ({ http }: results.Results): ReadonlyArray<Goal> => {
  const transient = results.addedCpu(http, "+ retryTransient", base)
  return [
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
    }
  ]
}

const afterwards = (heap: results.Heap): Goal => ({
  what: `heap after ${heap.calls.toLocaleString("en")} retried calls`,
  wanted: "back at its level before (within 1 MiB)",
  measured: `${(Math.abs(heap.after - heap.before) / 1024).toFixed(0)} KiB ${
    heap.after > heap.before ? "more" : "less"
  } than before`,
  met: heap.after - heap.before <= heapSlack && heap.succeeded === heap.calls && heap.timers === 0
})
