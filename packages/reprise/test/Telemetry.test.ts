import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Logger, Option, Schedule, Stream, TestClock } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Health from "reprise/Health"
import * as Hedge from "reprise/Hedge"
import * as Pipeline from "reprise/Pipeline"
import * as Policy from "reprise/Policy"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import * as Telemetry from "reprise/Telemetry"
import * as Tripping from "reprise/Tripping"
import { collected } from "./garbage.js"
import * as Services from "./services.js"

/** Runs the effect on the virtual clock, and collects the events. */
const events = <A, E, R>(self: Effect.Effect<A, E, R>, forMillis = 60_000) =>
  Effect.gen(function*() {
    const all: Array<Telemetry.Event> = []
    const fiber = yield* Effect.fork(Effect.exit(Telemetry.withListener(self, (event) => all.push(event))))
    yield* TestClock.adjust(Duration.millis(forMillis))
    yield* Fiber.join(fiber)
    return all
  })

const failing = (times: number, error: unknown = { _tag: "Down" }) => {
  let attempts = 0
  return Effect.suspend(() => ++attempts <= times ? Effect.fail(error) : Effect.succeed("ok"))
}

const fixed = (attempts: number) => Schedule.spaced("100 millis").pipe(Backoff.attempts(attempts))

describe("events of a call", () => {
  it.effect("tell of every attempt, every retry with its delay, and the end", () =>
    Effect.gen(function*() {
      const resilient = Pipeline.make({ key: "orders", retry: fixed(3) })
      const all = yield* events(resilient(failing(1)))
      expect(all.map(({ call: _, timeMillis: __, ...event }) => event)).toStrictEqual([
        { _tag: "AttemptStarted", key: "orders", number: 1 },
        {
          _tag: "AttemptEnded",
          key: "orders",
          duration: Duration.zero,
          outcome: "failure",
          errorType: "Down",
          number: 1
        },
        {
          _tag: "RetryScheduled",
          key: "orders",
          number: 1,
          reason: "backoff",
          errorType: "Down",
          delay: Duration.millis(100)
        },
        { _tag: "AttemptStarted", key: "orders", number: 2 },
        {
          _tag: "AttemptEnded",
          key: "orders",
          duration: Duration.zero,
          outcome: "success",
          errorType: undefined,
          number: 2
        },
        {
          _tag: "CallEnded",
          key: "orders",
          duration: Duration.millis(100),
          outcome: "success",
          errorType: undefined,
          attempts: 2
        }
      ])
      expect(new Set(all.map(({ call }) => call)).size).toBe(1)
      expect(all.map(({ timeMillis }) => timeMillis)).toStrictEqual([0, 0, 0, 100, 100, 100])
    }))

  it.effect("say why no other attempt follows", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.share({ ratio: 0, minPerSecond: 0 })
      const reasonOf = (options: Pipeline.Options<unknown, never, []>, error?: unknown) =>
        Effect.map(events(Pipeline.make(options)(failing(9, error))), (all) =>
          all.flatMap((event) => event._tag === "RetryRefused" ? [`${event.reason} ${event.errorType}`] : []))
      expect(yield* reasonOf({ retry: fixed(2) })).toStrictEqual(["attempts Down"])
      expect(yield* reasonOf({ retry: fixed(2), budget })).toStrictEqual(["budget Down"])
      expect(yield* reasonOf({ retry: fixed(2), deadline: "50 millis" })).toStrictEqual(["deadline Down"])
      expect(yield* reasonOf({ retry: fixed(2) }, { _tag: "Bad", retryable: false })).toStrictEqual([
        "notRetryable Bad"
      ])
      expect(yield* reasonOf({ retry: fixed(2) }, new TypeError("secret"))).toStrictEqual(["attempts TypeError"])
      const named = Object.assign(new Error("secret"), { name: "http://h.test/?token=secret" })
      expect(yield* reasonOf({ retry: fixed(2) }, named)).toStrictEqual(["attempts Error"])
      expect(yield* reasonOf({ retry: fixed(2) }, { _tag: "secret: 1" })).toStrictEqual(["attempts Error"])
    }))

  it.effect("report an attempt timeout, a defect and an interruption", () =>
    Effect.gen(function*() {
      const outcome = (self: Effect.Effect<unknown>, options: Pipeline.Options<unknown, never, []> = {}) =>
        Effect.map(events(Effect.timeout(Pipeline.make(options)(self), "10 seconds")), (all) =>
          all.flatMap((event) =>
            event._tag === "AttemptEnded" || event._tag === "CallEnded" ? [`${event.outcome} ${event.errorType}`] : []
          ))
      expect(yield* outcome(Effect.never, { attemptTimeout: "1 second" })).toStrictEqual([
        "failure AttemptTimeout",
        "failure AttemptTimeout"
      ])
      expect(yield* outcome(Effect.die("boom"))).toStrictEqual(["failure Defect", "failure Defect"])
      expect(yield* outcome(Effect.never)).toStrictEqual(["interrupted undefined", "interrupted undefined"])
    }))

  it.effect("name the policy that rejects, and the policy that an attempt waits for", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1, maxQueued: 1, key: "db" })
      const resilient = Pipeline.make({ policies: [bulkhead] })
      const slow = resilient(Effect.sleep("1 second"))
      const all = yield* events(Effect.all([slow, slow, Effect.either(slow)], { concurrency: "unbounded" }))
      const told = all.flatMap((event) =>
        event._tag === "Rejected" || event._tag === "Waited" ? [`${event._tag} ${event.policy} ${event.key}`] : []
      )
      expect(told).toStrictEqual(["Rejected bulkhead db", "Waited bulkhead db"])
      const waited = all.find((event) => event._tag === "Waited")
      expect(Duration.toMillis(waited!.duration)).toBe(1_000)
      // The one that was rejected made no attempt.
      expect(all.filter(({ _tag }) => _tag === "AttemptStarted").length).toBe(2)
    }))

  it.effect("tell of each transition of a circuit breaker", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        key: "db",
        trip: Tripping.consecutive(1),
        openFor: "1 second"
      })
      const program = Effect.gen(function*() {
        yield* Effect.ignore(CircuitBreaker.protect(Effect.fail("down"), breaker))
        yield* Effect.sleep("1 second")
        yield* CircuitBreaker.protect(Effect.void, breaker)
        yield* Effect.scoped(CircuitBreaker.isolate(breaker))
      })
      const all = yield* events(program)
      const told = all.flatMap((event) =>
        event._tag === "CircuitTransition" ? [`${event.key} ${event.from} ${event.to}`] : []
      )
      expect(told.slice(0, 3)).toStrictEqual(["db Closed Open", "db Open HalfOpen", "db HalfOpen Closed"])
    }))

  it.effect("tell of hedges, and count them as attempts", () =>
    Effect.gen(function*() {
      const hedge = yield* Hedge.make({ after: "1 second", key: "search" })
      let number = 0
      const self = Effect.suspend(() => ++number === 1 ? Effect.never : Effect.succeed("second"))
      const all = yield* events(Pipeline.make({ hedge })(self))
      expect(all.map(({ _tag }) => _tag).sort()).toStrictEqual([
        "AttemptEnded",
        "AttemptEnded",
        "AttemptStarted",
        "AttemptStarted",
        "CallEnded",
        "HedgeStarted",
        "HedgeWon"
      ])
      const ended = all.find((event) => event._tag === "CallEnded")
      expect(ended!.attempts).toBe(2)
    }))

  it.effect("within an attempt belong to the call that makes them", () =>
    Effect.gen(function*() {
      const inner = Pipeline.make({ key: "inner" })
      const outer = Pipeline.make({ key: "outer" })
      const guarded = Policy.protect(inner(Effect.void), [])
      const all = yield* events(outer(guarded))
      expect(all.map(({ _tag, key }) => `${key} ${_tag}`)).toStrictEqual([
        "outer AttemptStarted",
        "inner AttemptStarted",
        "inner AttemptEnded",
        "inner CallEnded",
        "outer AttemptEnded",
        "outer CallEnded"
      ])
    }))

  it.effect("come from a plain retry too", () =>
    Effect.gen(function*() {
      const all = yield* events(Retry.retry(failing(2), fixed(2)))
      expect(all.map(({ _tag }) => _tag)).toStrictEqual(["RetryScheduled", "RetryRefused"])
    }))
})

describe("listeners", () => {
  it.effect("hear nothing after their effect has ended", () =>
    Effect.gen(function*() {
      const resilient = Pipeline.make({})
      let heard = 0
      yield* Telemetry.withListener(resilient(Effect.void), () => heard++)
      const before = heard
      yield* resilient(Effect.void)
      expect(before).toBe(3)
      expect(heard).toBe(before)
    }))

  it.effect("that throw harm no call, and are reported once", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(message)))
      const resilient = Pipeline.make({
        listener: Telemetry.listener(() => {
          throw new Error("broken")
        })
      })
      const result = yield* Effect.replicateEffect(resilient(Effect.succeed(1)), 3).pipe(Effect.provide(logger))
      expect(result).toStrictEqual([1, 1, 1])
      expect(lines.length).toBe(1)
    }))

  it.effect("of a pipeline see the events of that pipeline only", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const one = Pipeline.make({
        key: "one",
        listener: Telemetry.listener(({ _tag, key }) => seen.push(`${key} ${_tag}`))
      })
      const other = Pipeline.make({ key: "other" })
      yield* one(Effect.void)
      yield* other(Effect.void)
      expect(seen).toStrictEqual(["one AttemptStarted", "one AttemptEnded", "one CallEnded"])
    }))

  it.effect("of a layer run in the background, in order, and a slow one delays no call", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const live = Telemetry.layer((event) =>
        Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => heard.push(event._tag)))
      )
      const program = Effect.gen(function*() {
        yield* Pipeline.make({})(Effect.void)
        expect(heard).toStrictEqual([])
        yield* TestClock.adjust("3 seconds")
        expect(heard).toStrictEqual(["AttemptStarted", "AttemptEnded", "CallEnded"])
      })
      yield* Effect.provide(program, live)
    }))

  it.effect("that fail in the background are reported once and go on", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(message)))
      let heard = 0
      const live = Telemetry.layer(() => {
        heard++
        return Effect.die("broken")
      })
      const program = Effect.andThen(Pipeline.make({})(Effect.void), Effect.yieldNow().pipe(Effect.repeatN(20)))
      yield* program.pipe(Effect.provide(live), Effect.provide(logger))
      expect(heard).toBe(3)
      expect(lines.length).toBe(1)
    }))

  it.effect("of a layer hear nothing after the layer was released, wherever it was merged", () =>
    Effect.gen(function*() {
      let heard = 0
      const one = Telemetry.layerSync(() => heard++)
      const other = Telemetry.layerSync(() => heard++)
      const live = Layer.mergeAll(one, Layer.scopedDiscard(Effect.addFinalizer(() => Effect.yieldNow())), other)
      const resilient = Pipeline.make({})
      for (let i = 1; i <= 3; i++) {
        yield* Effect.provide(resilient(Effect.void), live)
        expect(heard).toBe(i * 6)
        yield* resilient(Effect.void)
        expect(heard).toBe(i * 6)
      }
    }))

  it.effect("that log, count or trace are there once, however often their layer is provided", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(message)))
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1), openFor: "1 hour" })
      yield* Effect.ignore(Pipeline.make({ key: "twice", policies: [breaker] })(Effect.fail("down"))).pipe(
        Effect.provide(Telemetry.layerLogs),
        Effect.provide(Telemetry.layerAll()),
        // Built beside each other.
        Effect.provide(Layer.merge(Telemetry.layerMetrics(), Telemetry.layerMetrics())),
        Effect.provide(logger)
      )
      expect(lines.length).toBe(1)
      const [attempts] = (yield* metricsOf("reprise.attempts")).filter(({ tags }) => tags["key"] === "twice")
      expect(attempts!.state.count).toBe(1)
    }))

  it.effect("are in force wherever their layer is merged", () =>
    Effect.gen(function*() {
      let heard = 0
      const live = Layer.mergeAll(Layer.empty, Telemetry.layerSync(() => heard++), Layer.scopedDiscard(Effect.void))
      yield* Effect.provide(Pipeline.make({})(Effect.void), live)
      expect(heard).toBe(3)
    }))
})

describe("the monitor", () => {
  it.effect("streams events, and says how many a slow consumer has lost", () =>
    Effect.gen(function*() {
      const { events } = yield* Telemetry.Monitor
      const resilient = Pipeline.make({})
      const lost = yield* events.pipe(
        Stream.tap(() => Effect.sleep("1 milli")),
        Stream.map(({ dropped }) => dropped),
        Stream.filter((dropped) => dropped > 0),
        Stream.runHead,
        Effect.fork
      )
      yield* Effect.yieldNow().pipe(Effect.repeatN(10))
      yield* Effect.replicateEffect(resilient(Effect.void), 1_000)
      yield* TestClock.adjust("5 seconds")
      yield* Effect.replicateEffect(resilient(Effect.void), 1_000)
      yield* TestClock.adjust("5 seconds")
      expect(Option.getOrThrow(yield* Fiber.join(lost))).toBeGreaterThan(900)
    }).pipe(Effect.provide(Telemetry.layerMonitor)))

  it.effect("knows the state of every policy and budget that an attempt has passed", () =>
    Effect.gen(function*() {
      const { snapshots } = yield* Telemetry.Monitor
      const breaker = yield* CircuitBreaker.make({ key: "db", trip: Tripping.consecutive(1), openFor: "1 minute" })
      const bulkhead = yield* Bulkhead.make({ key: "db", maxConcurrent: 3 })
      const budget = yield* RetryBudget.share({ key: "db", ratio: 0, minPerSecond: 1 })
      const resilient = Pipeline.make({ policies: [breaker, bulkhead], budget, retry: fixed(1) })
      yield* Effect.ignore(resilient(Effect.fail("down")))
      yield* TestClock.adjust("10 seconds")
      expect(yield* snapshots).toStrictEqual([
        { policy: "retryBudget", key: "db", left: 10 },
        { policy: "circuitBreaker", key: "db", state: "Open", millis: 10_000, running: 0, waiting: 0 },
        { policy: "bulkhead", key: "db", running: 0, waiting: 0, limit: 3 }
      ])
    }).pipe(Effect.provide(Telemetry.layerMonitor)))

  it.effect("leaves out a policy of the program whose state throws, and so does the health", () =>
    Effect.gen(function*() {
      const inspect = () => {
        throw new Error("broken")
      }
      const own = Policy.make({ admit: () => undefined, source: { policy: "quota", key: "a", inspect } })
      const bulkhead = yield* Bulkhead.make({ key: "db", maxConcurrent: 3 })
      yield* Pipeline.make({ policies: [own, bulkhead] })(Effect.void)
      const { snapshots } = yield* Telemetry.Monitor
      expect((yield* snapshots).map(({ policy }) => policy)).toStrictEqual(["bulkhead"])
      expect((yield* Health.components).map(({ policy }) => policy)).toStrictEqual(["bulkhead"])
    }).pipe(Effect.provide(Telemetry.layerMonitor)))
})

const metricsOf = (name: string) => Effect.map(Services.metrics, (all) => all.filter((one) => one.name === name))

describe("metrics", () => {
  it.effect("count attempts by outcome, retries by reason and rejections by policy", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ key: "m1", trip: Tripping.consecutive(2), openFor: "1 minute" })
      const resilient = Pipeline.make({ key: "m1", policies: [breaker], retry: fixed(2) })
      const fiber = yield* Effect.fork(Effect.ignore(resilient(failing(9))))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      yield* Effect.ignore(resilient(failing(9)))
      const count = (name: string, tags: Record<string, string>) =>
        Effect.map(metricsOf(name), (all) =>
          all.find((one) => Object.entries(tags).every(([key, value]) => one.tags[key] === value))?.state)
      expect(yield* count("reprise.attempts", { key: "m1", outcome: "failure", "error.type": "Down" })).toMatchObject({
        count: 2
      })
      expect(yield* count("reprise.retries", { key: "m1", reason: "backoff" })).toMatchObject({ count: 1 })
      expect(yield* count("reprise.rejections", { key: "m1", policy: "circuitBreaker" })).toMatchObject({ count: 1 })
      expect(yield* count("reprise.circuit_breaker.transitions", { key: "m1", to: "Open" })).toMatchObject({ count: 1 })
      expect(yield* count("reprise.attempt.duration", { key: "m1", unit: "s" })).toMatchObject({ count: 2 })
    }).pipe(Effect.provide(Telemetry.layerMetrics())))

  it.effect("show how long a circuit has been open while it is, without any call", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ key: "m2", trip: Tripping.consecutive(1), openFor: "1 hour" })
      yield* Effect.ignore(Pipeline.make({ policies: [breaker] })(Effect.fail("down")))
      yield* TestClock.adjust("30 seconds")
      const [open] = (yield* metricsOf("reprise.circuit_breaker.open_time")).filter(({ tags }) => tags["key"] === "m2")
      expect(open!.state.value).toBe(30)
    }).pipe(Effect.provide(Telemetry.layerMetrics())))

  it.effect("show a circuit as closed after its breaker was dropped", () =>
    Effect.gen(function*() {
      const valueOf = (name: string) =>
        Effect.map(metricsOf(name), (all) => all.find(({ tags }) => tags["key"] === "m4")?.state.value)
      const breaker = Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ key: "m4", trip: Tripping.consecutive(1), openFor: "1 hour" })
        yield* Effect.ignore(Pipeline.make({ policies: [breaker] })(Effect.fail("down")))
        yield* TestClock.adjust("30 seconds")
        expect(yield* valueOf("reprise.circuit_breaker.state")).toBe(2)
      })
      // In a fiber of its own: nothing holds the breaker after it.
      yield* Effect.flatMap(Effect.fork(breaker), Fiber.await)
      yield* collected
      yield* TestClock.adjust("1 second")
      expect(yield* valueOf("reprise.circuit_breaker.state")).toBe(0)
      expect(yield* valueOf("reprise.circuit_breaker.open_time")).toBe(0)
    }).pipe(Effect.provide(Telemetry.layerMetrics())))

  it.effect("have series for so many keys, and one for all others", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 1_000; i++) yield* Pipeline.make({ key: `m3-${i}` })(Effect.void)
      const keys = (yield* metricsOf("reprise.attempts")).map(({ tags }) => tags["key"]!).filter((key) =>
        /^m3|other/.test(key)
      )
      expect(keys.length).toBe(6)
      expect(keys).toContain("other")
    }).pipe(Effect.provide(Telemetry.layerMetrics({ maxKeys: 5 }))))
})

describe("logs", () => {
  it.effect("have one structured line for each change of a state, and debug lines for retries", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Services.logging(({ annotations, level, message }) =>
        lines.push(`${level} ${String(message)} ${JSON.stringify(annotations)}`)
      )
      const breaker = yield* CircuitBreaker.make({ key: "db", trip: Tripping.consecutive(1), openFor: "1 hour" })
      const resilient = Pipeline.make({ key: "orders", policies: [breaker] })
      yield* Effect.ignore(resilient(Effect.fail("down"))).pipe(
        Effect.provide(Layer.merge(logger, Telemetry.layerLogs))
      )
      expect(lines.length).toBe(1)
      expect(lines[0]).toMatch(
        /^WARN circuit breaker changed its state \{.*"from":"Closed".*\}$|^Warning circuit breaker changed its state/
      )
    }))
})
