import { assert, it } from "@effect/vitest"
import type { Scope } from "effect"
import { Context, Effect, Fiber, Layer, Option, Queue, Random, Stream } from "effect"
import * as adapter from "../src/internal/adapter.js"
import type { Driver } from "../src/internal/connection.js"
import * as Redis from "../src/Redis.js"
import { logTo } from "./support/adapters.js"
import { VirtualClock } from "./support/virtualClock.js"

/** A client library without a network, and the times of its attempts to connect. */
const make = () => {
  const state = {
    isUp: true,
    answers: true,
    throws: false,
    attempts: [] as Array<number>,
    open: 0,
    sent: 0,
    lose: () => {},
    listeners: [] as Array<(message: string) => void>
  }
  const answer = () => state.answers ? Promise.resolve("PONG") : new Promise(() => {})
  const driver: Driver = {
    isReply: (error): error is Error => error instanceof Error,
    make: (_, onLost) => {
      state.attempts.push(clock.millis)
      if (state.throws) throw new TypeError("a mistake of the library")
      state.open++
      state.lose = () => onLost({ code: "ECONNRESET" })
      return {
        connect: () => state.isUp ? Promise.resolve() : Promise.reject({ code: "ECONNREFUSED" }),
        send: (args) => {
          state.sent++
          return args.includes("never") ? new Promise(() => {}) : answer()
        },
        subscribe: (_, listener) => {
          state.listeners.push(listener)
          return answer()
        },
        destroy: () => state.open--
      }
    }
  }
  const clock = new VirtualClock()
  const pass = (millis: number) => clock.pass(millis)
  const lines: Array<string> = []
  const connect = (options?: Partial<Redis.Options>) =>
    Layer.build(
      adapter.layer({ name: "fake", load: () => Promise.resolve({ driver }) }, { url: "redis://[::1]", ...options })
        .pipe(
          Layer.provide(logTo(lines))
        )
    ).pipe(Effect.map(Context.get(Redis.Redis)), Effect.fork, Effect.tap(() => pass(50)), Effect.flatMap(Fiber.join))
  return { clock, state, pass, connect, lines }
}

/** A test on a clock and with a seed of its own. */
const virtual = <E>(name: string, test: (fake: ReturnType<typeof make>) => Effect.Effect<void, E, Scope.Scope>) =>
  it.scoped(name, () => {
    const fake = make()
    return test(fake).pipe(Effect.withClock(fake.clock), Effect.withRandom(Random.make("redis")))
  })

virtual(
  "A connection that swallows everything is given up within seconds, though no caller waits until that is known",
  ({ connect, pass, state }) =>
    Effect.gen(function*() {
      const redis = yield* connect()
      state.answers = false
      for (let second = 0; second < 7; second++) {
        yield* Effect.fork(Effect.timeoutOption(redis.ping, "100 millis"))
        yield* pass(1_000)
      }
      assert.lengthOf(state.attempts, 2)
      state.answers = true
      yield* pass(10_000)
      yield* redis.ping
    })
)

const gaps = (times: ReadonlyArray<number>) => times.slice(1).map((time, n) => time - times[n]!)

virtual(
  "An outage is met by attempts that come ever less often, and never later than 750 ms after the last",
  ({ connect, lines, pass, state }) =>
    Effect.gen(function*() {
      state.isUp = false
      yield* connect({ startDegraded: true })
      yield* pass(60_000)
      assert.isAtLeast(state.attempts.length, 80)
      assert.isAtMost(state.attempts.length, 320)
      assert.isAtMost(Math.max(...gaps(state.attempts)), 780)
      assert.isAbove(new Set(gaps(state.attempts)).size, 20)
      assert.isAtMost(state.open, 1)
      assert.deepStrictEqual(lines, [
        "WARN Redis at [::1]:6379: nobody listens there (ECONNREFUSED); no connection until it is back"
      ])
      state.isUp = true
      yield* pass(800)
      assert.strictEqual(lines.length, 2)
    })
)

virtual(
  "A server that takes every connection and drops it is not asked ever faster",
  ({ connect, pass, state }) =>
    Effect.gen(function*() {
      yield* connect()
      const dropping = yield* Effect.fork(
        Effect.forever(Effect.zipRight(Effect.sleep(20), Effect.sync(() => state.lose())))
      )
      yield* pass(30_000)
      yield* Fiber.interrupt(dropping)
      assert.isAtMost(state.attempts.length, 160)
      yield* pass(2_000)
      const before = state.attempts.length
      state.lose()
      yield* pass(70)
      assert.strictEqual(state.attempts.length, before + 1)
    })
)

virtual(
  "A call without an answer costs the connection only where nothing else is answered",
  ({ connect, pass, state }) =>
    Effect.gen(function*() {
      const redis = yield* connect()
      const script = Redis.script({ lua: "", decode: Option.some })
      const slow = yield* Effect.fork(Effect.flip(redis.run(script, ["never"], [])))
      yield* pass(500)
      yield* redis.ping
      yield* pass(510)
      assert.strictEqual((yield* Fiber.join(slow)).reason, "timeout")
      yield* redis.ping
      assert.strictEqual(state.attempts.length, 1)
      const lost = yield* Effect.fork(Effect.flip(redis.run(script, ["never"], [])))
      yield* pass(1_010)
      const { message } = yield* Fiber.join(lost)
      assert.strictEqual(message, "Redis at [::1]:6379: no answer within 1000 ms; the command may have been executed")
      yield* pass(100)
      assert.strictEqual(state.attempts.length, 2)
    })
)

virtual(
  "A subscription over which nothing comes notices that its connection is dead",
  ({ connect, lines, pass, state }) =>
    Effect.gen(function*() {
      const redis = yield* connect()
      yield* Effect.forkScoped(Effect.provide(Stream.runDrain(redis.subscribe("a")), logTo(lines)))
      yield* pass(60_000)
      assert.strictEqual(state.attempts.length, 2)
      state.answers = false
      yield* pass(6_100)
      assert.include(
        lines.at(-1),
        "it did not answer for 1000 ms, so the connection was closed; no subscription until"
      )
      state.answers = true
      yield* pass(6_000)
      assert.include(lines.slice(-2).join("\n"), "subscription established")
      assert.strictEqual(state.open, 2)
    })
)

virtual(
  "A subscription takes nothing more from a connection that was lost",
  ({ connect, pass, state }) =>
    Effect.gen(function*() {
      const redis = yield* connect()
      const messages = yield* Queue.unbounded<string>()
      yield* redis.subscribe("a").pipe(
        Stream.runForEach((message) => Queue.offer(messages, message)),
        Effect.forkScoped
      )
      yield* pass(100)
      state.listeners[0]!("one")
      state.lose()
      state.listeners[0]!("two")
      yield* pass(1_000)
      state.listeners[0]!("two")
      state.listeners[1]!("two")
      yield* pass(10)
      assert.deepStrictEqual(Array.from(yield* Queue.takeAll(messages)), ["one", "two"])
    })
)

virtual(
  "A call that comes with the loss of the connection is not sent",
  ({ connect, pass, state }) =>
    Effect.gen(function*() {
      const redis = yield* connect()
      yield* redis.ping
      const { sent } = state
      state.lose()
      const error = yield* Effect.flip(redis.ping)
      assert.strictEqual(error.message, "Redis at [::1]:6379: the connection was lost (ECONNRESET)")
      assert.strictEqual(state.sent, sent)
      yield* pass(100)
      yield* redis.ping
    })
)

virtual(
  "A defect of a client library is an outage, and not the end",
  ({ connect, pass, state }) =>
    Effect.gen(function*() {
      state.throws = true
      const failed = yield* Effect.flip(connect())
      assert.strictEqual(failed.reason, "disconnected")
      const redis = yield* connect({ startDegraded: true })
      assert.strictEqual((yield* Effect.flip(redis.ping)).reason, "disconnected")
      state.throws = false
      yield* pass(1_000)
      yield* redis.ping
    })
)

virtual(
  "The scope of a layer that was built where nothing can be interrupted can be closed",
  ({ connect, state }) =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.uninterruptible(connect()))
      assert.strictEqual(state.open, 0)
    })
)

it.effect("A client library that is not installed is named", () =>
  Effect.gen(function*() {
    const missing = adapter.layer({ name: "iovalkey", load: () => import("no-such-package" as string) }, {
      url: "redis://h"
    })
    const error = yield* Effect.flip(Effect.scoped(Layer.build(missing)))
    assert.strictEqual(error.message, "Redis at h:6379: the package \"iovalkey\" cannot be loaded; is it installed?")
    assert.strictEqual(error.reason, "refused")
  }))
