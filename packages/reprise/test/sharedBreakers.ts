/**
 * Breakers of several processes over one store, each with a cable of its own that can be cut, for tests on a `TestClock`.
 */

import { Context, Effect, Schedule, type Scope, Stream, TestClock } from "effect"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import type { StoreError } from "reprise/StoreError"
import * as Tripping from "reprise/Tripping"
import type { Breaker } from "./breakerCalls.js"
import * as Services from "./services.js"
import { Wire } from "./wire.js"

type Service = CircuitBreakerStore.Service
export type Options = SharedCircuitBreaker.Options

/** What lies between a process and the store. */
export class Cable extends Wire {
  /** How long an answer is under way. */
  delayMillis = 0

  get commands(): number {
    return this.asked.length
  }

  service(store: Service): Service {
    const over = <A extends ReadonlyArray<unknown>, B>(
      name: string,
      ask: (...args: A) => Effect.Effect<B, StoreError>
    ) =>
    (...args: A): Effect.Effect<B, StoreError> =>
      this.ask(
        name,
        Effect.flatMap(
          Effect.suspend(() => ask(...args)),
          (answer) =>
            this.delayMillis === 0 ? Effect.succeed(answer) : Effect.delay(Effect.succeed(answer), this.delayMillis)
        )
      )
    return {
      ...store,
      sync: over("sync", store.sync),
      trip: over("trip", store.trip),
      admit: over("admit", store.admit),
      settle: over("settle", store.settle),
      close: over("close", store.close),
      changes: Stream.filter(store.changes, () => this.isHeard)
    }
  }
}

export interface Process {
  readonly breaker: Breaker
  readonly cable: Cable
}

/** The store of the test: every process has it behind a cable. */
export const inOneStore = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  test.pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory()))

/** Lets all that is due be said and heard. */
export const settle = Effect.repeatN(Effect.yieldNow(), 100)

/** What one interval brings. */
export const interval = Effect.zipRight(TestClock.adjust("100 millis"), settle)

/** Opens with the first failure, for a second each time. */
export const process = (options: Partial<Options> = {}) =>
  Effect.gen(function*() {
    const cable = new Cable()
    const store = yield* CircuitBreakerStore.CircuitBreakerStore
    const breaker = yield* SharedCircuitBreaker.make({
      key: "payments",
      trip: Tripping.consecutive(1),
      openFor: Schedule.spaced("1 second"),
      ...options
    }).pipe(
      Effect.mapInputContext((context: Context.Context<Scope.Scope>) =>
        Context.add(context, CircuitBreakerStore.CircuitBreakerStore, cable.service(store))
      )
    )
    yield* settle
    return { breaker, cable }
  })

export const processes = (n: number, options: Partial<Options> = {}) => Effect.replicateEffect(process(options), n)

/** What is logged goes to `lines`. */
export const logTo = Services.logTo
