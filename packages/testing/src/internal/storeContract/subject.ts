import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import { StoreError } from "reprise/StoreError"
import type { Tools } from "../../StoreContract.js"
import { type Breach, type Check, same } from "./law.js"

type Probing = CircuitBreakerStore.Probing
type Request = CircuitBreakerStore.ProbeRequest
type Settlement = CircuitBreakerStore.Settlement
type Standing = CircuitBreakerStore.Standing
type Version = CircuitBreakerStore.Version

/**
 * Longer than any law takes.
 *
 * @internal
 */
export const minute = 60_000

/**
 * Shorter than `soonOver`, which a law lets pass.
 *
 * @internal
 */
export const soon = 20

/** @internal */
export const soonOver = 40

/** @internal */
export const aTrip = { rule: "rate", calls: 10, failures: 6, slow: 1 }

/** The parts of a state that a law checks. */
interface Looks {
  readonly version?: Version
  readonly generation?: number
  readonly state?: CircuitBreakerStore.State["_tag"]
  readonly trips?: number
  readonly trip?: CircuitBreakerStore.Trip["trip"]
  readonly openMillis?: number
  readonly counts?: CircuitBreakerStore.Counts
}

/**
 * One key of the store, with short ways to use it.
 *
 * @internal
 */
export class Subject {
  constructor(
    readonly store: CircuitBreakerStore.Service,
    readonly key: string,
    readonly pass: Tools["pass"]
  ) {}

  /** The same law, about another key. */
  at(key: string): Subject {
    return new Subject(this.store, key, this.pass)
  }

  look(): Effect.Effect<Standing, StoreError> {
    return this.sync({})
  }

  sync(
    counts: CircuitBreakerStore.Counts,
    version = CircuitBreakerStore.noVersion
  ): Effect.Effect<Standing, StoreError> {
    return this.store.sync(this.key, { version, counts })
  }

  trip(options: Partial<CircuitBreakerStore.Trip> = {}): Effect.Effect<Standing, StoreError> {
    return this.store.trip(this.key, {
      version: CircuitBreakerStore.noVersion,
      trip: aTrip,
      openMillis: minute,
      ...options
    })
  }

  admit(token: string, request: Partial<Request> = {}): Effect.Effect<CircuitBreakerStore.Admission, StoreError> {
    return this.store.admit(this.key, { ...careful, ...request, token })
  }

  settle(
    token: string,
    version: Version,
    outcome: Settlement["outcome"],
    options: Partial<Settlement> = {}
  ): Effect.Effect<Standing, StoreError> {
    const { key, store } = this
    return store.settle(key, { ...careful, openMillis: minute, ...options, token, version, outcome })
  }

  close(version: Version): Effect.Effect<Standing, StoreError> {
    return this.store.close(this.key, version)
  }

  /** Makes the breaker half-open with a permit for each token, and returns the version. */
  probe(tokens: ReadonlyArray<string>, probing: Partial<Probing> = {}): Effect.Effect<Version, StoreError | Breach> {
    return Effect.gen(this, function*() {
      yield* this.trip({ openMillis: 0 })
      return yield* this.permits(tokens, probing)
    })
  }

  permits(
    tokens: ReadonlyArray<string>,
    probing: Partial<Probing> = {}
  ): Effect.Effect<Version, StoreError | Breach> {
    return Effect.gen(this, function*() {
      let version = CircuitBreakerStore.noVersion
      for (const token of tokens) version = (yield* this.grants(token, true, probing)).standing.version
      return version
    })
  }

  grants(token: string, isGranted: boolean, request: Partial<Request> = {}): Effect.Effect<
    CircuitBreakerStore.Admission,
    StoreError | Breach
  > {
    return Effect.tap(
      this.admit(token, request),
      (admission) => same(`whether ${JSON.stringify(token)} is granted a permit`, admission.isGranted, isGranted)
    )
  }

  stands(what: string, { counts, state, version }: Standing, looks: Looks): Effect.Effect<void, Breach> {
    const all: Looks = { version, generation: version.generation, ...state, state: state._tag, counts }
    const seen = Object.entries(all).filter(([name]) => name in looks)
    return same(what, Object.fromEntries(seen), looks)
  }

  /** Checks that the state is unchanged. */
  stillStands(what: string, { counts, state, version }: Standing): Effect.Effect<void, Breach | StoreError> {
    const { _tag, ...rest } = state
    const trips = "trips" in rest ? { trips: rest.trips, trip: rest.trip } : {}
    return Effect.flatMap(this.look(), (now) => this.stands(what, now, { version, state: _tag, counts, ...trips }))
  }
}

/** One probe at a time, and one result decides. */
const careful: Probing = { probes: 1, successes: 1, tolerated: 0, leaseMillis: minute }

/** Long enough that a loaded machine breaks no law. */
const patienceMillis = 5_000

/** Interrupts the effect without waiting for its end. */
const disconnected = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDaemon(restore(self)), (fiber) =>
      Effect.onInterrupt(
        restore(Fiber.join(fiber)),
        () => Effect.sync(() => fiber.unsafeInterruptAsFork(FiberId.none))
      ))
  )

/**
 * The same store with its misbehaviour as a broken law: if it throws, dies or never answers. The laws themselves find
 * wrong answers.
 */
const whole = (store: CircuitBreakerStore.Service): CircuitBreakerStore.Service => {
  const duration = Math.max(Duration.toMillis(store.timeout), patienceMillis)
  const answered = <A>(name: string, ask: () => Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      const answer: unknown = ask()
      return Effect.isEffect(answer) ? answer as Effect.Effect<A, StoreError> : Effect.die(`${name} returns no effect`)
    }).pipe(
      disconnected,
      Effect.timeoutFail({
        duration,
        onTimeout: () =>
          new StoreError({ reason: "unavailable", description: `${name} does not answer within ${duration} ms` })
      }),
      Effect.catchAllDefect((defect) =>
        new StoreError({ reason: "unavailable", description: `${name} dies: ${String(defect)}` })
      )
    )
  return {
    syncInterval: store.syncInterval,
    timeout: store.timeout,
    changes: store.changes,
    sync: (...args) => answered("sync", () => store.sync(...args)),
    trip: (...args) => answered("trip", () => store.trip(...args)),
    admit: (...args) => answered("admit", () => store.admit(...args)),
    settle: (...args) => answered("settle", () => store.settle(...args)),
    close: (...args) => answered("close", () => store.close(...args))
  }
}

/** @internal */
export const law = (
  name: string,
  body: (about: Subject) => Effect.Effect<void, Breach | StoreError>
): Check<CircuitBreakerStore.CircuitBreakerStore> => ({
  name,
  check: ({ key, pass }) =>
    Effect.flatMap(CircuitBreakerStore.CircuitBreakerStore, (store) => body(new Subject(whole(store), key, pass)))
})
