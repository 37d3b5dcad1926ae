import { assert, it, layer } from "@effect/vitest"
import { Clock, Duration, Effect, Queue, Schedule, Stream } from "effect"
import { maxDelayMillis } from "reprise/InvalidOption"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import * as SharedPauses from "reprise/SharedPauses"
import * as Services from "../../reprise/test/services.js"
import * as gateStore from "../src/internal/gateStore.js"
import { type Adapter, connect, logTo, onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"

type Service = RetryAfterStore.Service

const settings = { prefix: "test", syncMillis: 100, timeoutMillis: 250, keepMillis: 60_000 }
const kept = "test:gate:1:{pauses}"
const channel = "test:gate:1"

/** The store of one process. */
const open = (adapter: Adapter, url: string, lines: Array<string> = []) =>
  Effect.flatMap(connect(adapter, { url, startDegraded: true }, lines), (redis) => gateStore.make(redis, settings))

/** What the store tells, from when it tells of everything. */
const listen = (store: Service) =>
  Effect.gen(function*() {
    const heard = yield* Queue.unbounded<RetryAfterStore.Change>()
    yield* Effect.forkScoped(Stream.runForEach(store.changes, (change) => Queue.offer(heard, change)))
    assert.deepStrictEqual(yield* Queue.take(heard), { _tag: "Missed" })
    return heard
  })

/** A process, with all that it heard. */
const join = (store: Service, options: Partial<SharedPauses.Options> = {}) =>
  Effect.gen(function*() {
    const heard: Array<readonly [key: string, millis: number]> = []
    const onPause: SharedPauses.Options["onPause"] = (key, duration) =>
      Effect.sync(() => void heard.push([key, Duration.toMillis(duration)]))
    const pauses = yield* Effect.provideService(
      SharedPauses.make({ onPause, ...options }),
      RetryAfterStore.RetryAfterStore,
      store
    )
    return { pauses, heard, keys: () => heard.map(([key]) => key) }
  })

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.sync(condition), { schedule: Schedule.spaced("5 millis"), until: (isTrue) => isTrue })

/** How often each command has been called, by its name. */
const commands = (server: RedisServer.RedisServer) =>
  Effect.map(server.command("INFO", "commandstats"), (text) =>
    Object.fromEntries(
      [...text.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name, calls]) => [name, Number(calls)])
    ))

const pause = (key: string, millis: number, member = "a") => ({ key, millis, member })

layer(RedisServer.Shared.layer, { excludeTestServices: true })("the pauses that Redis keeps", (it) => {
  onEachAdapter("RedisStore", (adapter) => {
    it.scoped("are the longest of each key, and told of in the same step", () =>
      Effect.gen(function*() {
        const { command, url } = yield* RedisServer.fresh
        const store = yield* open(adapter, url)
        const heard = yield* listen(store)
        yield* store.pause(pause("k", 20_000))
        yield* store.pause(pause("k", 10_000, "b"))
        yield* store.pause(pause("k", 30_000, "b"))
        yield* store.pause(pause("l", 0.2))
        assert.deepStrictEqual(yield* Queue.take(heard), { _tag: "Paused", ...pause("k", 20_000) })
        assert.deepStrictEqual(yield* Queue.take(heard), { _tag: "Paused", ...pause("k", 30_000, "b") })
        assert.deepStrictEqual(yield* Queue.take(heard), { _tag: "Paused", ...pause("l", 0.2) })
        assert.strictEqual(yield* Queue.size(heard), 0)
        yield* Effect.sleep(5)
        const [left, ...others] = yield* store.pauses(10)
        assert.strictEqual(left!.key, "k")
        assert.isAbove(left!.millis, 29_000)
        assert.isAtMost(left!.millis, 30_000)
        assert.deepStrictEqual(others, [])
        const ttl = Number((yield* command("PTTL", kept)).slice(1))
        assert.isAbove(ttl, 29_000)
        assert.isAtMost(ttl, 30_000)
      }))

    it.scoped("are gone when they are over, and all of Redis with them", () =>
      Effect.gen(function*() {
        const { command, url } = yield* RedisServer.fresh
        const store = yield* open(adapter, url)
        yield* store.pause(pause("k", 500))
        yield* store.pause(pause("l", 40))
        yield* Effect.sleep(50)
        assert.deepStrictEqual((yield* store.pauses(10)).map(({ key }) => key), ["k"])
        yield* store.pause(pause("m", 20))
        assert.strictEqual(yield* command("ZCARD", kept), ":2\r\n")
        yield* Effect.sleep(460)
        assert.deepStrictEqual(yield* store.pauses(10), [])
        // What nobody reads any more is removed in the next tenth of a second.
        yield* Effect.repeat(command("DBSIZE"), {
          schedule: Schedule.spaced("5 millis"),
          until: (size) => size === ":0\r\n"
        })
      }))

    it.scoped("last no longer than they were to last where the clock of Redis is set back", () =>
      Effect.gen(function*() {
        const { command, url } = yield* RedisServer.fresh
        const store = yield* open(adapter, url)
        const heard = yield* listen(store)
        yield* store.pause(pause("k", 3_000))
        yield* store.pause(pause("l", 9_000))
        // What was written ends later by the clock of now.
        yield* Effect.forEach(["k", "l"], (key) => command("ZINCRBY", kept, "10000", key))
        const [l, k] = yield* store.pauses(10)
        assert.deepStrictEqual([k, l], [{ key: "k", millis: 3_000 }, { key: "l", millis: 9_000 }])
        // One that is longer than what is left is told.
        yield* store.pause(pause("k", 5_000, "b"))
        yield* store.pause(pause("l", 8_000, "b"))
        yield* Queue.takeN(heard, 3)
        const left = yield* store.pauses(10)
        assert.strictEqual(yield* Queue.size(heard), 0)
        assert.isAtMost(left.find(({ key }) => key === "k")!.millis, 5_000)
      }))

    it.scoped("are safe with any key", () =>
      Effect.gen(function*() {
        const { url } = yield* RedisServer.fresh
        const store = yield* open(adapter, url)
        const heard = yield* listen(store)
        const keys = ["", "a\nb", "a\u0000b", "\r\n", "žluťoučký 🐎", "{x}", "\"", "[1,2]", "%s%d", "x".repeat(10_240)]
        yield* Effect.forEach(keys, (key, n) => store.pause(pause(key, 60_000 - 1_000 * n)))
        assert.deepStrictEqual((yield* store.pauses(100)).map(({ key }) => key), keys)
        assert.deepStrictEqual((yield* store.pauses(3)).map(({ key }) => key), keys.slice(0, 3))
        const told = yield* Queue.takeN(heard, keys.length)
        assert.deepStrictEqual(Array.from(told, (change) => change._tag === "Paused" && change.key), keys)
      }))

    it.scoped("take the longest time that there is", () =>
      Effect.gen(function*() {
        const { url } = yield* RedisServer.fresh
        const store = yield* open(adapter, url)
        yield* store.pause(pause("k", maxDelayMillis))
        const [left] = yield* store.pauses(10)
        assert.isAbove(left!.millis, maxDelayMillis - 1_000)
        assert.isAtMost(left!.millis, maxDelayMillis)
      }))

    it.scoped("are unreadable where something else is kept in their place, and read again without it", () =>
      Effect.gen(function*() {
        const { command, url } = yield* RedisServer.fresh
        const store = yield* open(adapter, url)
        yield* command("SET", kept, "garbage")
        for (const asked of [store.pause(pause("k", 1_000)), store.pauses(10)]) {
          const error = yield* Effect.flip(asked)
          assert.deepStrictEqual([error._tag, error.reason], ["StoreError", "unreadable"])
        }
        assert.strictEqual(yield* command("GET", kept), "$7\r\ngarbage\r\n")
        yield* command("DEL", kept)
        yield* command("ZADD", kept, "inf", "odd")
        assert.deepStrictEqual(yield* store.pauses(10), [{ key: "odd", millis: maxDelayMillis }])
        yield* store.pause(pause("k", 1_000))
      }))

    it.scoped("skip messages that are none, with one line for all", () =>
      Effect.gen(function*() {
        const { command, url } = yield* RedisServer.fresh
        const lines: Array<string> = []
        const store = yield* open(adapter, url)
        yield* Effect.gen(function*() {
          const heard = yield* listen(store)
          const none = [
            "",
            "{",
            "null",
            "[]",
            "[1,2,3]",
            `["a",0,"k"]`,
            `["a",null,"k"]`,
            `["a",-5,"k"]`,
            `["a",5,"k",1]`
          ]
          yield* Effect.forEach(none, (message) => command("PUBLISH", channel, message))
          yield* command("PUBLISH", channel, `["a",1e300,"k"]`)
          assert.deepStrictEqual(yield* Queue.take(heard), { _tag: "Paused", ...pause("k", maxDelayMillis) })
        }).pipe(Effect.provide(logTo(lines)))
        assert.lengthOf(lines.filter((line) => line.startsWith("WARN")), 1)
      }))

    it.scoped("last as long by a process whose clock is an hour off", () =>
      Effect.gen(function*() {
        const { url } = yield* RedisServer.fresh
        const [here, there] = yield* Effect.all([open(adapter, url), open(adapter, url)])
        const clock = yield* Clock.clockWith(Effect.succeed)
        const skewed = (by: number): Clock.Clock =>
          Services.changedClock({ unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + by }, clock)
        const a = yield* Effect.withClock(join(here), skewed(3_600_000))
        const b = yield* Effect.withClock(join(there), skewed(-3_600_000))
        yield* Effect.sleep(150)
        yield* Effect.withClock(SharedPauses.pause(a.pauses, "k", "30 seconds"), skewed(3_600_000))
        yield* until(() => b.heard.length > 0)
        const c = yield* join(there)
        yield* until(() => c.heard.length > 0)
        for (const [key, millis] of [...b.heard, ...c.heard]) {
          assert.strictEqual(key, "k")
          assert.isAbove(millis, 29_000)
          assert.isAtMost(millis, 30_000)
        }
        assert.deepStrictEqual(a.heard, [])
      }))

    it.scoped("cost one command each, and none while there is nothing new", () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.fresh
        const [here, there] = yield* Effect.all([open(adapter, server.url), open(adapter, server.url)])
        const [a, b] = [yield* join(here), yield* join(there)]
        yield* Effect.sleep(250)
        // So that the server knows the script.
        yield* SharedPauses.pause(a.pauses, "first", "30 seconds")
        yield* until(() => b.heard.length === 1)
        yield* Effect.sleep(150)
        yield* server.command("CONFIG", "RESETSTAT")
        yield* Effect.sleep(400)
        assert.deepStrictEqual(scriptsOf(yield* commands(server)), [0, 0])
        yield* Effect.replicateEffect(SharedPauses.pause(a.pauses, "k", "30 seconds"), 100)
        yield* until(() => b.heard.length === 2)
        yield* Effect.sleep(250)
        const called = yield* commands(server)
        assert.deepStrictEqual(scriptsOf(called), [1, 0])
        assert.deepStrictEqual([called["zadd"], called["publish"]], [1, 1])
        assert.deepStrictEqual(a.heard, [])
      }))

    it.scoped("come back by the processes that learn them, when all were lost", () =>
      Effect.gen(function*() {
        const { command, url } = yield* RedisServer.fresh
        const [here, there] = yield* Effect.all([open(adapter, url), open(adapter, url)])
        const [a, b] = [yield* join(here), yield* join(there)]
        yield* Effect.sleep(150)
        yield* SharedPauses.pause(a.pauses, "k", "30 seconds")
        yield* until(() => b.heard.length === 1)
        yield* command("FLUSHALL")
        yield* command("SCRIPT", "FLUSH")
        yield* SharedPauses.pause(a.pauses, "l", "30 seconds")
        yield* until(() => b.heard.length === 2)
        assert.deepStrictEqual(b.keys(), ["k", "l"])
      }))
  })
})

const scriptsOf = (called: Readonly<Record<string, number>>) => [called["evalsha"] ?? 0, called["eval"] ?? 0]

onEachAdapter("RedisStore", (adapter) => {
  it.scopedLive(
    "tells after an outage what is left of the pauses that came in it, with one line for each change",
    () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const lines: Array<string> = []
        const [here, there] = yield* Effect.all([open(adapter, server.url), open(adapter, server.url)])
        const a = yield* Effect.provide(join(here), logTo(lines))
        const b = yield* join(there)
        yield* Effect.sleep(200)
        yield* server.kill
        yield* SharedPauses.pause(a.pauses, "over", "200 millis")
        yield* SharedPauses.pause(a.pauses, "k", "30 seconds")
        yield* SharedPauses.pause(a.pauses, "k", "40 seconds")
        yield* Effect.sleep(500)
        yield* server.start
        yield* until(() => b.heard.length > 0)
        yield* Effect.sleep(150)
        assert.deepStrictEqual([...new Set(b.keys())], ["k"])
        for (const [, millis] of b.heard) {
          assert.isAbove(millis, 36_000)
          assert.isBelow(millis, 39_600)
        }
        const shared = lines.filter((line) => line.includes("The pauses"))
        assert.deepStrictEqual(shared.map((line) => line.slice(0, 24)), [
          "WARN The pauses: each pr",
          "INFO The pauses: shared "
        ])
      }),
    20_000
  )
})
