import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Logger, Redacted } from "effect"
import { inspect } from "node:util"
import { CircuitBreakerStore } from "reprise/CircuitBreakerStore"
import { InvalidOption } from "reprise/InvalidOption"
import * as Services from "../../reprise/test/services.js"
import * as IoRedis from "../src/IoRedis.js"
import * as NodeRedis from "../src/NodeRedis.js"
import * as Redis from "../src/Redis.js"
import * as RedisStore from "../src/RedisStore.js"
import { onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"
import { about, each, open } from "./support/stores.js"
import { timed } from "./support/waiting.js"

/** A connection that is never asked for anything. */
const NoRedis = Layer.succeed(Redis.Redis, {} as Redis.Service)

const built = (layer: ReturnType<typeof RedisStore.layerConfig>) =>
  Effect.map(Effect.scoped(Layer.build(Layer.provide(layer, NoRedis))), Context.get(CircuitBreakerStore))

const environment = (names: Record<string, string>) => Effect.withConfigProvider(Services.settings(names, "_"))

describe("RedisStore.layer", () => {
  it.effect("exchanges every 100 ms and waits for 250, if nothing else is said", () =>
    Effect.gen(function*() {
      const ordinary = yield* built(RedisStore.layer())
      assert.deepStrictEqual(ordinary.syncInterval, Duration.millis(100))
      assert.deepStrictEqual(ordinary.timeout, Duration.millis(250))
      const other = yield* built(RedisStore.layer({ syncInterval: "2 seconds", timeout: 1, keep: "3 seconds" }))
      assert.deepStrictEqual(other.syncInterval, Duration.seconds(2))
      assert.deepStrictEqual(other.timeout, Duration.millis(1))
    }))

  it("throws for an option out of range, which it names", () => {
    const most = "2147483647 ms (24.8 days)"
    const wrong: ReadonlyArray<readonly [RedisStore.Options, string]> = [
      [{ prefix: "" }, "Invalid option \"prefix\": expected a text that is not empty, got \"\""],
      [{ syncInterval: 0 }, `Invalid option "syncInterval": expected a duration from 1 ms up to ${most}, got 0`],
      [{ syncInterval: NaN }, `Invalid option "syncInterval": expected a duration from 1 ms up to ${most}, got NaN`],
      [{ timeout: "30 days" }, `Invalid option "timeout": expected a duration from 1 ms up to ${most}, got "30 days"`],
      [{ timeout: 0.5 }, `Invalid option "timeout": expected a duration from 1 ms up to ${most}, got 0.5`],
      [{ keep: 100 }, `Invalid option "keep": expected a duration longer than 100 ms up to ${most}, got 100`],
      [
        { keep: "1 second", syncInterval: "1 second" },
        `Invalid option "keep": expected a duration longer than 1000 ms up to ${most}, got "1 second"`
      ]
    ]
    for (const [options, message] of wrong) assert.throws(() => RedisStore.layer(options), InvalidOption, message)
  })
})

describe("RedisStore.layerConfig", () => {
  it.effect("reads the names of config, behind a prefix or none", () =>
    Effect.gen(function*() {
      const names = { PREFIX: "shop", SYNC_INTERVAL: "1 second", TIMEOUT: "20 millis", KEEP: "1 minute" }
      const options = yield* RedisStore.config().pipe(environment(names))
      assert.deepStrictEqual(options, {
        prefix: "shop",
        syncInterval: Duration.seconds(1),
        timeout: Duration.millis(20),
        keep: Duration.minutes(1)
      })
      const store = yield* built(RedisStore.layerConfig(RedisStore.config("SHARED"))).pipe(
        environment({ SHARED_SYNC_INTERVAL: "1 second", SYNC_INTERVAL: "2 seconds" })
      )
      assert.deepStrictEqual(store.syncInterval, Duration.seconds(1))
      const ordinary = yield* built(RedisStore.layerConfig()).pipe(environment({}))
      assert.deepStrictEqual(ordinary.syncInterval, Duration.millis(100))
    }))

  it.effect("fails for what is out of range, or no duration", () =>
    Effect.gen(function*() {
      const outOfRange = yield* built(RedisStore.layerConfig()).pipe(environment({ KEEP: "50 millis" }), Effect.flip)
      assert.match(String(outOfRange), /expected a duration longer than 100 ms up to 2147483647 ms.*got 50ms.*keep/)
      const none = yield* built(RedisStore.layerConfig()).pipe(environment({ TIMEOUT: "soon" }), Effect.flip)
      assert.include(String(none), "TIMEOUT")
    }))

  for (const { config, layerConfig } of [NodeRedis, IoRedis]) {
    it.effect("shares a prefix with its connection: one warning each for other variables, and no secret", () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.make((log) => lines.push(inspect(log, { depth: 9 })))
        )
        const secret = "s3cret"
        const names = {
          SHARED_URL: `redis://user:${secret}@127.0.0.1:1`,
          SHARED_USERNAME: secret,
          SHARED_PASSWORD: secret,
          SHARED_PASSWORT: secret,
          SHARED_KEEP: "1 hour",
          SHARED_COMMAND_TIMEOUT: "0 seconds"
        }
        const live = Layer.provide(
          RedisStore.layerConfig(RedisStore.config("SHARED")),
          layerConfig(config("SHARED"))
        )
        const error = yield* Effect.flip(Effect.scoped(Layer.build(live))).pipe(
          Effect.provide(logger),
          environment(names)
        )
        assert.include(String(error), "expected a duration")
        const unread = "behind the prefix \"SHARED\": PASSWORT (did you mean PASSWORD?)"
        assert.lengthOf(lines.filter((line) => line.includes(unread)), lines.length)
        assert.isNotEmpty(lines)
        assert.notInclude(lines.join() + inspect(error, { depth: 9 }) + JSON.stringify(error), secret)
      }))
  }
})

onEachAdapter("RedisStore without Redis", (adapter) => {
  it.scopedLive("fails as unavailable, at once and with no secret, and goes on when Redis is back, empty", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password: "s3cret" })
      const store = yield* open(adapter, { url: server.url, password: Redacted.make("s3cret") })
      const { look, trip } = about(store, "a")
      yield* trip()
      yield* server.kill
      for (const operation of each(store, "a")) {
        const { error, millis } = yield* timed(operation)
        assert.strictEqual(error?.reason, "unavailable")
        assert.match(
          error?.message ?? "",
          new RegExp(`^The store of shared state: Redis at 127.0.0.1:${server.port}: `)
        )
        assert.notInclude(JSON.stringify(error) + error?.message, "s3cret")
        assert.isBelow(millis, 500)
      }
      yield* server.start
      const standing = yield* Effect.eventually(Effect.delay(look, 5))
      assert.strictEqual(standing.version.generation, 0)
      assert.strictEqual((yield* trip()).version.generation, 2)
    }))

  it.scopedLive("fails as unavailable on a replica, even those who only ask", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const store = yield* open(adapter, { url: server.url })
      yield* about(store, "a").sync({ failure: 1 })
      yield* server.command("REPLICAOF", "127.0.0.1", "1")
      const error = yield* Effect.flip(about(store, "a").look)
      assert.strictEqual(error.reason, "unavailable")
      assert.include(error.message, "it is a replica, which accepts no writes (READONLY)")
    }))
})
