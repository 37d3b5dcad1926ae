import { assert, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { connect, onEachAdapter } from "./support/adapters.js"
import * as Proxy from "./support/proxy.js"
import * as RedisServer from "./support/redisServer.js"
import { printed, refusal } from "./support/refusal.js"

const password = "s3cret p@ss:/#?"
const secret = Redacted.make(password)

onEachAdapter("A start", (adapter) => {
  it.scopedLive("fails with a wrong password, with none, and with one that is not wanted", () =>
    Effect.gen(function*() {
      const guarded = yield* RedisServer.make({ password })
      const { url } = guarded
      const wrong = ["refused", "WRONGPASS", "user name or password are wrong (WRONGPASS)"]
      assert.deepStrictEqual(yield* refusal(adapter, { url, password: Redacted.make("s3cret") }), wrong)
      assert.deepStrictEqual(
        yield* refusal(adapter, { url, username: Redacted.make("s3cret"), password: secret }),
        wrong
      )
      assert.deepStrictEqual(
        yield* refusal(adapter, { url: url.replace("//", "//:s3cret@") }),
        wrong
      )
      const [reason, code] = yield* refusal(adapter, { url })
      assert.deepStrictEqual([reason, code], ["refused", "NOAUTH"])
      const open = yield* RedisServer.make()
      assert.deepStrictEqual(
        yield* refusal(adapter, { url: open.url, password: secret }),
        ["refused", "ERR", "it has no password, but the options have one (ERR)"]
      )
    }))

  it.scopedLive("fails where nobody listens, where the host is unknown and where the database does not exist", () =>
    Effect.gen(function*() {
      const port = yield* RedisServer.freePort
      assert.deepStrictEqual(
        yield* refusal(adapter, { url: `redis://:s3cret@127.0.0.1:${port}` }),
        ["disconnected", "ECONNREFUSED", "nobody listens there (ECONNREFUSED)"]
      )
      const [reason, code] = yield* refusal(adapter, { url: "redis://:s3cret@nowhere.invalid" })
      assert.strictEqual(reason, "disconnected")
      assert.oneOf(code, ["ENOTFOUND", "EAI_AGAIN"])
      const server = yield* RedisServer.make()
      assert.deepStrictEqual(
        yield* refusal(adapter, { url: `${server.url}/99` }),
        ["refused", "ERR", "it has no database 99 (ERR)"]
      )
    }))

  it.scopedLive("fails where the server takes the connection and says nothing, and leaves none open", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      yield* proxy.blackHole
      const plain = yield* refusal(adapter, { url: proxy.url }, 150)
      assert.deepStrictEqual(plain, ["timeout", undefined, "not connected within 150 ms"])
      const [reason] = yield* refusal(adapter, { url: proxy.url.replace("redis", "rediss") }, 150)
      assert.strictEqual(reason, "timeout")
      yield* Effect.repeat(Effect.sleep(5), { until: () => proxy.open() === 0 })
      const degraded = connect(adapter, { url: proxy.url, startDegraded: true, commandTimeout: "100 millis" })
      const [duration] = yield* Effect.timed(degraded)
      assert.isBelow(Duration.toMillis(duration), 1_000)
    }))

  it.effect("fails with a URL that is none, though it may be degraded, and shows nothing of it", () =>
    Effect.gen(function*() {
      const urls = [
        "s3cret",
        "localhost:6379",
        "http://:s3cret@localhost",
        "redis://:s3cret#x@localhost",
        "redis://user:1234#s3cret@localhost",
        "redis://:s3cret/x@localhost",
        "redis://s3cret?x@localhost",
        "redis://:s3cret%zz@localhost",
        "redis://localhost:0",
        "redis://localhost:70000",
        "redis://localhost/s3cret",
        "redis://localhost/1/2",
        "redis://",
        ""
      ]
      for (const url of urls) {
        const exit = yield* Effect.exit(Effect.scoped(connect(adapter, { url, startDegraded: true })))
        assert.notInclude(printed(exit, []), "s3cret")
        const error = yield* Effect.flip(exit)
        assert.deepStrictEqual([error.reason, error.server], ["refused", ""], url)
        assert.include(error.message, "Redis: the URL is not valid; expected redis://host:port/database")
      }
      const tls = yield* Effect.flip(Effect.scoped(connect(adapter, { url: "redis://localhost", tls: {} })))
      assert.strictEqual(tls.reason, "refused")
      assert.include(tls.message, "expected rediss:")
    }))

  it("throws InvalidOption for numbers and durations out of range", () => {
    const url = "redis://localhost"
    assert.throws(() => adapter({ url, database: -1 }), /"database"/)
    assert.throws(() => adapter({ url, database: 0.5 }), /"database"/)
    assert.throws(() => adapter({ url, commandTimeout: 0 }), /"commandTimeout"/)
    assert.throws(() => adapter({ url, connectTimeout: Infinity }), /"connectTimeout"/)
  })
})
