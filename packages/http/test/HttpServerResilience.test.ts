import {
  HttpApp,
  HttpClient,
  HttpClientResponse,
  HttpMiddleware,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schedule, TestClock } from "effect"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as Services from "../../reprise/test/services.js"
import * as HttpServerResilience from "../src/HttpServerResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import { goAway, hasGoneAway, route } from "./support/platform.js"
import { quick } from "./support/wire.js"

type App<E = unknown> = HttpApp.Default<E>

/** What answers a request by the app, on the clock of the test. */
const serve = (app: App, middleware?: HttpMiddleware.HttpMiddleware) =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const handle = HttpApp.toWebHandlerRuntime(runtime)(app, middleware)
    return (headers: Record<string, string>, signal?: AbortSignal) =>
      Effect.promise(() => handle(new Request("http://h.test/", { headers, signal: signal ?? null })))
  })

const header = "X-Timeout-Ms"
const bounded = HttpServerResilience.deadline({ header })
const ok = Effect.succeed(HttpServerResponse.text("ok"))

/** A handler that never answers, and tells how it ends. */
const hanging = (began: Deferred.Deferred<void>, ended: Deferred.Deferred<Exit.Exit<never>>) =>
  Effect.zipRight(Deferred.succeed(began, undefined), Effect.never).pipe(
    Effect.onExit((exit) => Deferred.succeed(ended, exit))
  )

const deferreds = Effect.all([Deferred.make<void>(), Deferred.make<Exit.Exit<never>>()])

describe("the deadline of a client", () => {
  /** The deadline that the handler of a request at the time 0 sees. */
  const seen = (options: Omit<HttpServerResilience.DeadlineOptions, "header">, value?: string) =>
    Effect.gen(function*() {
      const app = Effect.map(Deadline.current, (at) => HttpServerResponse.text(`${at}`))
      const call = yield* serve(HttpServerResilience.deadline({ header, ...options })(app))
      const response = yield* call(value === undefined ? {} : { "x-timeout-ms": value })
      return yield* Effect.promise(() => response.text())
    })

  it.effect("is that of everything in its handler", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* seen({}, "1500"), "1500")
      assert.strictEqual(yield* seen({}, "0001500"), "1500")
      assert.strictEqual(yield* seen({}, "2147483647"), "2147483647")
    }))

  for (
    const value of [undefined, "-1", "+5", "1.5", "5s", "0x10", "1e3", "5, 6", "soon", "2147483648", "9".repeat(30)]
  ) {
    it.effect(`is none for "${value}", or the default`, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* seen({ max: "1 second" }, value), "Infinity")
        assert.strictEqual(yield* seen({ max: "1 second", default: "3 seconds" }, value), "3000")
      }))
  }

  it.effect("is no later than `max`", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* seen({ max: "1 second", default: "3 seconds" }, "5000"), "1000")
      assert.strictEqual(yield* seen({ max: "1 second" }, "999"), "999")
    }))

  it.effect("is no later than the one already set", () =>
    Effect.gen(function*() {
      const app = Effect.map(Deadline.current, (at) => HttpServerResponse.text(`${at}`))
      const call = yield* serve(Deadline.within(bounded(app), "1 second"))
      const response = yield* call({ "x-timeout-ms": "5000" })
      assert.strictEqual(yield* Effect.promise(() => response.text()), "1000")
    }))

  it("is refused with options that mean nothing", () => {
    assert.throws(() => HttpServerResilience.deadline({ header: "x timeout" }), InvalidOption)
    assert.throws(() => HttpServerResilience.deadline({ header, max: 0 }), InvalidOption)
    assert.throws(() => HttpServerResilience.deadline({ header, default: "30 days" }), InvalidOption)
    assert.throws(() => HttpServerResilience.withoutNestedRetries({ header: "" }), InvalidOption)
  })
})

describe("a handler whose time is up", () => {
  const kinds: ReadonlyArray<
    readonly [what: string, apply: (app: App<never>) => readonly [App, HttpMiddleware.HttpMiddleware?]]
  > = [
    ["in an app", (app) => [bounded(app)]],
    ["below the middleware of the server", (app) => [app, bounded]],
    ["in a route", (app) => [route(bounded(app))]],
    ["in a router below the middleware of the server", (app) => [route(app), bounded]],
    ["in an uninterruptible route", (app) => [route(app, { uninterruptible: true }), bounded]]
  ]

  for (const [what, apply] of kinds) {
    it.effect(`${what} is interrupted, and its client gets 504`, () =>
      Effect.gen(function*() {
        const [began, ended] = yield* deferreds
        const call = yield* serve(...apply(hanging(began, ended)))
        const response = yield* Effect.fork(call({ "x-timeout-ms": "50" }))
        yield* Deferred.await(began)
        yield* TestClock.adjust("49 millis")
        assert.isFalse(yield* Deferred.isDone(ended))
        yield* TestClock.adjust("1 millis")
        assert.isTrue(Exit.isInterrupted(yield* Deferred.await(ended)))
        assert.strictEqual((yield* Fiber.join(response)).status, 504)
      }))

    it.effect(`${what} answers as ever within its time`, () =>
      Effect.gen(function*() {
        const call = yield* serve(...apply(ok))
        assert.strictEqual((yield* call({ "x-timeout-ms": "50" })).status, 200)
        assert.strictEqual((yield* call({})).status, 200)
      }))

    it.effect(`${what} is interrupted when its client goes away`, () =>
      Effect.gen(function*() {
        const [began, ended] = yield* deferreds
        const client = new AbortController()
        const call = yield* serve(...apply(hanging(began, ended)))
        const response = yield* Effect.fork(call({ "x-timeout-ms": "50" }, client.signal))
        yield* Deferred.await(began)
        client.abort()
        const exit = yield* Deferred.await(ended)
        assert.isTrue(Exit.isFailure(exit) && hasGoneAway(exit.cause))
        assert.strictEqual((yield* Fiber.join(response)).status, 499)
      }))
  }

  it.effect("is awaited: what it has open is closed before the answer", () =>
    Effect.gen(function*() {
      const [began, closing] = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
      const app = Effect.acquireUseRelease(
        Deferred.succeed(began, undefined),
        () => Effect.never,
        () => Deferred.await(closing)
      )
      const call = yield* serve(bounded(app))
      const response = yield* Effect.fork(call({ "x-timeout-ms": "50" }))
      yield* Deferred.await(began)
      yield* TestClock.adjust("50 millis")
      assert.isNotOk(response.unsafePoll())
      yield* Deferred.succeed(closing, undefined)
      assert.strictEqual((yield* Fiber.join(response)).status, 504)
    }))

  it("gets one answer sent, and ends, whenever its client goes away", () => {
    /** Whether the client went away before the end, at the operation `at` of all of the server's. */
    const goneAt = (at: number): boolean => {
      const queue = new Services.TaskQueue(Services.yieldAlways)
      const sent: Array<number> = []
      let open = 0
      const work = Effect.acquireUseRelease(Effect.sync(() => open++), () => ok, () => Effect.sync(() => open--))
      const send = (_: unknown, { status }: HttpServerResponse.HttpServerResponse) =>
        Effect.sync(() => sent.push(status))
      const request = HttpServerRequest.fromWeb(new Request("http://h.test/", { headers: { "x-timeout-ms": "99999" } }))
      const handled = HttpApp.toHandled(work, send, bounded)
      const fiber = queue.fork(
        Effect.uninterruptible(Effect.provideService(handled, HttpServerRequest.HttpServerRequest, request))
      )
      let steps = 0
      while (queue.tasks.length > 0) {
        if (steps++ === at) goAway(fiber)
        queue.tasks.shift()!()
      }
      assert.isOk(fiber.unsafePoll())
      assert.deepStrictEqual([open, sent.length], [0, 1], `at ${at}: ${sent}`)
      return steps > at
    }
    // At the operation before the first there is no server yet.
    let at = 1
    while (goneAt(at)) at++
    assert.isAbove(at, 50)
  })

  it.effect("does not run where nothing is left", () =>
    Effect.gen(function*() {
      let runs = 0
      const app = bounded(Effect.map(ok, (response) => {
        runs++
        return response
      }))
      assert.strictEqual((yield* (yield* serve(app))({ "x-timeout-ms": "0" })).status, 504)
      assert.strictEqual((yield* (yield* serve(Deadline.locally(app, 0)))({ "x-timeout-ms": "99" })).status, 504)
      assert.strictEqual(runs, 0)
    }))

  it.effect("may say that it must not be interrupted, and then comes to its end before the answer", () =>
    Effect.gen(function*() {
      const [began, ended] = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
      const work = Effect.zipRight(Deferred.succeed(began, undefined), Effect.sleep("1 second"))
      const all = Effect.zipRight(work, Deferred.succeed(ended, undefined))
      const call = yield* serve(bounded(Effect.zipRight(Effect.uninterruptible(all), ok)))
      const response = yield* Effect.fork(call({ "x-timeout-ms": "50" }))
      yield* Deferred.await(began)
      yield* TestClock.adjust("999 millis")
      assert.isNotOk(response.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(response)).status, 504)
      assert.isTrue(yield* Deferred.isDone(ended))
    }))

  it.effect("is left alone once it has its response", () =>
    Effect.gen(function*() {
      const sending = yield* Deferred.make<void>()
      // Interruptible as a stream is.
      const streaming = Effect.interruptible(Effect.sleep("1 second"))
      const slowly = HttpApp.appendPreResponseHandler((_, response) =>
        Deferred.succeed(sending, undefined).pipe(Effect.zipRight(streaming), Effect.as(response))
      )
      const call = yield* serve(Effect.zipRight(slowly, ok), bounded)
      const response = yield* Effect.fork(call({ "x-timeout-ms": "50" }))
      yield* Deferred.await(sending)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(response)).status, 200)
    }))

  it.effect("and fails for it gets 504; one that fails in time, what its error says", () =>
    Effect.gen(function*() {
      const began = yield* Deferred.make<void>()
      const late = Effect.zipRight(Deferred.succeed(began, undefined), Deadline.within(Effect.never, "1 millis"))
      for (const [app, middleware] of [[bounded(late)], [late, bounded]] as const) {
        const call = yield* serve(app, middleware)
        const atDeadline = yield* Effect.fork(call({ "x-timeout-ms": "1" }))
        yield* Deferred.await(began)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(atDeadline)).status, 504)
        const inTime = yield* Effect.fork(call({ "x-timeout-ms": "50" }))
        yield* Effect.promise(() => Promise.resolve())
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(inTime)).status, 500)
      }
    }))

  it.effect("keeps what the middleware within adds to every response", () =>
    Effect.gen(function*() {
      const cors = HttpMiddleware.cors()
      const began = yield* Deferred.make<void>()
      const never = Effect.zipRight(Deferred.succeed(began, undefined), Effect.never)
      const good = yield* (yield* serve(bounded(cors(ok))))({ "x-timeout-ms": "50" })
      const call = yield* serve(bounded(cors(never)))
      const response = yield* Effect.fork(call({ "x-timeout-ms": "50" }))
      yield* Deferred.await(began)
      yield* TestClock.adjust("50 millis")
      const bad = yield* Fiber.join(response)
      const origins = [good, bad].map(({ headers }) => headers.get("access-control-allow-origin"))
      assert.deepStrictEqual([good.status, bad.status, ...origins], [200, 504, "*", "*"])
    }))
})

describe("a request that is sent again", () => {
  const unnested = HttpServerResilience.withoutNestedRetries({ header: "X-Attempt" })

  /** How many attempts a retry in its handler makes. */
  const made = (headers: Record<string, string>) =>
    Effect.gen(function*() {
      let calls = 0
      const failing = Effect.suspend(() => Effect.fail(++calls))
      const app = Effect.catchAll(Retry.retry(failing, Schedule.recurs(2)), () => ok)
      yield* (yield* serve(unnested(app)))(headers)
      return calls
    })

  it.effect("has every retry in its handler make one attempt", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* made({ "x-attempt": "2" }), 1)
      assert.strictEqual(yield* made({ "x-attempt": "17" }), 1)
    }))

  for (const value of ["0", "1", "-2", "2.5", "two", "2, 3", "22222222222"]) {
    it.effect(`is none that says "${value}"`, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* made({ "x-attempt": value }), 3)
      }))
  }

  it.effect("is none that says nothing", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* made({}), 3)
    }))

  /** A client that fails and writes down what its requests say of their attempt. */
  const failing = () => {
    const numbers: Array<string | undefined> = []
    const client = ResilientHttpClient.make({ retry: quick(3), attemptHeader: "x-attempt" })(
      HttpClient.make((request) => {
        numbers.push(request.headers["x-attempt"])
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 503 })))
      })
    )
    return { get: client.get("http://next.test/"), numbers }
  }

  it.live("is told on to the next server by the client in its handler", () =>
    Effect.gen(function*() {
      const { get, numbers } = failing()
      const call = yield* serve(unnested(Effect.zipRight(get, ok)))
      yield* call({ "x-attempt": "3" })
      assert.deepStrictEqual(numbers, ["3"])
      yield* call({})
      assert.deepStrictEqual(numbers.slice(1), [undefined, "2", "3"])
    }))

  it.live("is told on with the greater of both numbers where the client tries again all the same", () =>
    Effect.gen(function*() {
      const { get, numbers } = failing()
      const call = yield* serve(unnested(Effect.zipRight(Retry.allowNested(get), ok)))
      yield* call({ "x-attempt": "2" })
      assert.deepStrictEqual(numbers, ["2", "2", "3"])
    }))

  it.live("says nothing of what goes on after its response", () =>
    Effect.gen(function*() {
      const { get, numbers } = failing()
      const answered = yield* Deferred.make<void>()
      const background = yield* Deferred.make<Fiber.Fiber<unknown, unknown>>()
      const app = Effect.forkDaemon(Effect.zipRight(Deferred.await(answered), get)).pipe(
        Effect.flatMap((fiber) => Deferred.succeed(background, fiber)),
        Effect.zipRight(ok)
      )
      yield* (yield* serve(unnested(app)))({ "x-attempt": "2" })
      yield* Deferred.succeed(answered, undefined)
      yield* Fiber.join(yield* Deferred.await(background))
      assert.deepStrictEqual(numbers, [undefined, "2", "3"])
    }))
})
