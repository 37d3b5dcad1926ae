import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { noVersion } from "reprise/CircuitBreakerStore"
import * as NodeRedis from "../src/NodeRedis.js"
import { onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"
import { about, each, nameOf, open } from "./support/stores.js"

/** The text of a bulk reply, and the number of one that is a number. */
const bulk = (answer: string) => answer.split("\r\n").slice(1, -1).join("\r\n")
const integer = (answer: string) => Number(answer.slice(1))

layer(RedisServer.Shared.layer, { excludeTestServices: true })("A record in Redis", (it) => {
  const opened = (options?: Parameters<typeof open>[2]) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.fresh
      const store = yield* open(NodeRedis.layer, { url: server.url }, options)
      const left = (key: string) => Effect.map(server.command("PTTL", nameOf(key)), integer)
      return { server, store, left }
    })

  it.scoped("has the name that is documented, behind the prefix, and no other key beside it", () =>
    Effect.gen(function*() {
      const { server, store } = yield* opened()
      const other = yield* open(NodeRedis.layer, { url: server.url }, { prefix: "shop" })
      yield* about(store, "payments").sync({ failure: 1 })
      yield* about(other, "payments").trip()
      const keys = yield* server.command(
        "EVAL",
        "local all = redis.call('KEYS', '*') table.sort(all) return table.concat(all, ' ')",
        "0"
      )
      assert.strictEqual(bulk(keys), "reprise:breaker:1:{payments} shop:breaker:1:{payments}")
      assert.strictEqual((yield* about(store, "payments").look).state._tag, "Closed")
    }))

  it.scoped("is not begun by those who only ask", () =>
    Effect.gen(function*() {
      const { server, store } = yield* opened()
      const { close, look, settle, sync } = about(store, "a")
      const tells = [
        look,
        sync({ failure: 0 }),
        close(noVersion),
        settle("a", noVersion, "failure"),
        about(store, "a").admit("a")
      ]
      yield* Effect.all(tells)
      assert.strictEqual(integer(yield* server.command("DBSIZE")), 0)
    }))

  it.scoped("is kept for so long after it was last asked for, and renewed when half of that is over", () =>
    Effect.gen(function*() {
      const { left, server, store } = yield* opened({ keep: "10 seconds" })
      const { look, sync } = about(store, "a")
      yield* sync({ failure: 1 })
      const renewed = (remaining: number) =>
        Effect.gen(function*() {
          yield* server.command("PEXPIRE", nameOf("a"), String(remaining))
          yield* look
          return (yield* left("a")) > remaining
        })
      assert.closeTo(yield* left("a"), 9_900, 100)
      assert.isFalse(yield* renewed(6_000))
      assert.isTrue(yield* renewed(4_000))
      assert.closeTo(yield* left("a"), 9_900, 100)
      yield* server.command("PERSIST", nameOf("a"))
      yield* look
      assert.closeTo(yield* left("a"), 9_900, 100)
      yield* sync({ failure: 1 })
      assert.closeTo(yield* left("a"), 9_900, 100)
    }))

  it.scoped("is kept for as long as it is to be open, or a permit lasts, and then for so long", () =>
    Effect.gen(function*() {
      const { left, store } = yield* opened({ keep: "10 seconds" })
      const { admit, look, settle, trip } = about(store, "a")
      yield* trip({ openMillis: 60_000 })
      assert.closeTo(yield* left("a"), 69_900, 100)
      yield* look
      assert.closeTo(yield* left("a"), 69_900, 100)
      yield* about(store, "b").trip({ openMillis: 0 })
      assert.closeTo(yield* left("b"), 9_900, 100)
      const { standing } = yield* about(store, "b").admit("x", { leaseMillis: 30_000 })
      assert.closeTo(yield* left("b"), 39_900, 100)
      yield* about(store, "b").settle("x", standing.version, "success")
      assert.closeTo(yield* left("b"), 9_900, 100)
      yield* admit("y")
      yield* settle("y", noVersion, "success")
      assert.closeTo(yield* left("a"), 69_900, 100)
    }))

  it.scoped("is left as it is where something else has written it, and nobody is told what it says", () =>
    Effect.gen(function*() {
      const { server, store } = yield* opened()
      const closed = ["format", "1", "state", "Closed", "epoch", "1", "generation", "1"]
      const open = [...closed, "state", "Open", "trips", "1", "calls", "1", "failures", "1", "slow", "1"]
      const half = [...open, "state", "HalfOpen", "rule", "secret", "succeeded", "0", "failed", "0"]
      const hashes: ReadonlyArray<readonly [expected: RegExp, fields: ReadonlyArray<string>]> = [
        [/another version/, ["secret", "secret"]],
        [/another version/, [...closed, "format", "2"]],
        [/another version/, [...closed, "format", "secret"]],
        [/unknown state/, [...closed, "state", "secret"]],
        [/unknown state/, ["format", "1"]],
        [/text in place of a number/, ["format", "1", "state", "Closed", "epoch", "1"]],
        [/text in place of a number/, [...closed, "epoch", "secret"]],
        [/text in place of a number/, [...closed, "epoch", "-1"]],
        [/text in place of a number/, [...closed, "generation", "nan"]],
        [/text in place of a number/, [...closed, "generation", "1e999"]],
        [/text in place of a number/, [...closed, "generation", "99999999999999999999"]],
        [/text in place of a number/, [...closed, "c:failure", "secret"]],
        [/text in place of a number/, [...closed, "c:failure", "inf"]],
        [/text in place of a number/, [...closed, "c:failure", "1e999"]],
        [/text in place of a number/, [...open, "opened", "1", "ends", "1"]],
        [/text in place of a number/, [...open, "opened", "1", "ends", "0x10", "rule", "r"]],
        [/text in place of a number/, [...open, "ends", "1", "rule", "r"]],
        [/text in place of a number/, [...half, "succeeded", ""]],
        [/text in place of a number/, [...half, "l:a", "secret"]],
        [/text in place of a number/, [...half, "slow", "-0.5"]]
      ]
      const others: ReadonlyArray<readonly [expected: RegExp, command: ReadonlyArray<string>]> = [
        [/not a hash/, ["SET", nameOf("a"), "secret"]],
        [/not a hash/, ["RPUSH", nameOf("a"), "secret"]],
        [/not a hash/, ["XADD", nameOf("a"), "*", "secret", "secret"]],
        ...hashes.map(([expected, fields]) => [expected, ["HSET", nameOf("a"), ...fields]] as const)
      ]
      for (const [expected, command] of others) {
        yield* server.command("DEL", nameOf("a"))
        yield* server.command(...command)
        const before = yield* server.command("DUMP", nameOf("a"))
        for (const operation of each(store, "a")) {
          const error = yield* Effect.flip(operation)
          assert.strictEqual(error.reason, "unreadable")
          assert.match(error.message, expected, command.join(" "))
          assert.notInclude(JSON.stringify(error) + error.message, "secret")
        }
        assert.strictEqual(yield* server.command("DUMP", nameOf("a")), before)
        assert.strictEqual(integer(yield* server.command("PTTL", nameOf("a"))), -1)
      }
    }))

  it.scoped("goes on without what does not belong to its state", () =>
    Effect.gen(function*() {
      const { server, store } = yield* opened()
      const { admit, look, trip } = about(store, "a")
      yield* trip()
      yield* server.command("HSET", nameOf("a"), "l:x", "99999999999999", "c:failure", "3", "note", "by hand")
      assert.isFalse((yield* admit("x")).isGranted)
      assert.deepStrictEqual((yield* look).counts, {})
    }))

  it.scoped("can be read whatever numbers it is told", () =>
    Effect.gen(function*() {
      const { left, store } = yield* opened()
      const { admit, look, sync, trip } = about(store, "a")
      yield* sync({
        nothing: NaN,
        less: -1,
        all: Infinity,
        most: Number.MAX_VALUE,
        least: Number.MIN_VALUE,
        tenth: 0.1
      })
      const { counts } = yield* sync({ all: Infinity, most: Number.MAX_VALUE, tenth: 0.2 })
      assert.deepStrictEqual(counts, {
        all: Number.MAX_VALUE,
        most: Number.MAX_VALUE,
        least: Number.MIN_VALUE,
        tenth: 0.1 + 0.2
      })
      const odd = { rule: "", calls: Infinity, failures: NaN, slow: -1 }
      const opened_ = yield* trip({ openMillis: Infinity, trip: odd, trips: Infinity })
      assert.deepStrictEqual(opened_.state, {
        _tag: "Open",
        openMillis: 1e14,
        trips: Number.MAX_SAFE_INTEGER,
        trip: { rule: "", calls: Number.MAX_VALUE, failures: 0, slow: 0 }
      })
      assert.isAbove(yield* left("a"), 9e13)
      assert.strictEqual((yield* look).state._tag, "Open")
      const other = about(store, "b")
      yield* other.trip({ openMillis: NaN, trips: NaN })
      const { isGranted, standing } = yield* other.admit("x", {
        leaseMillis: Infinity,
        probes: Infinity,
        tolerated: Infinity
      })
      assert.isTrue(isGranted)
      assert.strictEqual(
        (yield* other.settle("x", standing.version, "success", { successes: Infinity })).state._tag,
        "HalfOpen"
      )
      assert.isFalse((yield* admit("x")).isGranted)
    }))

  it.scoped("is open for no less than it was told, down to the millisecond", () =>
    Effect.gen(function*() {
      const { store } = yield* opened()
      const { state } = yield* about(store, "a").trip({ openMillis: 60_000.25 })
      assert.strictEqual(state._tag === "Open" && state.openMillis, 60_001)
    }))

  it.scoped("holds some thousand counts", () =>
    Effect.gen(function*() {
      const { store } = yield* opened()
      const counts = Object.fromEntries(Array.from({ length: 6_000 }, (_, n) => [`count ${n}`, n + 1]))
      assert.deepStrictEqual((yield* about(store, "a").sync(counts)).counts, counts)
    }))

  it.scoped("hears no success of a member that would have opened it already", () =>
    Effect.gen(function*() {
      const { store } = yield* opened()
      const { admit, settle, trip } = about(store, "a")
      const patient = { probes: 4, successes: 3, tolerated: 1 }
      yield* trip({ openMillis: 0 })
      yield* Effect.forEach(["a", "b", "c", "d"], (token) => admit(token, patient))
      const { version } = yield* about(store, "a").look
      yield* settle("a", version, "failure", patient)
      yield* settle("b", version, "success", patient)
      // For this one, one failure was too many.
      const hasty = { successes: 1, tolerated: 0 }
      assert.strictEqual((yield* settle("c", version, "success", hasty)).state._tag, "HalfOpen")
      assert.strictEqual((yield* settle("d", version, "success", patient)).state._tag, "HalfOpen")
      assert.isTrue((yield* admit("e", patient)).isGranted)
      assert.strictEqual((yield* settle("e", version, "success", patient)).state._tag, "Closed")
    }))

  it.scoped("is not changed where Redis has no memory left, and it is not told that it was", () =>
    Effect.gen(function*() {
      const { server, store } = yield* opened()
      yield* about(store, "a").sync({ failure: 1 })
      yield* about(store, "half").trip({ openMillis: 0 })
      const { standing } = yield* about(store, "half").admit("a")
      const before = yield* Effect.all([about(store, "a").look, about(store, "half").look])
      yield* server.command("CONFIG", "SET", "maxmemory", "1")
      const half = about(store, "half")
      const operations = [
        ...each(store, "a"),
        ...each(store, "new"),
        half.settle("a", standing.version, "success"),
        half.close(standing.version)
      ]
      for (const operation of operations) {
        const error = yield* Effect.flip(operation)
        assert.strictEqual(error.reason, "refused")
        assert.match(
          error.message,
          /^The store of shared state: Redis at 127\.0\.0\.1:\d+: its memory is full.*\(OOM\)$/
        )
      }
      yield* server.command("CONFIG", "SET", "maxmemory", "0")
      assert.deepStrictEqual(yield* Effect.all([about(store, "a").look, about(store, "half").look]), before)
      assert.strictEqual((yield* about(store, "new").look).version.generation, 0)
    }))

  it.scoped("is not changed by a user who may not tell of it, nor taken for none by one who may not read it", () =>
    Effect.gen(function*() {
      const { server, store } = yield* opened()
      const as = (name: string, ...rules: ReadonlyArray<string>) =>
        Effect.zipRight(
          server.command("ACL", "SETUSER", name, "on", ">s3cret", "~*", "&*", "+@all", ...rules),
          open(NodeRedis.layer, {
            url: server.url,
            username: Redacted.make(name),
            password: Redacted.make("s3cret")
          })
        )
      const mute = yield* as("mute", "resetchannels")
      const blind = yield* as("blind", "-hgetall")
      yield* about(mute, "a").sync({ failure: 1 })
      const before = yield* about(store, "a").look
      for (const operation of [about(mute, "a").trip(), ...each(blind, "a")]) {
        const error = yield* Effect.flip(operation)
        assert.strictEqual(error.reason, "refused")
        assert.notInclude(JSON.stringify(error) + error.message, "s3cret")
      }
      assert.deepStrictEqual(yield* about(store, "a").look, before)
      yield* server.command("ACL", "DELUSER", "mute", "blind")
    }))

  onEachAdapter(
    "each operation",
    (adapter) =>
      it.scoped("is one command, of far less than a millisecond", () =>
        Effect.gen(function*() {
          const server = yield* RedisServer.fresh
          const store = yield* open(adapter, { url: server.url })
          const day = Effect.gen(function*() {
            const { admit, close, look, settle, sync, trip } = about(store, "a")
            const { version } = yield* sync({ success: 3, "success ms": 12.5, failure: 1, "failure ms": 0.25 })
            yield* sync({ success: 1 }, version)
            yield* look
            yield* trip({ version, openMillis: 0 })
            const { standing } = yield* admit("a")
            yield* admit("b")
            const opened = yield* settle("a", standing.version, "failure")
            yield* close(opened.version)
            return 8
          })
          yield* day
          yield* server.command("CONFIG", "RESETSTAT")
          const operations = yield* Effect.map(
            Effect.replicateEffect(day, 50),
            (counts) => counts.reduce((a, b) => a + b)
          )
          const stats = yield* server.command("INFO", "commandstats")
          const [, calls, micros] = /cmdstat_evalsha:calls=(\d+),usec=\d+,usec_per_call=([\d.]+)/.exec(stats) ?? []
          assert.strictEqual(Number(calls), operations)
          assert.isBelow(Number(micros), 500)
          assert.notMatch(stats, /cmdstat_(eval|script|get|multi|exec|watch)[:|]/)
        }))
  )
})
