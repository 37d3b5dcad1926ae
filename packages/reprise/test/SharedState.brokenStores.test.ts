/**
 * Stores of one's own that break: what is shared goes on by itself, says so once, and shares again when the store is whole.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schedule, Scope, Stream } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import * as RetryBudget from "reprise/RetryBudget"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as SharedPauses from "reprise/SharedPauses"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import * as Tripping from "reprise/Tripping"
import { fail, succeed } from "./breakerCalls.js"
import { logTo } from "./sharedBreakers.js"
import * as Virtual from "./virtual.js"

/** The ways in which a method breaks, and what the log says of it. */
const flaws: Record<string, { readonly answer: () => unknown; readonly says: RegExp }> = {
  "throws": {
    answer: () => {
      throw new Error("the floor is gone")
    },
    says: /the store died: the floor is gone/
  },
  "dies": { answer: () => Effect.die("no more"), says: /the store died: no more/ },
  "interrupts itself": { answer: () => Effect.interrupt, says: /the store died: it was interrupted/ },
  "fails with another error": { answer: () => Effect.fail("oops"), says: /the store died: oops/ },
  "never answers": { answer: () => Effect.never, says: /no answer within 250 ms/ },
  "never answers, and cannot be interrupted": {
    answer: () => Effect.uninterruptible(Effect.never),
    says: /no answer within 250 ms/
  },
  "returns a promise": { answer: () => Promise.resolve(1), says: /the store died: it returned no effect/ },
  "returns nothing": { answer: () => undefined, says: /the store died: it returned no effect/ },
  "answers a string": { answer: () => Effect.succeed("ok"), says: /the answer of the store is refused: .* is string/ }
}

/** A store whose methods are broken as long as `isBroken` says so. */
const broken = <S extends object>(
  store: S,
  methods: ReadonlyArray<keyof S>,
  flaw: string,
  isBroken: () => boolean
): S =>
  new Proxy(store, {
    get: (target, name) => {
      const own: unknown = Reflect.get(target, name)
      if (typeof own !== "function" || !methods.includes(name as keyof S)) return own
      return (...args: ReadonlyArray<unknown>): unknown => isBroken() ? flaws[flaw]!.answer() : own.apply(target, args)
    }
  })

const run = <A, E>(program: Effect.Effect<A, E>, uninterruptible = 0) => {
  const lines: Array<string> = []
  const { exit, fibersLeft } = Virtual.run(Effect.provide(program, logTo(lines)))
  const ended = Option.getOrThrow(exit)
  if (Exit.isFailure(ended)) throw Cause.squash(ended.cause)
  if (uninterruptible === 0) assert.strictEqual(fibersLeft, 0)
  assert.deepStrictEqual(lines.filter((line) => line.startsWith("ERROR")), [])
  return lines
}

const hangs = (flaw: string): number => flaw.includes("cannot be interrupted") ? 1 : 0

describe("a shared breaker over a store where", () => {
  const methods = ["sync", "trip", "admit", "settle", "close"] as const
  const cases = [...methods.map((method) => [method]), [...methods]]

  for (const flaw of Object.keys(flaws)) {
    for (const names of cases) {
      it(`${names.length > 1 ? "every method" : names[0]} ${flaw} goes on by itself, and shares again afterwards`, () => {
        let isBroken = false
        const program = Effect.gen(function*() {
          const store = yield* CircuitBreakerStore.CircuitBreakerStore
          const make = SharedCircuitBreaker.make({
            key: "a",
            trip: Tripping.consecutive(1),
            lease: "1 second",
            openFor: Schedule.spaced("1 second")
          })
          const other = yield* make
          const breaker = yield* Effect.provideService(
            make,
            CircuitBreakerStore.CircuitBreakerStore,
            broken(store, names, flaw, () => isBroken)
          )
          yield* Effect.sleep("200 millis")
          isBroken = true
          for (let i = 0; i < 3; i++) {
            assert.strictEqual(yield* succeed(breaker), "ok")
            yield* Effect.sleep("150 millis")
            assert.strictEqual(yield* fail(breaker), "down")
            assert.strictEqual(yield* succeed(breaker), "rejected")
            // Where only the answer was broken, its own permit has to end first.
            yield* Effect.sleep("2500 millis")
            assert.strictEqual(yield* succeed(breaker), "ok")
            assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
            yield* CircuitBreaker.trip(breaker)
            yield* Effect.sleep("500 millis")
            yield* CircuitBreaker.close(breaker)
            yield* Effect.sleep("500 millis")
          }
          isBroken = false
          yield* Effect.sleep("3 seconds")
          yield* CircuitBreaker.reset(other)
          yield* Effect.sleep("1 second")
          assert.strictEqual(yield* fail(breaker), "down")
          yield* Effect.sleep("200 millis")
          assert.strictEqual(yield* succeed(other), "rejected")
        }).pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory()))
        const lines = run(program, hangs(flaw))
        // One method that breaks makes the store come and go: ten lines in a minute.
        assert.isAtMost(lines.length, names.length > 1 ? 2 : 10)
        assert.match(lines[0] ?? "", flaws[flaw]!.says)
      })
    }
  }

  it("one key only breaks shares the other keys", () => {
    const program = Effect.gen(function*() {
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      const poisoned: CircuitBreakerStore.Service = {
        ...store,
        sync: (key, report) => key === "a" ? Effect.die("poison") : store.sync(key, report)
      }
      const make = SharedCircuitBreaker.makeKeyed<string>({ breaker: { trip: Tripping.consecutive(1) } })
      const one = yield* Effect.provideService(make, CircuitBreakerStore.CircuitBreakerStore, poisoned)
      const other = yield* make
      const call = (all: typeof one, key: string, effect: Effect.Effect<string, string>) =>
        Effect.flatMap(CircuitBreakers.get(all, key), (breaker) => Effect.exit(CircuitBreaker.protect(effect, breaker)))
      for (const key of ["a", "b"]) yield* call(one, key, Effect.succeed("ok"))
      yield* Effect.sleep("1 second")
      yield* call(other, "b", Effect.fail("down"))
      yield* Effect.sleep("2 seconds")
      const states = (yield* CircuitBreakers.entries(one)).map(([key, { state }]) => `${key} ${state}`)
      assert.deepStrictEqual(states.sort(), ["a Closed", "b Open"])
    }).pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory()))
    assert.isAtMost(run(program).length, 11)
  })

  it("changes end, die or are none still learns of the others", () => {
    for (const changes of [Stream.empty, Stream.die("gone"), undefined, Stream.succeed(7), Stream.fail("no")]) {
      const program = Effect.gen(function*() {
        const store = yield* CircuitBreakerStore.CircuitBreakerStore
        const make = SharedCircuitBreaker.make({
          key: "a",
          trip: Tripping.consecutive(1),
          openFor: Schedule.spaced("1 minute")
        })
        const other = yield* make
        const breaker = yield* Effect.provideService(
          make,
          CircuitBreakerStore.CircuitBreakerStore,
          { ...store, changes: changes as never }
        )
        yield* Effect.sleep("20 seconds")
        yield* fail(other)
        yield* Effect.sleep("1300 millis")
        assert.strictEqual(yield* succeed(breaker), "rejected")
      }).pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory()))
      // Each minute there is one more try.
      assert.isAtMost(run(program).length, 20)
    }
  })

  it("the numbers of it are out of range is refused when it is made", () => {
    for (const change of [{ syncInterval: 0 }, { timeout: Infinity }, { syncInterval: NaN }, { timeout: -1 }]) {
      const program = Effect.flatMap(CircuitBreakerStore.CircuitBreakerStore, (store) =>
        Effect.provideService(
          SharedCircuitBreaker.make({ key: "a", trip: Tripping.consecutive(1) }),
          CircuitBreakerStore.CircuitBreakerStore,
          { ...store, ...change as object }
        )).pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory()))
      assert.throws(() => run(program), InvalidOption)
    }
  })
})

describe("a shared budget over a store where", () => {
  for (const flaw of Object.keys(flaws)) {
    it(`sync ${flaw} goes on by itself, and shares again afterwards`, () => {
      let isBroken = true
      const program = Effect.gen(function*() {
        const store = yield* RetryBudgetStore.RetryBudgetStore
        const make = SharedRetryBudget.tokens({ key: "a", capacity: 10, cost: 1 })
        const budget = yield* Effect.provideService(
          make,
          RetryBudgetStore.RetryBudgetStore,
          broken(store, ["sync"], flaw, () => isBroken)
        )
        const paid = Effect.replicateEffect(RetryBudget.tryWithdraw(budget), 20)
        assert.strictEqual((yield* paid).filter(Boolean).length, 10)
        yield* Effect.sleep("10 seconds")
        isBroken = false
        yield* Effect.sleep("2 seconds")
        const other = yield* make
        assert.isFalse(yield* RetryBudget.tryWithdraw(other))
      }).pipe(Effect.scoped, Effect.provide(RetryBudgetStore.layerMemory()))
      const lines = run(program, hangs(flaw))
      assert.match(lines[0] ?? "", flaws[flaw]!.says)
      assert.isAtMost(lines.length, 2)
    })
  }
})

describe("shared pauses over a store where", () => {
  for (const flaw of Object.keys(flaws)) {
    // What a pause is answered does not matter.
    for (
      const names of flaw === "answers a string"
        ? [["pauses"]] as const
        : [["pause"], ["pauses"], ["pause", "pauses"]] as const
    ) {
      it(`${names.join(" and ")} ${flaw} goes on, and shares again afterwards`, () => {
        let isBroken = true
        const heard: Array<string> = []
        const program = Effect.gen(function*() {
          const store = yield* RetryAfterStore.RetryAfterStore
          const join = (name: string) =>
            SharedPauses.make({ onPause: (key) => Effect.sync(() => void heard.push(`${name} ${key}`)) })
          yield* join("other")
          const own = yield* Effect.provideService(
            join("own"),
            RetryAfterStore.RetryAfterStore,
            broken(store, names, flaw, () => isBroken)
          )
          yield* SharedPauses.pause(own, "a", "1 minute")
          yield* Effect.sleep("10 seconds")
          isBroken = false
          yield* Effect.sleep("3 seconds")
          yield* SharedPauses.pause(own, "b", "1 minute")
          yield* Effect.sleep("3 seconds")
        }).pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory()))
        const lines = run(program, hangs(flaw))
        assert.include(heard, "other b")
        assert.match(lines[0] ?? "", flaws[flaw]!.says)
        assert.isAtMost(lines.length, 10)
      })
    }
  }

  it("changes die and come back hears again", () => {
    const heard: Array<string> = []
    let listens = 0
    const program = Effect.gen(function*() {
      const store = yield* RetryAfterStore.RetryAfterStore
      const changes = Stream.suspend(() => ++listens < 3 ? Stream.die("gone") : store.changes)
      yield* Effect.provideService(
        SharedPauses.make({ onPause: (key) => Effect.sync(() => void heard.push(key)) }),
        RetryAfterStore.RetryAfterStore,
        { ...store, changes }
      )
      yield* Effect.sleep("5 seconds")
      yield* store.pause({ key: "a", millis: 1_000, member: "other" })
      yield* Effect.sleep("1 second")
    }).pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory()))
    assert.strictEqual(run(program).length, 2)
    assert.deepStrictEqual(heard, ["a"])
  })

  it("is left at once tells what is left to tell", () => {
    const program = Effect.gen(function*() {
      const store = yield* RetryAfterStore.RetryAfterStore
      const scope = yield* Scope.make()
      const own = yield* Scope.extend(SharedPauses.make({ onPause: () => Effect.void }), scope)
      yield* SharedPauses.pause(own, "a", "1 minute")
      yield* SharedPauses.pause(own, "b", "1 minute")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual((yield* store.pauses(10)).map(({ key }) => key).sort(), ["a", "b"])
    }).pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory()))
    run(program)
  })
})
