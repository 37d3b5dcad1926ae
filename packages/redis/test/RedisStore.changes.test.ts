import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue, Schedule, Scope, Stream } from "effect"
import type * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import { logTo, onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"
import { about, open } from "./support/stores.js"

type Store = CircuitBreakerStore.Service

const missed = { _tag: "Missed" } as const

/** What is told to one who listens, as it comes, until the fiber is interrupted. */
const listen = (store: Store, lines: Array<string> = []) =>
  Effect.gen(function*() {
    const heard = yield* Queue.unbounded<CircuitBreakerStore.Change>()
    const fiber = yield* store.changes.pipe(
      Stream.runForEach((change) => Queue.offer(heard, change)),
      Effect.provide(logTo(lines)),
      Effect.forkScoped
    )
    return { next: Queue.take(heard), fiber }
  })

/** Waits until so many connections are open. */
const connections = (server: RedisServer.RedisServer, count: number) =>
  Effect.repeat(server.clients, { schedule: Schedule.spaced("5 millis"), until: ({ length }) => length === count })

/** Waits for an outage to be over. */
const back = (store: Store) =>
  Effect.retry(about(store, "back").look, Schedule.spaced("5 millis").pipe(Schedule.upTo("5 seconds")))

layer(RedisServer.Shared.layer, { excludeTestServices: true })(
  "RedisStore.changes",
  (it) =>
    onEachAdapter("changes", (adapter) => {
      it.scoped("says first that something was missed, and then what happens, here and elsewhere", () =>
        Effect.gen(function*() {
          const { url } = yield* RedisServer.fresh
          const [store, other] = yield* Effect.all([open(adapter, { url }), open(adapter, { url })])
          const stranger = yield* open(adapter, { url }, { prefix: "shop" })
          const { next } = yield* listen(store)
          assert.deepStrictEqual(yield* next, missed)
          yield* about(stranger, "a").trip()
          const keys = ["a", "", "\ud800", "\u2028\n\u0000\"\\", "größer ✓ 🎈", "x".repeat(10_240)]
          for (const [i, key] of keys.entries()) {
            const { version } = yield* about(i % 2 === 0 ? store : other, key).trip()
            assert.deepStrictEqual(yield* next, { _tag: "Changed", key, version })
          }
        }))

      it.scoped("takes one connection, however many listen, and for as long as somebody does", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const store = yield* open(adapter, { url: server.url })
          const first = yield* listen(store)
          assert.deepStrictEqual(yield* first.next, missed)
          const second = yield* listen(store)
          // One who comes later knows no more than the first did.
          assert.deepStrictEqual(yield* second.next, missed)
          yield* connections(server, 2)
          yield* Fiber.interrupt(first.fiber)
          const { version } = yield* about(store, "a").trip()
          assert.deepStrictEqual(yield* second.next, { _tag: "Changed", key: "a", version })
          yield* Fiber.interrupt(second.fiber)
          yield* connections(server, 1)
          const third = yield* listen(store)
          assert.deepStrictEqual(yield* third.next, missed)
          yield* connections(server, 2)
        }))

      it.scoped("leaves no connection behind when the layer is closed while somebody listens", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const scope = yield* Scope.make()
          const store = yield* Scope.extend(open(adapter, { url: server.url }), scope)
          const { next } = yield* listen(store)
          yield* next
          yield* Scope.close(scope, Exit.void)
          yield* connections(server, 0)
        }))

      it.scoped("says after an outage that something was missed, and goes on", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.make()
          const store = yield* open(adapter, { url: server.url })
          const lines: Array<string> = []
          const before = yield* listen(store, lines)
          assert.deepStrictEqual(yield* before.next, missed)
          yield* server.kill
          const isKnown = () => lines.some((line) => line.includes("no subscription until it is back"))
          yield* Effect.repeat(Effect.sleep(5), { until: isKnown })
          const during = yield* listen(store)
          yield* server.start
          yield* back(store)
          assert.deepStrictEqual(yield* before.next, missed)
          assert.deepStrictEqual(yield* during.next, missed)
          const { version } = yield* about(store, "a").trip()
          for (const { next } of [before, during]) {
            assert.deepStrictEqual(yield* next, { _tag: "Changed", key: "a", version })
          }
        }))

      it.scoped("skips what no member has sent, with one line in the log", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const store = yield* open(adapter, { url: server.url })
          const lines: Array<string> = []
          const { next } = yield* listen(store, lines)
          assert.deepStrictEqual(yield* next, missed)
          const version = { epoch: 1, generation: 1 }
          const garbage = [
            "secret",
            "",
            "null",
            "[]",
            "{\"format\":1,",
            JSON.stringify({ format: 2, key: "b", ...version }),
            JSON.stringify({ format: 1, key: 1, ...version }),
            JSON.stringify({ format: 1, key: "b", epoch: "1", generation: 1 }),
            JSON.stringify({ format: 1, key: "b", epoch: 1 })
          ]
          for (const message of garbage) yield* server.command("PUBLISH", "reprise:breaker:1", message)
          yield* server.command("PUBLISH", "reprise:breaker:1", JSON.stringify({ format: 1, key: "a", ...version }))
          assert.deepStrictEqual(yield* next, { _tag: "Changed", key: "a", version })
          const skipped = lines.filter((line) => line.includes("skipping"))
          assert.deepStrictEqual(skipped, [
            "WARN Redis channel \"reprise:breaker:1\": skipping messages that no member has sent"
          ])
        }))

      it.scoped("tells one who is slow that it has missed some, and delays nobody", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const store = yield* open(adapter, { url: server.url })
          const quick = yield* listen(store)
          assert.deepStrictEqual(yield* quick.next, missed)
          const slow = yield* Stream.toPull(store.changes)
          assert.deepStrictEqual(Array.from(yield* slow), [missed])
          const publish = "for n = 1, 3000 do redis.call('PUBLISH', 'reprise:breaker:1', " +
            "'{\"format\":1,\"key\":\"a\",\"epoch\":1,\"generation\":' .. n .. '}') end"
          yield* server.command("EVAL", publish, "0")
          const generations = yield* Effect.replicateEffect(quick.next, 3_000)
          assert.isTrue(
            generations.every((change, i) => change._tag === "Changed" && change.version.generation === i + 1)
          )
          const kept = Array.from(yield* slow)
          assert.isBelow(kept.length, 2_000)
          assert.deepStrictEqual(kept.at(-1), missed)
          assert.strictEqual(kept.filter(({ _tag }) => _tag === "Missed").length, 1)
        }))
    })
)
