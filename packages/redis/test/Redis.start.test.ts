import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as Net from "node:net"
import { inspect } from "node:util"
import * as Services from "../../reprise/test/services.js"
import * as IoRedis from "../src/IoRedis.js"
import * as NodeRedis from "../src/NodeRedis.js"
import * as Redis from "../src/Redis.js"
import { connect, increment, logTo, onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"
import { refusal } from "./support/refusal.js"

const password = "s3cret p@ss:/#?"
const secret = Redacted.make(password)

onEachAdapter("A start", (adapter) => {
  it.scopedLive("succeeds with the right password, of the options or of the URL", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ password })
      const url = server.url.replace("//", `//default:${encodeURIComponent(password)}@`)
      const options: ReadonlyArray<Redis.Options> = [
        { url },
        { url: Redacted.make(url) },
        { url: server.url, password: secret },
        { url: server.url, username: Redacted.make("default"), password: secret },
        { url: server.url.replace("//", "//:s3cret@"), password: secret }
      ]
      yield* Effect.forEach(options, (options) => Effect.flatMap(connect(adapter, options), ({ ping }) => ping))
    }))

  it.scopedLive("needs no right but those of the calls that are made", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* server.command("ACL", "SETUSER", "app", "on", `>${password}`, "~n", "+eval", "+evalsha", "+incr")
      const redis = yield* connect(adapter, { url: server.url, username: Redacted.make("app"), password: secret })
      assert.strictEqual(yield* redis.run(increment, ["n"], []), 1)
      const errors = yield* Effect.all([
        redis.run(increment, ["other"], []),
        redis.publish("a", "b"),
        redis.ping
      ].map((call) => Effect.flip(call)))
      assert.deepStrictEqual(errors.map(({ code }) => code), ["NOPERM", "NOPERM", "NOPERM"])
    }))

  it.scopedLive("is refused by the name of the version that is too old, and of the one that is needed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* refusal(adapter, { url: yield* saying("redis_version:4.0.14") }),
        ["refused", undefined, "it is Redis 4.0.14, and this needs Redis 5.0 or newer, or Valkey"]
      )
    }))

  it.scopedLive.each(["redis_version:5.0.0", "redis_version:10.2", "valkey_version:8.0.1", "", undefined])(
    "goes on where the version is one that will do, or not told (%s)",
    (version) => Effect.flatMap(saying(version), (url) => Effect.flatMap(connect(adapter, { url }), ({ ping }) => ping))
  )

  it.scopedLive("goes on where the server has no INFO", () =>
    Effect.gen(function*() {
      const { url } = yield* RedisServer.make({ more: ["--rename-command", "INFO", ""] })
      yield* Effect.flatMap(connect(adapter, { url }), ({ ping }) => ping)
    }))
})

/** A server that says this of itself; none that may be asked, where there is nothing. */
const saying = (info: string | undefined) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<Net.Server>((resume) => {
        const answer = info === undefined ? "-NOPERM s3cret\r\n" : `$${info.length}\r\n${info}\r\n`
        const server = Net.createServer((socket) =>
          socket.on("error", () => {}).on("data", (chunk) =>
            socket.write(String(chunk).toLowerCase().includes("info") ? answer : "+PONG\r\n"))
        )
        server.listen(0, "127.0.0.1", () =>
          resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    ),
    (server) => `redis://127.0.0.1:${(server.address() as Net.AddressInfo).port}`
  )

it.scopedLive("A start fails where the server has as many clients as it takes", () =>
  Effect.gen(function*() {
    const server = yield* RedisServer.make()
    yield* server.command("CONFIG", "SET", "maxclients", "1")
    const { ping } = yield* connect(NodeRedis.layer, { url: server.url })
    for (const options of [{ url: server.url }, { url: server.url, password: secret }]) {
      assert.deepStrictEqual(
        yield* refusal(IoRedis.layer, options),
        ["disconnected", "ERR", "it has reached its limit of clients (ERR)"]
      )
    }
    yield* ping
  }))

it.scopedLive("A start takes its options from the environment", () =>
  Effect.gen(function*() {
    const server = yield* RedisServer.make({ password })
    const provide = (entries: ReadonlyArray<readonly [string, string]>) =>
      Layer.provide(Layer.setConfigProvider(Services.settings(Object.fromEntries(entries))))
    const good = [["CACHE.URL", `${server.url}/2`], ["CACHE.PASSWORD", password], ["CACHE.DATABASE", "3"]] as const
    for (const { config, layerConfig } of [NodeRedis, IoRedis]) {
      const live = Layer.provide(layerConfig(config("CACHE")), logTo([]))
      yield* Effect.flatMap(Redis.Redis, ({ run }) => run(increment, ["n"], [])).pipe(
        Effect.provide(live.pipe(provide(good)))
      )
      const failing = (...entries: ReadonlyArray<readonly [string, string]>) =>
        Effect.flip(Effect.scoped(Layer.build(live.pipe(provide([...good, ...entries])))))
      const errors = yield* Effect.all([
        failing(["CACHE.PASSWORD", "s3cret"]),
        failing(["CACHE.COMMAND_TIMEOUT", "0 millis"]),
        failing(["CACHE.TLS_CA", "s3cret"]),
        failing(["CACHE.URL", ":s3cret@"])
      ])
      assert.deepStrictEqual(
        errors.map((error) => error._tag === "RedisError" ? error.reason : "config"),
        ["refused", "config", "refused", "refused"]
      )
      assert.notInclude(inspect(errors, { depth: 20 }) + JSON.stringify(errors), "s3cret")
    }
    assert.match(yield* server.command("INFO", "keyspace"), /db3:keys=1,/)
  }))
