import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as Tripping from "reprise/Tripping"
import type { Case } from "../harness.js"
import { awaitBase, awaited, awaitedAndCaught, inFiber, inFiberBases, nothing } from "./loops.js"
import * as naiveBreaker from "./naiveBreaker.js"
import * as peers from "./peerBreakers.js"

/** Nothing here trips by itself: the calls succeed. */
export const rules = {
  consecutive: Tripping.consecutive(5),
  "rate over time": Tripping.rate({ threshold: 0.5, window: { duration: "10 seconds", buckets: 10 } }),
  "rate over calls": Tripping.rate({ threshold: 0.5, window: { calls: 100 } }),
  slowRate: Tripping.slowRate({
    threshold: 0.5,
    slowerThan: "1 hour",
    window: { duration: "10 seconds", buckets: 10 }
  })
}

const make = (trip: Tripping.Tripping) => Effect.runSync(CircuitBreaker.make({ trip }))

const ours = Object.entries(rules).map(([name, trip]): Case => ({
  name: `CircuitBreaker.protect, ${name}`,
  base: "loop",
  run: inFiber(CircuitBreaker.protect(nothing, make(trip)))
}))

const store = Effect.runSync(
  Effect.provide(CircuitBreakerStore.CircuitBreakerStore, CircuitBreakerStore.layerMemory())
)

/** It shares for as long as the process runs. */
const makeShared = (key: string, trip: Tripping.Tripping) =>
  SharedCircuitBreaker.make({ key, trip }).pipe(
    Scope.extend(Effect.runSync(Scope.make())),
    Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, store),
    Effect.runSync
  )

/** What it exchanges in the background is no cost of the other cases. */
const lazily = (make: () => Case["run"]): Case["run"] => {
  let run: Case["run"] | undefined
  return (times) => (run ??= make())(times)
}

const shared = Object.entries(rules).map(([name, trip]): Case => ({
  name: `SharedCircuitBreaker, ${name}`,
  base: "loop",
  run: lazily(() => inFiber(CircuitBreaker.protect(nothing, makeShared(name, trip))))
}))

const withCallsInFlight = (calls: number): CircuitBreaker.CircuitBreaker => {
  const breaker = make(rules.slowRate)
  for (let i = 0; i < calls; i++) Effect.runSync(CircuitBreaker.admit(breaker))
  return breaker
}

const registry = Effect.runSync(CircuitBreakers.make<string>({ breaker: { trip: rules.consecutive } }))

const openBreaker = make(rules.consecutive)
Effect.runSync(CircuitBreaker.trip(openBreaker, { openFor: "1 hour" }))
const openCall = CircuitBreaker.protect(nothing, openBreaker)

const naive = Effect.runSync(naiveBreaker.make(5, 3_600_000))(nothing)
const naiveOpen = Effect.runSync(Effect.gen(function*() {
  const protect = yield* naiveBreaker.make(1, 3_600_000)
  yield* Effect.ignore(protect(Effect.fail("down")))
  return protect(nothing)
}))

const caught = (effect: Effect.Effect<unknown, unknown>) => inFiber(Effect.catchAllCause(effect, () => nothing))

const rejecting = async (): Promise<never> => {
  throw peers.failure
}

export const cases: ReadonlyArray<Case> = [
  ...inFiberBases,
  ...ours,
  ...shared,
  {
    name: "CircuitBreaker.protect, slowRate, 10,000 in flight",
    base: "loop",
    run: inFiber(CircuitBreaker.protect(nothing, withCallsInFlight(10_000)))
  },
  {
    name: "CircuitBreakers.protect, consecutive",
    base: "loop",
    run: inFiber(CircuitBreakers.protect(nothing, registry, "a"))
  },
  { name: "naive breaker", base: "loop", run: inFiber(naive) },
  { name: "caught", base: "caught", run: caught(Exit.fail(peers.failure)) },
  { name: "CircuitBreaker.protect, open", base: "caught", run: caught(openCall) },
  { name: "naive breaker, open", base: "caught", run: caught(naiveOpen) },
  awaitBase,
  { name: "cockatiel consecutive", base: "await", run: awaited(peers.cockatielConsecutive) },
  { name: "cockatiel sampling", base: "await", run: awaited(peers.cockatielSampling) },
  { name: "opossum, no timeout", base: "await", run: peers.opossum({ timeout: false }, awaited) },
  { name: "opossum", base: "await", run: peers.opossum({}, awaited) },
  { name: "await, caught", base: "await, caught", run: awaitedAndCaught(rejecting) },
  { name: "cockatiel, open", base: "await, caught", run: awaitedAndCaught(peers.cockatielOpen) },
  { name: "opossum, open", base: "await, caught", run: peers.openOpossum(awaitedAndCaught) }
]

const errorOf = (call: Effect.Effect<unknown, unknown>): unknown =>
  Exit.match(Effect.runSyncExit(Effect.flip(call)), { onSuccess: (error) => error, onFailure: () => undefined })

/** What is measured as open has to be open for the right reason, and the others closed. */
export const selfCheck = async (): Promise<void> => {
  const error = errorOf(openCall)
  if (!(error instanceof CircuitBreaker.CircuitOpen)) throw new Error("the breaker is not open")
  if (Object.hasOwn(error, "stack")) throw new Error("the rejection has a stack")
  if (!(errorOf(naiveOpen) instanceof naiveBreaker.NaiveOpen)) throw new Error("the naive breaker is not open")
  for (const trip of [Tripping.consecutive(1), Tripping.rate({ threshold: 1, window: { calls: 1 } })]) {
    const breaker = make(trip)
    Effect.runSync(Effect.ignore(CircuitBreaker.protect(Effect.fail("down"), breaker)))
    if (Effect.runSync(CircuitBreaker.state(breaker)) !== "Open") throw new Error("the breaker does not trip")
  }
  await peers.selfCheck()
}
