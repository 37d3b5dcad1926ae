import { HttpApp } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope, Stream, TestClock } from "effect"
import * as Telemetry from "reprise/Telemetry"
import * as LivePage from "../src/LivePage.js"

/** A monitor of one policy that counts how often it is looked at. */
const monitor = (runningAt: (nowMillis: number) => number) => {
  const looks: Array<number> = []
  const source: Telemetry.Source = {
    policy: "bulkhead",
    key: "db",
    inspect: (nowMillis) => {
      looks.push(nowMillis)
      return { policy: "bulkhead", key: "db", running: runningAt(nowMillis) }
    }
  }
  const service = { events: Stream.never, snapshots: Effect.succeed([]), sources: Effect.succeed([source]) }
  return { looks, service }
}

/** The lines of one connection, on the virtual clock. */
const connect = (
  page: HttpApp.Default<never, Telemetry.Monitor | Scope.Scope>,
  service: typeof Telemetry.Monitor.Service
) =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime<Telemetry.Monitor>()
    const handler = HttpApp.toWebHandlerRuntime<Telemetry.Monitor>(runtime)(page)
    const response = yield* Effect.promise(() => handler(new Request("http://h.test/events")))
    const lines = yield* Stream.fromReadableStream(() => response.body!, (error) => error).pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.filter((line) => line !== ""),
      Stream.runCollect
    )
    return Array.from(lines)
  }).pipe(Effect.provideService(Telemetry.Monitor, service))

/** Second by second. The response is read by promises, which take turns with the fibers. */
const untilEnd = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) =>
  Effect.zipRight(TestClock.adjust("1 second"), Effect.promise(() => new Promise<void>(setImmediate))).pipe(
    Effect.repeat({ until: () => Boolean(fiber.unsafePoll()) }),
    Effect.zipRight(Fiber.join(fiber))
  )

describe("a connection", () => {
  it.effect("sends 10 samples, one per second, and ends: then the browser connects again", () =>
    Effect.gen(function*() {
      const { looks, service } = monitor((nowMillis) => nowMillis)
      const viewer = yield* Effect.fork(connect(LivePage.make(), service))
      const lines = yield* untilEnd(viewer)
      assert.strictEqual(lines[0], "retry: 500")
      assert.lengthOf(lines.filter((line) => line.startsWith("data: ")), 10)
      assert.deepStrictEqual(
        looks.map((look) => look - looks[0]!),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => n * 1_000)
      )
    }))

  it.effect("sends a comment while nothing changes", () =>
    Effect.gen(function*() {
      const { service } = monitor(() => 3)
      const viewer = yield* Effect.fork(connect(LivePage.make(), service))
      const [, first, ...others] = yield* untilEnd(viewer)
      assert.include(first, "\"running\":3")
      assert.deepStrictEqual(others, Array.from({ length: 9 }, () => ": no change"))
    }))

  it.effect("shares its samples with the other connections", () =>
    Effect.gen(function*() {
      const { looks, service } = monitor((nowMillis) => nowMillis)
      const page = LivePage.make()
      const viewers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(connect(page, service)))
      const [one, ...others] = yield* Effect.forEach(viewers, untilEnd)
      for (const other of others) assert.deepStrictEqual(other, one)
      assert.lengthOf(looks, 10)
    }))
})
