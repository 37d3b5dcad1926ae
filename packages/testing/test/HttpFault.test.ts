import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Stream, TestClock } from "effect"
import * as InvalidOption from "reprise/InvalidOption"
import * as HttpFault from "../src/HttpFault.js"

const url = "http://example.test/a"
const text = (fault: HttpFault.HttpFault) => Effect.flatMap(fault.client.get(url), (response) => response.text)

describe("HttpFault", () => {
  it.effect("answers by its steps in order, then 200 ok", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(
        HttpFault.respond({ status: 503, headers: { "retry-after": "1" }, body: "busy" }),
        HttpFault.json({ a: 1 })
      )
      const first = yield* fault.client.get(url)
      assert.strictEqual(first.status, 503)
      assert.strictEqual(first.headers["retry-after"], "1")
      assert.strictEqual(yield* first.text, "busy")
      assert.deepStrictEqual(yield* (yield* fault.client.get(url)).json, { a: 1 })
      assert.strictEqual(yield* text(fault), "ok")
    }))

  it.effect("records each request with its virtual time", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make()
      yield* TestClock.adjust("1 second")
      yield* fault.client.execute(
        HttpClientRequest.put(`${url}?b=c`).pipe(
          HttpClientRequest.setHeader("X-Test", "1"),
          HttpClientRequest.bodyText("hello")
        )
      )
      const [request] = yield* fault.requests
      assert(request !== undefined)
      assert.strictEqual(request.timeMillis, 1000)
      assert.strictEqual(request.method, "PUT")
      assert.strictEqual(request.url, `${url}?b=c`)
      assert.strictEqual(request.headers["x-test"], "1")
      assert.strictEqual(new TextDecoder().decode(request.body), "hello")
      assert.isTrue(request.complete)
    }))

  it.effect("consumes a one-shot stream, as a real transport does", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make()
      const once = (function*() {
        yield new Uint8Array([1, 2])
        yield new Uint8Array([3])
      })()
      const request = HttpClientRequest.post(url).pipe(HttpClientRequest.bodyStream(Stream.fromIterable(once)))
      yield* fault.client.execute(request)
      yield* fault.client.execute(request)
      assert.deepStrictEqual((yield* fault.requests).map((request) => [...request.body]), [[1, 2, 3], []])
    }))

  it.effect("reads form data and raw bodies", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make()
      const form = new FormData()
      form.set("field", "value")
      yield* fault.client.post(url, { body: HttpBody.formData(form) })
      yield* fault.client.post(url, { body: HttpBody.raw(new URLSearchParams({ a: "1" })) })
      const [first, second] = (yield* fault.requests).map((request) => new TextDecoder().decode(request.body))
      assert.include(first, `name="field"`)
      assert.strictEqual(second, "a=1")
    }))

  it.effect("fails the request when its body's stream fails", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make()
      const body = Stream.concat(Stream.make(new Uint8Array([1])), Stream.fail("boom"))
      const error = yield* Effect.flip(fault.client.post(url, { body: HttpBody.stream(body) }))
      assert.strictEqual(error.cause, "boom")
      const [request] = yield* fault.requests
      assert.deepStrictEqual([...request!.body], [1])
      assert.isFalse(request!.complete)
    }))

  it.effect.each(
    [
      ["connectionRefused", "ECONNREFUSED", "connect"],
      ["connectionReset", "ECONNRESET", "read"],
      ["connectionClosed", "UND_ERR_SOCKET", undefined],
      ["dnsNotFound", "ENOTFOUND", "getaddrinfo"],
      ["certificateExpired", "CERT_HAS_EXPIRED", undefined],
      ["timeout", "UND_ERR_HEADERS_TIMEOUT", undefined],
      ["malformedResponse", undefined, undefined]
    ] as const
  )("fails with undici's cause for %s", ([preset, code, syscall]) =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(HttpFault.fail(preset))
      const error = yield* Effect.flip(fault.client.get(url))
      assert.match(error.message, /^Transport error/)
      const cause = error.cause as { code?: string; syscall?: string }
      assert.strictEqual(cause.code, code)
      assert.strictEqual(cause.syscall, syscall)
    }))

  it.effect("dies with a defect", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(HttpFault.die("broken"))
      const exit = yield* Effect.exit(fault.client.get(url))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }))

  it.effect("waits on the clock for a delayed step", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(HttpFault.delay(HttpFault.respond({ body: "late" }), "5 seconds"))
      const fiber = yield* Effect.fork(text(fault))
      yield* TestClock.adjust("4999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "late")
    }))

  it.effect("sees the interruption of a caller that hangs", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(HttpFault.hang)
      const exit = yield* Effect.fork(Effect.exit(Effect.timeout(fault.client.get(url), "1 second")))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(exit)))
      assert.deepStrictEqual((yield* fault.requests).map((r) => [r.aborted, r.answered]), [[true, false]])
    }))

  it.effect("cuts a body short with undici's error, after the bytes before it", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(HttpFault.truncatedBody({ body: "0123456789", bytes: 3 }))
      const response = yield* fault.client.get(url)
      let received = ""
      const error = yield* Effect.flip(
        Stream.runForEach(Stream.decodeText(response.stream), (part) => Effect.sync(() => received += part))
      )
      assert.strictEqual(received, "012")
      assert.match(error.message, /^Decode error/)
      assert.strictEqual((error.cause as { code: string }).code, "UND_ERR_SOCKET")
      assert.isFalse((yield* fault.requests)[0]!.answered)
    }))

  it.effect("sees a caller give up a stalled body", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(HttpFault.hangBody({ body: "0123456789" }))
      const response = yield* fault.client.get(url)
      const started = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(Stream.runForEach(response.stream, () => Deferred.succeed(started, undefined)))
      yield* Deferred.await(started)
      assert.isFalse((yield* fault.requests)[0]!.aborted)
      yield* Fiber.interrupt(fiber)
      assert.isTrue((yield* fault.requests)[0]!.aborted)
    }))

  it.effect("says that a response was answered once its body was read", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(HttpFault.respond(), HttpFault.respond({ body: "x" }))
      for (const index of [0, 1]) {
        const response = yield* fault.client.get(url)
        yield* Effect.promise(() => new Promise(setImmediate))
        assert.isFalse((yield* fault.requests)[index]!.answered)
        yield* response.text
        assert.isTrue((yield* fault.requests)[index]!.answered)
      }
    }))

  it.effect("takes functions as steps, a new script, and a step for ever", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make((request, index) => HttpFault.respond({ body: `${request.method} ${index}` }))
      assert.strictEqual(yield* text(fault), "GET 0")
      yield* fault.script(HttpFault.respond({ body: "new" }))
      yield* fault.always(HttpFault.respond({ body: "always" }))
      assert.deepStrictEqual(yield* Effect.replicateEffect(text(fault), 3), ["new", "always", "always"])
    }))

  it.effect("has no body where HTTP has none", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make(HttpFault.respond({ status: 204 }), HttpFault.respond({ body: "head" }))
      assert.strictEqual(yield* (yield* fault.client.get(url)).text, "")
      assert.strictEqual(yield* (yield* fault.client.head(url)).text, "")
    }))

  it.effect("is a layer with the client and its records", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* HttpClient.get(url)).status, 500)
      assert.strictEqual((yield* (yield* HttpFault.HttpFault).requests).length, 1)
    }).pipe(Effect.provide(HttpFault.layer(HttpFault.respond({ status: 500 })))))

  it("rejects options that make no sense", () => {
    assert.throws(() => HttpFault.respond({ status: 199 }), InvalidOption.InvalidOption, "status")
    assert.throws(() => HttpFault.truncatedBody({ body: "x", bytes: 2 }), InvalidOption.InvalidOption, "bytes")
    assert.throws(() => HttpFault.delay(HttpFault.hang, -1), InvalidOption.InvalidOption, "delay")
  })
})
