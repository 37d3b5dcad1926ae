import { assert, it, layer } from "@effect/vitest"
import { Context, Effect, Either, Fiber, Layer, Stream } from "effect"
import * as cluster from "../src/internal/cluster.js"
import * as IoRedis from "../src/IoRedis.js"
import * as NodeRedis from "../src/NodeRedis.js"
import type * as Redis from "../src/Redis.js"
import { eventually } from "./fleet/fleet.js"
import { type Adapter, connect, echo, increment, logTo, onEachAdapter } from "./support/adapters.js"
import * as RedisCluster from "./support/redisCluster.js"
import { timed, watchResources } from "./support/waiting.js"

class Shared extends Context.Tag("test/RedisCluster")<Shared, RedisCluster.RedisCluster>() {
  static readonly layer = Layer.scoped(Shared, RedisCluster.make())
}

const keys = Array.from({ length: 30 }, (_, n) => `n:{${n}}`)

const incrementAll = (redis: Redis.Service) =>
  Effect.forEach(keys, (key) => redis.run(increment, [key], []), { concurrency: "unbounded" })

layer(Shared.layer, { excludeTestServices: true })("Redis.Redis", (it) =>
  onEachAdapter("A cluster", (adapter) => {
    const setUp = Effect.gen(function*() {
      const { masters, ...rest } = yield* Shared
      for (const { command } of masters) {
        yield* Effect.all([command("FLUSHALL"), command("SCRIPT", "FLUSH"), command("CONFIG", "RESETSTAT")])
      }
      const lines: Array<string> = []
      const redis = yield* connect(adapter, { url: masters[0]!.url }, lines)
      return { masters, redis, lines, ...rest }
    })

    it.scoped("has each script run by the node of its key, with the source once to each node", () =>
      Effect.gen(function*() {
        const { masters, redis } = yield* setUp
        assert.deepStrictEqual(yield* incrementAll(redis), keys.map(() => 1))
        assert.deepStrictEqual(yield* incrementAll(redis), keys.map(() => 2))
        for (const { command } of masters) {
          const size = Number((yield* command("DBSIZE")).slice(1))
          assert.isAbove(size, 3)
          const stats = yield* command("INFO", "commandstats")
          // None of them went to the wrong node.
          const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])
          assert.strictEqual(calls, 2 * size)
          yield* command("SCRIPT", "FLUSH")
        }
        assert.deepStrictEqual(yield* incrementAll(redis), keys.map(() => 3))
      }))

    it.scoped("is followed where a slot moves, and while it does", () =>
      Effect.gen(function*() {
        const { begin, masters, migrate, ownerOf, redis } = yield* setUp
        const owner = yield* ownerOf("n:{a}")
        const other = (owner + 1) % 3
        assert.strictEqual(yield* redis.run(increment, ["n:{a}"], []), 1)
        yield* begin("n:{a}", other)
        assert.strictEqual(yield* redis.run(increment, ["n:{a}"], []), 2)
        // It is not there yet, and a script that is not known there either.
        assert.strictEqual(yield* redis.run(increment, ["m:{a}"], []), 1)
        assert.deepStrictEqual(yield* redis.run(echo, ["o:{a}"], ["x"]), ["o:{a}", "x"])
        yield* migrate("n:{a}", other)
        assert.strictEqual(yield* redis.run(increment, ["n:{a}"], []), 3)
        assert.strictEqual(yield* redis.run(increment, ["m:{a}"], []), 2)
        yield* masters[owner]!.command("CONFIG", "RESETSTAT")
        assert.strictEqual(yield* redis.run(increment, ["n:{a}"], []), 4)
        assert.notInclude(yield* masters[owner]!.command("INFO", "commandstats"), "cmdstat_evalsha:calls=1")
        yield* migrateBack(masters, "n:{a}", other, owner)
      }))

    it.scoped("carries a message from any node to any other", () =>
      Effect.gen(function*() {
        const { masters, redis } = yield* setUp
        const heard: Array<string> = []
        const listening = yield* Effect.fork(
          Stream.runForEach(redis.subscribe("news"), (message) => Effect.sync(() => void heard.push(message)))
        )
        yield* eventually(
          Effect.flatMap(redis.publish("news", "hello"), () => Effect.succeed(heard.length)),
          (n) => n > 0
        )
        for (const { command } of masters) yield* command("PUBLISH", "news", "from a node")
        yield* eventually(Effect.sync(() => heard.filter((one) => one === "from a node").length), (n) => n === 3)
        yield* Fiber.interrupt(listening)
      }))

    it.scoped("refuses a script whose keys are not in one slot, and a database, by name", () =>
      Effect.gen(function*() {
        const { masters, redis } = yield* setUp
        const both = { ...increment, numberOfKeys: undefined }
        const crossed = yield* Effect.flip(redis.run(both, ["a", "b"], []))
        assert.deepStrictEqual([crossed.reason, crossed.code], ["reply", "CROSSSLOT"])
        const { description } = yield* Effect.flip(Effect.scoped(connect(adapter, { url: `${masters[0]!.url}/1` })))
        assert.strictEqual(description, "it has no database 1 (ERR)")
      }))

    it.scoped("leaves no connection open", () =>
      Effect.gen(function*() {
        const { masters } = yield* Shared
        const left = yield* watchResources
        yield* Effect.scoped(Effect.flatMap(connect(adapter, { url: masters[1]!.url }), incrementAll))
        assert.deepStrictEqual(yield* left, [])
      }))
  }))

/** So that the other library finds it as it was. */
const migrateBack = (masters: RedisCluster.RedisCluster["masters"], key: string, from: number, to: number) =>
  Effect.gen(function*() {
    const id = (yield* masters[to]!.command("CLUSTER", "MYID")).split("\r\n")[1]!
    const slot = String(cluster.slotOf(key))
    yield* masters[from]!.command("FLUSHALL")
    // A node that has not imported a slot takes no new epoch for it, and gives the slot up when it hears an older message.
    const before = (yield* masters[from]!.command("CLUSTER", "MYID")).split("\r\n")[1]!
    yield* masters[to]!.command("CLUSTER", "SETSLOT", slot, "IMPORTING", before)
    yield* Effect.forEach([masters[to]!, ...masters], ({ command }) => command("CLUSTER", "SETSLOT", slot, "NODE", id))
  })

it.scopedLive("A cluster whose master is killed serves the other keys at once, and all when its replica has taken over", () =>
  Effect.gen(function*() {
    const { masters, ownerOf, replica } = yield* RedisCluster.make({ replica: true })
    const lines: Array<string> = []
    // The one that is named first dies.
    const setUp = (adapter: Adapter) =>
      Effect.gen(function*() {
        const redis = yield* connect(adapter, { url: masters[0]!.url, commandTimeout: "500 millis" }, lines)
        yield* incrementAll(redis)
        const heard: Array<string> = []
        const listening = Stream.runForEach(
          redis.subscribe("news"),
          (message) => Effect.sync(() => heard.push(message))
        )
        yield* Effect.forkScoped(Effect.provide(listening, logTo(lines)))
        yield* eventually(redis.publish("news", "before"), () => heard.length > 0)
        return { redis, heard }
      })
    const all = yield* Effect.forEach([NodeRedis.layer, IoRedis.layer], setUp)
    const owners = yield* Effect.forEach(keys, ownerOf)
    yield* masters[0]!.kill
    yield* Effect.sleep("20 millis")
    for (const { redis } of all) {
      for (const [i, key] of keys.entries()) {
        const { error, millis } = yield* timed(redis.run(increment, [key], []))
        assert.isBelow(millis, 450)
        assert.strictEqual(error?.reason ?? "ok", owners[i] === 0 ? "node" : "ok")
      }
    }
    for (const { heard, redis } of all) {
      yield* eventually(Effect.either(incrementAll(redis)), Either.isRight, 8_000)
      // It listens elsewhere.
      const before = heard.length
      yield* eventually(redis.publish("news", "after"), () => heard.length > before)
    }
    const warnings = lines.filter((line) => line.startsWith("WARN"))
    assert.deepStrictEqual([...new Set(warnings)].map((line) => line.slice(line.indexOf(";"))).sort(), [
      "; no connection until it is back",
      "; no subscription until it is back"
    ])
    assert.isAtMost(warnings.length, 8)
    assert.isAbove(Number((yield* replica!.command("DBSIZE")).slice(1)), 3)
  }))

it("The slot of a key is that of its first part in braces that is not empty, or of the whole", () => {
  // 0x31c3 is what the specification gives for the checksum of these digits.
  assert.strictEqual(cluster.slotOf("123456789"), 0x31c3)
  assert.strictEqual(cluster.slotOf("žluťoučký"), cluster.slotOf("x{žluťoučký}"))
  assert.strictEqual(cluster.slotOf("a{bar}{foo}"), cluster.slotOf("bar"))
  assert.strictEqual(cluster.slotOf("a{{bar}}"), cluster.slotOf("{bar"))
  assert.notStrictEqual(cluster.slotOf("{}{bar}"), cluster.slotOf("bar"))
})
