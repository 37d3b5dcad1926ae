import { atLeast, atMost, atMostOne, bytes, type Goal, inF, times } from "./goal.js"
import * as results from "./results.js"

const consecutive = "CircuitBreaker.protect, consecutive"
const overTime = "CircuitBreaker.protect, rate over time"
const slowRate = "CircuitBreaker.protect, slowRate"
const open = "CircuitBreaker.protect, open"

/** Noise, and a cache that holds the small window but not the large one, are not a cost that grows. */
const constant = 1.5

const onSuccess = ({ bytes: perCall, micro }: results.Breakers): ReadonlyArray<Goal> => {
  const ratio = (name: string, of: string) => results.ratio(micro, name, of)
  const share = (name: string, of: string) => results.marginalBytes(perCall, name) / results.marginalBytes(perCall, of)
  return [
    atMost("`protect` on success, `consecutive`", 3, ratio(consecutive, "Effect.flatMap"), inF),
    atMost("`protect` on success, `rate` over 10 x 1 s", 3.5, ratio(overTime, "Effect.flatMap"), inF),
    atMostOne("bytes per call, `consecutive`", 900, results.marginalBytes(perCall, consecutive), bytes),
    atMostOne("the same, over cockatiel's", 0.95, share(consecutive, "cockatiel consecutive"), times),
    atMostOne(
      "bytes per call, `rate` over 10 x 1 s, over cockatiel's `SamplingBreaker`",
      0.95,
      share(overTime, "cockatiel sampling"),
      times
    ),
    ...[consecutive, overTime].map((local) => {
      const shared = local.replace("CircuitBreaker.protect", "SharedCircuitBreaker")
      return atMost(
        `a closed breaker that shares its state over one that does not, ${local.split(", ")[1]}`,
        1.5,
        ratio(shared, local),
        times
      )
    }),
    atLeast("a naive breaker over `consecutive`", 12, ratio("naive breaker", consecutive), times),
    atLeast("opossum without its timeout over 10 x 1 s", 1, ratio("opossum, no timeout", overTime), times)
  ]
}

const whileOpen = ({ micro }: results.Breakers): ReadonlyArray<Goal> => [
  atMost("rejection while open, without a stack", 1.2, results.ratio(micro, open, "Effect.flatMap"), inF),
  ...["cockatiel", "opossum"].map((peer) =>
    atLeast(
      `a rejection by ${peer}, awaited and caught, over ours, caught`,
      10,
      results.totalRatio(micro, `${peer}, open`, open),
      times
    )
  )
]

const windows = ({ micro, windows }: results.Breakers): ReadonlyArray<Goal> => [
  ...([
    ["a window of 10,000 calls over one of 100", "10,000 calls", "100 calls"],
    ["100 times the calls in the same 10 x 1 s", "10 x 1 s, 10,000 calls in it", "10 x 1 s, 100 calls in it"],
    ["1,000 spans over 10", "1,000 x 10 ms, 10,000 calls in it", "10 x 1 s, 10,000 calls in it"]
  ] as const).map(([what, name, of]) => atMost(what, constant, results.totalRatio(windows, name, of), times)),
  atMost(
    "`slowRate`, 10,000 in flight over none",
    constant,
    results.ratio(micro, `${slowRate}, 10,000 in flight`, slowRate),
    times
  )
]

const heap = ({ heap }: results.Breakers): ReadonlyArray<Goal> => [
  atMostOne("heap of a closed breaker, unused", 450, heap["CircuitBreaker, unused"]?.bytes ?? NaN, bytes),
  atMostOne("the same, with 10 x 1 s in use", 900, heap["CircuitBreaker, 10 x 1 s, used"]?.bytes ?? NaN, bytes)
]

export const of = (breakers: results.Breakers): ReadonlyArray<Goal> =>
  [onSuccess, whileOpen, windows, heap].flatMap((part) => part(breakers))
