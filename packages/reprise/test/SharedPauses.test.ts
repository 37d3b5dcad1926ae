import { assert, describe, it } from "@effect/vitest"
import {
  Context,
  Duration,
  Effect,
  Exit,
  FastCheck as fc,
  Layer,
  Option,
  Predicate,
  Queue,
  Scope,
  Stream,
  TestClock
} from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import * as SharedPauses from "reprise/SharedPauses"
import { Outbox } from "../src/internal/shared/outbox.js"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"
import { Wire } from "./wire.js"

type Service = RetryAfterStore.Service

/** What lies between a process and the store. */
class Cable extends Wire {
  /** What is lost of time on the way to the store. */
  lagMillis = 0
  /** Tells that it was away. */
  reconnect = (): void => {}

  service(store: Service): Service {
    const reconnects = Stream.unwrap(Effect.map(Queue.unbounded<RetryAfterStore.Change>(), (queue) => {
      this.reconnect = () => void queue.unsafeOffer({ _tag: "Missed" })
      return Stream.fromQueue(queue)
    }))
    const late = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => this.lagMillis === 0 ? effect : Effect.delay(effect, this.lagMillis))
    return {
      ...store,
      pause: (pause) => this.ask(`pause ${pause.key} ${pause.millis}`, late(store.pause(pause))),
      pauses: (limit) => this.ask("pauses", late(store.pauses(limit))),
      changes: Stream.merge(Stream.filter(store.changes, () => this.isHeard), reconnects)
    }
  }
}

const settle = Effect.repeatN(Effect.yieldNow(), 100)
const pass = (millis: number) => Effect.zipRight(TestClock.adjust(millis), settle)

/** A process, with all that it heard. */
const join = (options: Partial<SharedPauses.Options> = {}) =>
  Effect.gen(function*() {
    const store = yield* RetryAfterStore.RetryAfterStore
    const cable = new Cable()
    const heard: Array<string> = []
    const onPause = (key: string, duration: Duration.Duration) =>
      Effect.sync(() => void heard.push(`${key} ${Duration.toMillis(duration)}`))
    const pauses = yield* SharedPauses.make({ onPause, ...options }).pipe(
      Effect.mapInputContext((context: Context.Context<Scope.Scope>) =>
        Context.add(context, RetryAfterStore.RetryAfterStore, cable.service(store))
      )
    )
    yield* settle
    return { pauses, cable, heard, pause: (key: string, millis: number) => SharedPauses.pause(pauses, key, millis) }
  })

const inOneStore = <A, E>(
  test: Effect.Effect<A, E, Scope.Scope | RetryAfterStore.RetryAfterStore>,
  lines: Array<string> = []
) => test.pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory()), Effect.provide(Services.logTo(lines)))

describe("pauses that processes tell each other of", () => {
  it.effect("come to all others, and not back to the one who told", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b, c] = yield* Effect.all([join(), join(), join()])
      yield* pass(100)
      yield* a.pause("k", 5_000)
      yield* settle
      yield* pass(100)
      yield* b.pause("l", 3_000)
      yield* settle
      assert.deepStrictEqual([a.heard, b.heard, c.heard], [["l 3000"], ["k 5000"], ["k 5000", "l 3000"]])
    })))

  it.effect("are told at once where there was no news, and then once in 100 ms, of each key the longest", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* join()
      yield* pass(100)
      a.cable.asked.length = 0
      yield* a.pause("k", 5_000)
      yield* settle
      assert.deepStrictEqual(a.cable.asked.splice(0), ["pause k 5000"])
      yield* Effect.forEach(Array.from({ length: 100 }, (_, n) => n), (n) => a.pause("k", 5_000 + (n % 50)))
      yield* a.pause("l", 1_000)
      yield* pass(99)
      assert.deepStrictEqual(a.cable.asked, [])
      yield* pass(1)
      assert.deepStrictEqual(a.cable.asked, ["pause k 4949", "pause l 900"])
    })))

  it.effect("are heard by those who join later, as long as they last", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* join()
      yield* pass(100)
      yield* a.pause("k", 5_000)
      yield* pass(2_000)
      assert.deepStrictEqual((yield* join()).heard, ["k 3000"])
      yield* pass(3_000)
      assert.deepStrictEqual((yield* join()).heard, [])
    })))

  it.effect("cost nothing while there is nothing new", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* join()
      yield* pass(3_600_000)
      assert.deepStrictEqual(a.cable.asked, ["pauses"])
    })))

  it.effect("are never longer than the maximum of the one who tells, nor of the one who hears", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b, c] = yield* Effect.all([
        join({ max: "10 seconds" }),
        join({ max: "3 seconds" }),
        join({ max: "1 hour" })
      ])
      yield* pass(100)
      yield* a.pause("k", 86_400_000)
      yield* settle
      assert.deepStrictEqual([b.heard, c.heard], [["k 3000"], ["k 10000"]])
    })))

  it.effect("are not told where they are none", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* join()
      yield* pass(100)
      yield* a.pause("k", 0)
      yield* a.pause("k", NaN)
      yield* a.pause("k", -1)
      yield* pass(1_000)
      assert.deepStrictEqual(a.cable.asked, ["pauses"])
    })))

  it.effect.each(["cut", "silent"] as const)(
    "are told once the store is back, with what is left of them: %s",
    (state) => {
      const lines: Array<string> = []
      return inOneStore(
        Effect.gen(function*() {
          const [a, b] = yield* Effect.all([join({ name: "The gates" }), join()])
          yield* pass(100)
          a.cable.state = state
          yield* a.pause("long", 20_000)
          yield* a.pause("short", 4_000)
          yield* pass(2_000)
          yield* a.pause("late", 8_000)
          yield* pass(3_000)
          assert.deepStrictEqual(b.heard, [])
          const asked = a.cable.asked.length
          a.cable.state = "good"
          a.cable.reconnect()
          yield* settle
          yield* pass(100)
          assert.isAtLeast(asked, 4)
          assert.isAtMost(asked, 8)
          assert.deepStrictEqual([...b.heard].sort(), [
            "late 5000",
            "long 15000"
          ])
          yield* pass(60_000)
          assert.strictEqual(b.heard.length, 2)
          assert.deepStrictEqual(
            lines.map((line) => line.slice(0, 46)),
            ["WARN The gates: each process goes on by itself", "INFO The gates: shared with other processes ag"]
          )
        }),
        lines
      )
    }
  )

  it.effect("are told once the store is back, though others were over before", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([join(), join()])
      yield* pass(100)
      a.cable.state = "cut"
      yield* a.pause("over", 500)
      yield* pass(5_000)
      yield* a.pause("k", 10_000)
      yield* pass(500)
      a.cable.state = "good"
      yield* pass(1_000)
      assert.deepStrictEqual(b.heard, ["k 8900"])
    })))

  it.effect("are asked for anew when some may have been missed, and do not get longer by that", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([join(), join()])
      yield* pass(100)
      b.cable.isDeaf = true
      yield* a.pause("k", 5_000)
      yield* settle
      assert.deepStrictEqual(b.heard, [])
      b.cable.isDeaf = false
      b.cable.lagMillis = 200
      b.cable.reconnect()
      yield* settle
      yield* pass(200)
      assert.deepStrictEqual(b.heard, ["k 4600"])
      assert.deepStrictEqual(b.cable.asked, ["pauses", "pauses"])
    })))

  it.effect("are asked for until there is an answer", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([join(), join()])
      yield* pass(100)
      b.cable.state = "cut"
      b.cable.reconnect()
      yield* a.pause("k", 5_000)
      yield* pass(100)
      b.cable.state = "good"
      yield* pass(1_100)
      assert.deepStrictEqual(b.heard, ["k 3900"])
    })))

  it.effect("are given up where something else is kept in their place, with one line for it", () => {
    const lines: Array<string> = []
    return inOneStore(
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([join(), join()])
        yield* pass(100)
        a.cable.state = "garbage"
        yield* a.pause("k", 5_000)
        yield* pass(100)
        yield* a.pause("l", 5_000)
        a.cable.reconnect()
        yield* pass(10_000)
        assert.strictEqual(a.cable.asked.length, 4)
        assert.deepStrictEqual(lines, ["WARN The pauses: not shared. The store of shared state: a list"])
        a.cable.state = "good"
        yield* a.pause("m", 5_000)
        yield* settle
        assert.deepStrictEqual(b.heard, ["m 5000"])
      }),
      lines
    )
  })

  it.effect("are told later where the store refuses them for now, with one line for it", () => {
    const lines: Array<string> = []
    return inOneStore(
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([join(), join()])
        yield* pass(100)
        a.cable.state = "refused"
        yield* a.pause("k", 5_000)
        a.cable.reconnect()
        yield* pass(2_000)
        assert.deepStrictEqual(lines, ["WARN The pauses: not shared. The store of shared state: no room"])
        a.cable.state = "good"
        yield* pass(1_100)
        assert.deepStrictEqual(b.heard.map((line) => line.slice(0, 3)), ["k 2"])
      }),
      lines
    )
  })

  it.effect("go on being shared after one that the program could not take", () => {
    const lines: Array<string> = []
    return inOneStore(
      Effect.gen(function*() {
        let calls = 0
        const a = yield* join()
        yield* join({ onPause: () => Effect.sync(() => calls++).pipe(Effect.zipRight(Effect.dieMessage("boom"))) })
        yield* pass(100)
        yield* a.pause("k", 5_000)
        yield* pass(100)
        yield* a.pause("l", 5_000)
        yield* settle
        assert.strictEqual(calls, 2)
        assert.lengthOf(lines, 2)
      }),
      lines
    )
  })

  it.effect("end with the scope: nothing is told or heard any more", () =>
    inOneStore(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const a = yield* Scope.extend(join(), scope)
      const b = yield* join()
      yield* pass(100)
      yield* Scope.close(scope, Exit.void)
      yield* a.pause("k", 5_000)
      yield* b.pause("l", 5_000)
      yield* pass(60_000)
      assert.deepStrictEqual([a.heard, b.heard], [[], []])
      assert.ok(Predicate.hasProperty(a.pauses, "outbox") && a.pauses.outbox instanceof Outbox)
      assert.isTrue(a.pauses.outbox.isEmpty)
      assert.deepStrictEqual(a.cable.asked, ["pauses"])
    })))

  it.each([["max", { max: 0 }], ["capacity", { capacity: 0 }], ["capacity", { capacity: 1.5 }]])(
    "refuse an option out of range: %s",
    (option, options) => {
      const error = (() => {
        try {
          return SharedPauses.make({ onPause: () => Effect.void, ...options })
        } catch (error) {
          return error
        }
      })()
      assert.instanceOf(error, InvalidOption)
      assert.propertyVal(error, "option", option)
    }
  )

  it("leave no fiber and no timer, wherever the scope is interrupted", () => {
    const make = () => {
      const heard: Array<string> = []
      const member = (name: string) =>
        SharedPauses.make({ onPause: (key) => Effect.sync(() => void heard.push(`${name} ${key}`)) })
      const program = Effect.gen(function*() {
        const [a, b] = yield* Effect.all([member("a"), member("b")])
        yield* Effect.sleep(150)
        yield* SharedPauses.pause(a, "k", 5_000)
        yield* SharedPauses.pause(b, "l", 5_000)
        yield* Effect.sleep(150)
      }).pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory()), Effect.provide(Layer.empty))
      return { program, heard }
    }
    const operations = Virtual.interruptEverywhere(
      make,
      ({ exit, fibersLeft, sleepsLeft }, at, { heard }) => {
        assert.isTrue(Option.isSome(exit), `${at}`)
        assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0], `${at}`)
        if (Option.isSome(exit) && Exit.isSuccess(exit.value)) assert.deepStrictEqual(heard.sort(), ["a l", "b k"])
      },
      undefined,
      15
    )
    assert.isAbove(operations, 100)
  })
})

describe("what waits to be told", () => {
  type Step =
    | { readonly _tag: "Put"; readonly key: string; readonly millis: number }
    | { readonly _tag: "Pass"; readonly millis: number }
    | { readonly _tag: "Told"; readonly isLate: boolean }

  const key = fc.constantFrom("a", "b", "c", "d")
  const put = fc.record({ _tag: fc.constant("Put" as const), key, millis: fc.integer({ min: 1, max: 100 }) })
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: put },
    fc.record({ _tag: fc.constant("Pass" as const), millis: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ _tag: fc.constant("Told" as const), isLate: fc.boolean() })
  )

  it("makes room for another key when a pause is over", () => {
    const outbox = new Outbox(1)
    outbox.put("a", 10, 0)
    outbox.put("b", 10, 9)
    outbox.put("c", 10, 10)
    assert.deepStrictEqual(outbox.due(10).map(([key]) => key), ["c"])
  })

  it("is of each key the pause that ends last, until that is told or over", () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (steps, capacity) => {
      const outbox = new Outbox(capacity)
      let now = 0
      /** Every pause that was not told yet, in a list. */
      let model: Array<{ key: string; endMillis: number }> = []
      const put = (key: string, millis: number) => {
        outbox.put(key, millis, now)
        model = model.filter(({ endMillis }) => endMillis > now)
        const keys = new Set(model.map(({ key }) => key))
        if (keys.has(key) || keys.size < capacity) model.push({ key, endMillis: now + millis })
      }
      for (const step of steps) {
        if (step._tag === "Put") put(step.key, step.millis)
        if (step._tag === "Pass") now += step.millis
        if (step._tag === "Told") {
          for (const [key, pause] of outbox.due(now)) {
            // A longer one that comes while it is told has to be told too.
            const longer = pause.untilMillis - now + 1
            if (step.isLate) put(key, longer)
            outbox.done(key, pause)
            model = model.filter((told) => told.key !== key || told.endMillis > pause.untilMillis)
          }
        }
        const ends = new Map<string, number>()
        for (const { endMillis, key } of model) {
          if (endMillis > now) ends.set(key, Math.max(ends.get(key) ?? 0, endMillis))
        }
        assert.deepStrictEqual(
          new Map(outbox.due(now).map(([key, { untilMillis }]) => [key, untilMillis])),
          ends
        )
        assert.isAtMost(outbox.due(now).length, capacity)
      }
    }))
  })
})
