import { assert, layer } from "@effect/vitest"
import { Effect, Option, Predicate } from "effect"
import * as Redis from "../src/Redis.js"
import { connect, echo, increment, onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"

layer(RedisServer.Shared.layer, { excludeTestServices: true })(
  "Redis.run",
  (it) =>
    onEachAdapter("a script", (adapter) => {
      it.scoped("runs a script that the server does not have yet, and one that it was made to forget", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const redis = yield* connect(adapter, { url: server.url })
          assert.strictEqual(yield* redis.run(increment, ["n"], []), 1)
          yield* server.command("SCRIPT", "FLUSH")
          assert.strictEqual(yield* redis.run(increment, ["n"], []), 2)
        }))

      it.scoped("sends the source only where the server does not know the script", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const redis = yield* connect(adapter, { url: server.url })
          yield* redis.run(increment, ["n"], [])
          yield* server.command("CONFIG", "RESETSTAT")
          yield* Effect.forEach(["a", "b", "c"], (key) => redis.run(increment, [key], []))
          const known = yield* server.command("INFO", "commandstats")
          assert.match(known, /cmdstat_evalsha:calls=3,/)
          assert.notMatch(known, /cmdstat_eval:|cmdstat_script/)
          yield* server.command("SCRIPT", "FLUSH")
          yield* server.command("CONFIG", "RESETSTAT")
          yield* redis.run(increment, ["n"], [])
          const forgotten = yield* server.command("INFO", "commandstats")
          assert.match(forgotten, /cmdstat_evalsha:calls=1,/)
          assert.match(forgotten, /cmdstat_eval:calls=1,/)
        }))

      it.scoped("gives keys and arguments to the script as they are", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const redis = yield* connect(adapter, { url: server.url })
          const texts = ["", "\r\n+OK\r\n", "a\u0000b", "žluťoučký 🐎", "x".repeat(10_240), "$5\r\n'\"\\", "-1"]
          const echoed = yield* Effect.forEach(texts, (text) => redis.run(echo, [`key ${text}`], [text]))
          assert.deepStrictEqual(echoed, texts.map((text) => [`key ${text}`, text]))
          assert.deepStrictEqual(yield* redis.run(echo, ["n"], [1.5]), ["n", "1.5"])
        }))

      it.scoped("gives what the script answers to its decoder", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const redis = yield* connect(adapter, { url: server.url })
          const all = Redis.script({
            lua: "return {1, 'text', redis.status_reply('FINE'), true, {{}, {2}}, false, ''}",
            decode: Option.some<Redis.Reply>
          })
          assert.deepStrictEqual(yield* redis.run(all, [], []), [1, "text", "FINE", 1, [[], [2]], null, ""])
          const nothing = Redis.script({ lua: "return nil", decode: Option.some<Redis.Reply> })
          assert.isNull(yield* redis.run(nothing, [], []))
        }))

      it.scoped("runs a hundred calls at a time, each with its own answer", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const redis = yield* connect(adapter, { url: server.url })
          const numbers = Array.from({ length: 100 }, (_, n) => String(n))
          const echoed = yield* Effect.forEach(numbers, (n) => redis.run(echo, [n], [n]), { concurrency: "unbounded" })
          assert.deepStrictEqual(echoed, numbers.map((n) => [n, n]))
        }))

      it.scoped("works in the database of the URL or the option", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const ofUrl = yield* connect(adapter, { url: `${server.url}/3` })
          const ofOption = yield* connect(adapter, { url: `${server.url}/3`, database: 4 })
          yield* ofUrl.run(increment, ["n"], [])
          assert.strictEqual(yield* ofUrl.run(increment, ["n"], []), 2)
          assert.strictEqual(yield* ofOption.run(increment, ["n"], []), 1)
          assert.match(yield* server.command("INFO", "keyspace"), /db3:keys=1,.*\r\ndb4:keys=1,/)
        }))

      it.scoped("fails with the code of the server's error, and tells nothing else of it", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const redis = yield* connect(adapter, { url: server.url })
          const fail = (lua: string) =>
            Effect.flip(redis.run(Redis.script({ lua, decode: Option.some }), ["secret-key"], ["secret-argument"]))
          yield* server.command("SET", "secret-key", "secret-text")
          const errors = yield* Effect.forEach([
            "return redis.call('LPUSH', KEYS[1], ARGV[1])",
            "return redis.error_reply('MINE ' .. KEYS[1])",
            "return redis.error_reply(ARGV[1])",
            "error(ARGV[1])",
            "this is not lua",
            "return redis.call('NOSUCH', ARGV[1])"
          ], fail)
          assert.deepStrictEqual(errors.map(({ code }) => code), ["WRONGTYPE", "MINE", "ERR", "ERR", "ERR", "ERR"])
          assert.isTrue(errors.every(({ reason }) => reason === "reply"))
          assert.notInclude(JSON.stringify(errors) + errors.join(), "secret")
          yield* server.command("CONFIG", "SET", "maxmemory", "1")
          const full = yield* Effect.flip(redis.run(increment, ["n"], []))
          assert.strictEqual(
            full.message,
            `Redis at 127.0.0.1:${server.port}: its memory is full; it needs a larger maxmemory, ` +
              "or a policy to evict keys (OOM)"
          )
        }))

      it.scoped("fails where the script answers something else than it should", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const redis = yield* connect(adapter, { url: server.url })
          const wrong = Redis.script({ lua: "return ARGV[1]", decode: Option.liftPredicate(Predicate.isNumber) })
          const error = yield* Effect.flip(redis.run(wrong, [], ["secret"]))
          assert.strictEqual(error.reason, "reply")
          assert.isUndefined(error.code)
          assert.notInclude(JSON.stringify(error), "secret")
        }))

      it.scoped("dies where the number of keys is not that of the script", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const redis = yield* connect(adapter, { url: server.url })
          const defect = yield* redis.run(increment, ["a", "b"], []).pipe(Effect.catchAllDefect(Effect.succeed))
          assert.strictEqual(String(defect), "InvalidOption: Invalid option \"keys.length\": expected 1, got 2")
        }))
    })
)
