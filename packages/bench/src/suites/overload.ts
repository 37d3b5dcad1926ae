import * as cockatiel from "cockatiel"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as EffectRateLimiter from "effect/RateLimiter"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Deadline from "reprise/Deadline"
import * as Hedge from "reprise/Hedge"
import * as RateLimiter from "reprise/RateLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as Timeout from "reprise/Timeout"
import type { Case } from "../harness.js"
import { awaitBase, awaited, inFiber, inFiberBases, madeInFiber, nothing, promise, resolved } from "./loops.js"
import * as naiveBreaker from "./naiveBreaker.js"
import * as peers from "./peerBreakers.js"
import * as schedules from "./schedules.js"
import { trip } from "./stacks.js"

const onNothing = (name: string, effect: Effect.Effect<unknown, unknown>): Case => ({
  name,
  base: "loop",
  run: inFiber(effect)
})

const onPromise = (name: string, effect: Effect.Effect<unknown, unknown>): Case => ({
  name,
  base: "promise",
  run: inFiber(effect)
})

const budgets: ReadonlyArray<Case> = [
  onNothing(
    "RetryBudget.retry, share",
    RetryBudget.retry(nothing, schedules.reprise, Effect.runSync(RetryBudget.share()))
  ),
  onNothing(
    "RetryBudget.retry, tokens",
    RetryBudget.retry(nothing, schedules.reprise, Effect.runSync(RetryBudget.tokens()))
  ),
  onNothing("Effect.retry", Effect.retry(nothing, schedules.effect))
]

const duration = "10 seconds"
const peerTimeout = cockatiel.timeout(10_000, cockatiel.TimeoutStrategy.Aggressive)

const permits = 1_000
const bulkhead = Effect.runSync(Bulkhead.make({ maxConcurrent: permits }))
const semaphore = Effect.unsafeMakeSemaphore(permits)
const peerBulkhead = cockatiel.bulkhead(permits)

const adaptive = <S>(name: string, algorithm: AdaptiveLimiter.Algorithm<S>): Case =>
  onNothing(
    `AdaptiveLimiter.protect, ${name}`,
    AdaptiveLimiter.protect(nothing, Effect.runSync(AdaptiveLimiter.make({ algorithm })))
  )

const concurrency: ReadonlyArray<Case> = [
  onNothing("Bulkhead.protect", Bulkhead.protect(nothing, bulkhead)),
  adaptive("aimd", AdaptiveLimiter.aimd()),
  adaptive("gradient2", AdaptiveLimiter.gradient2()),
  adaptive("vegas", AdaptiveLimiter.vegas()),
  onNothing("semaphore.withPermits", semaphore.withPermits(1)(nothing)),
  onNothing("semaphore.withPermitsIfAvailable", semaphore.withPermitsIfAvailable(1)(nothing))
]

/** No call has to wait. */
const limit = 1e9
const limiter = Effect.runSync(RateLimiter.make({ limit, window: "1 second" }))

const effectLimiter = (algorithm: "token-bucket" | "fixed-window"): Case => ({
  name: `effect/RateLimiter, ${algorithm}`,
  base: "loop",
  run: madeInFiber(
    Effect.map(EffectRateLimiter.make({ limit, interval: "1 second", algorithm }), (limited) => limited(nothing))
  )
})

const rates: ReadonlyArray<Case> = [
  onNothing("RateLimiter.consume", RateLimiter.consume(limiter)),
  onNothing("RateLimiter.protect", RateLimiter.protect(nothing, limiter)),
  effectLimiter("token-bucket"),
  effectLimiter("fixed-window")
]

const fixed = Effect.runSync(Hedge.make({ after: duration }))
/** The shortest delay is longer than a call takes: none is hedged. */
const learned = Effect.runSync(Hedge.make({ after: Hedge.quantile({ quantile: 0.95, min: "1 second" }) }))

const hedges: ReadonlyArray<Case> = [
  onPromise("Hedge.protect(promise), after 10 s", Hedge.protect(promise, fixed)),
  onPromise("Hedge.protect(promise), quantile", Hedge.protect(promise, learned)),
  onPromise("Effect.race(promise, a delayed one)", Effect.race(promise, Effect.delay(promise, duration)))
]

const timeouts: ReadonlyArray<Case> = [
  onPromise(
    "Timeout.timeoutFail(promise)",
    Timeout.timeoutFail(promise, { duration, onTimeout: () => new Cause.TimeoutException() })
  ),
  onPromise("Deadline.within(promise)", Deadline.within(promise, duration)),
  onPromise("Effect.timeout(promise)", Effect.timeout(promise, duration))
]

const breaker = Effect.runSync(CircuitBreaker.make({ trip }))
const naive = Effect.runSync(naiveBreaker.make(5, 3_600_000))

const breakers: ReadonlyArray<Case> = [
  onNothing("CircuitBreaker.protect", CircuitBreaker.protect(nothing, breaker)),
  onNothing("naive breaker", naive(nothing))
]

export const cases: ReadonlyArray<Case> = [
  ...inFiberBases,
  ...budgets,
  ...concurrency,
  ...rates,
  ...breakers,
  { name: "promise", base: "loop", run: inFiber(promise) },
  ...timeouts,
  ...hedges,
  awaitBase,
  { name: "cockatiel bulkhead", base: "await", run: awaited(() => peerBulkhead.execute(resolved)) },
  { name: "cockatiel sampling breaker", base: "await", run: awaited(peers.cockatielSampling) },
  { name: "cockatiel timeout", base: "await", run: awaited(() => peerTimeout.execute(resolved)) },
  { name: "opossum, no timeout", base: "await", run: peers.opossum({ timeout: false }, awaited) }
]

const expectFailure = async (tag: string, calls: Effect.Effect<unknown, unknown>): Promise<void> => {
  const error = await Effect.runPromise(Effect.flip(calls))
  if (!Predicate.isTagged(error, tag)) throw new Error(`${String(error)}, not ${tag}`)
}

/** Each policy does its work where there is something to do, and is out of it in what is measured. */
export const selfCheck = async (): Promise<void> => {
  const one = Effect.runSync(RateLimiter.make({ limit: 1, window: "1 hour" }))
  await expectFailure("RateLimitExceeded", Effect.zipRight(RateLimiter.consume(one), RateLimiter.consume(one)))
  const narrow = Effect.runSync(Bulkhead.make({ maxConcurrent: 1 }))
  await expectFailure("BulkheadFull", Bulkhead.protect(Bulkhead.protect(nothing, narrow), narrow))
  const algorithm = AdaptiveLimiter.aimd({ initial: 1 })
  const slight = Effect.runSync(AdaptiveLimiter.make({ algorithm }))
  await expectFailure("LimitExceeded", AdaptiveLimiter.protect(AdaptiveLimiter.protect(nothing, slight), slight))
  const spent = Effect.runSync(RetryBudget.share({ ratio: 0, minPerSecond: 0 }))
  await expectFailure("BudgetExhausted", RetryBudget.retry(Effect.fail("down"), schedules.reprise, spent))
  await Promise.all(hedges.map(({ run }) => run(500)))
  for (const hedge of [fixed, learned]) {
    const { calls, hedges } = Effect.runSync(Hedge.snapshot(hedge))
    if (calls < 500 || hedges > 0) throw new Error(`${hedges} hedges in ${calls} calls`)
  }
}
