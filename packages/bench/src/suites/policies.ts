import { handleAll, retry as cockatielRetry, timeout as cockatielTimeout, TimeoutStrategy } from "cockatiel"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import pRetry from "p-retry"
import * as Backoff from "reprise/Backoff"
import * as Deadline from "reprise/Deadline"
import * as Retry from "reprise/Retry"
import * as Timeout from "reprise/Timeout"
import type { Case } from "../harness.js"
import { awaitBase, awaited, inFiber, inFiberBases, nothing, perCallInFiber, promise, resolved } from "./loops.js"
import * as schedules from "./schedules.js"

/** Any asynchronous source that is no promise. */
const later = Effect.async<void>((resume) => queueMicrotask(() => resume(Effect.void)))

const reprise = { duration: "10 seconds", onTimeout: () => "too slow" } as const
const effect = { duration: "10 seconds", onTimeout: () => "too slow" } as const

const timeouts = (name: string, source: Effect.Effect<unknown>): ReadonlyArray<Case> => {
  const base = name === "void" ? "loop" : name
  return [
    { name: `Timeout.timeoutFail(${name})`, base, run: inFiber(Timeout.timeoutFail(source, reprise)) },
    { name: `Effect.timeoutFail(${name})`, base, run: inFiber(Effect.timeoutFail(source, effect)) },
    { name: `Effect.timeout(${name})`, base, run: inFiber(Effect.timeout(source, "10 seconds")) }
  ]
}

const cockatiel = cockatielRetry(handleAll, { maxAttempts: 3 })
const cooperative = cockatielTimeout(10_000, TimeoutStrategy.Cooperative)

export const cases: ReadonlyArray<Case> = [
  ...inFiberBases,
  { name: "Retry.retry", base: "loop", run: inFiber(Retry.retry(nothing, schedules.reprise)) },
  {
    name: "Retry.retry, built per call",
    base: "loop",
    run: perCallInFiber(() => Retry.retry(nothing, schedules.reprise))
  },
  { name: "Effect.retry", base: "loop", run: inFiber(Effect.retry(nothing, schedules.effect)) },
  {
    name: "Effect.retry, built per call",
    base: "loop",
    run: perCallInFiber(() => Effect.retry(nothing, schedules.effect))
  },
  {
    name: "Retry.loop",
    base: "loop",
    run: inFiber(Retry.loop({ attempt: () => nothing, schedule: schedules.reprise }))
  },
  { name: "Deadline.locally", base: "loop", run: inFiber(Deadline.locally(nothing, 1e15)) },
  ...timeouts("void", nothing),
  { name: "promise", base: "loop", run: inFiber(promise) },
  ...timeouts("promise", promise),
  { name: "async", base: "loop", run: inFiber(later) },
  ...timeouts("async", later),
  awaitBase,
  { name: "cockatiel retry", base: "await", run: awaited(() => cockatiel.execute(resolved)) },
  { name: "cockatiel timeout", base: "await", run: awaited(() => cooperative.execute(resolved)) },
  { name: "p-retry", base: "await", run: awaited(() => pRetry(resolved, { retries: 3 })) },
  { name: "await runPromise(promise)", base: "await", run: awaited(() => Effect.runPromise(promise)) },
  {
    name: "await runPromise(Retry.retry(promise))",
    base: "await runPromise(promise)",
    run: awaited(() => Effect.runPromise(retried))
  }
]

const retried = Retry.retry(promise, schedules.reprise)

/** A benchmark of something that fails would measure the failing. */
export const selfCheck = async (): Promise<void> => {
  const exit = await Effect.runPromiseExit(
    Effect.never.pipe(Timeout.timeoutFail({ duration: "1 millis", onTimeout: () => "too slow" }))
  )
  if (exit._tag === "Success" || Cause.squash(exit.cause) !== "too slow") throw new Error("the timeout does not fire")
  let calls = 0
  await Effect.runPromise(Retry.retry(
    Effect.suspend(() => ++calls < 3 ? Effect.fail("not yet") : Effect.void),
    Backoff.exponential("1 millis").pipe(Backoff.attempts(3))
  ))
  if (calls !== 3) throw new Error("the retry does not retry")
}
