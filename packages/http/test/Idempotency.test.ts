import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as Idempotency from "@reprise/http/Idempotency"
import { Effect, FastCheck as fc, Random, Schedule, Stream } from "effect"
import { Readable } from "node:stream"
import { InvalidOption } from "reprise/InvalidOption"
import { vi } from "vitest"
import { trackBody } from "../src/internal/request/idempotency.js"

const url = "https://api.example.com/payments"
const post = HttpClientRequest.post(url)
const bytes = new TextEncoder().encode("some bytes")

/** Only some bodies of Effect 4 have these fields in their type. */
const factsOf = (body: object) => {
  const { contentLength, contentType } = body as { readonly contentType?: unknown; readonly contentLength?: unknown }
  return [contentType, contentLength]
}

const uuid4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const keyOf = (request: HttpClientRequest.HttpClientRequest, header = "idempotency-key") => request.headers[header]

const invalid = (make: () => unknown): InvalidOption => {
  try {
    make()
  } catch (error) {
    if (error instanceof InvalidOption) return error
    throw error
  }
  return assert.fail("expected InvalidOption")
}

/** A client that records its requests and answers with the next of the statuses, then 200. */
const recording = (...statuses: ReadonlyArray<number>) => {
  const requests: Array<HttpClientRequest.HttpClientRequest> = []
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      requests.push(request)
      return HttpClientResponse.fromWeb(request, new Response(null, { status: statuses[requests.length - 1] ?? 200 }))
    })
  )
  return { client, requests, keys: (header?: string) => requests.map((request) => keyOf(request, header)) }
}

describe("Idempotency.isIdempotent", () => {
  for (const method of ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PUT", "DELETE"]) {
    it(`says yes to ${method}`, () => {
      assert.isTrue(Idempotency.isIdempotent(HttpClientRequest.setMethod(post, method as HttpMethod)))
    })
  }

  for (const method of ["POST", "PATCH", "CONNECT", "LOCK", "get", ""]) {
    it(`says no to ${method === "" ? "no method" : method}`, () => {
      assert.isFalse(Idempotency.isIdempotent(HttpClientRequest.setMethod(post, method as HttpMethod)))
    })
  }

  it("says yes to a POST with a key, however the header is written", () => {
    assert.isTrue(Idempotency.isIdempotent(HttpClientRequest.setHeader(post, "IDEMPOTENCY-key", "order-42")))
  })

  it("says no to a POST whose key is empty or blank", () => {
    assert.isFalse(Idempotency.isIdempotent(HttpClientRequest.setHeader(post, "Idempotency-Key", "")))
    assert.isFalse(Idempotency.isIdempotent(HttpClientRequest.setHeader(post, "Idempotency-Key", " \t")))
  })

  it("looks for the key under the header that it is told", () => {
    const request = HttpClientRequest.setHeader(post, "X-Request-Id", "order-42")
    assert.isFalse(Idempotency.isIdempotent(request))
    assert.isTrue(Idempotency.isIdempotent(request, { header: "X-Request-ID" }))
    assert.isFalse(Idempotency.isIdempotent(Idempotency.withKey(post, "order-42"), { header: "X-Request-ID" }))
  })

  it("takes no inherited property for a header", () => {
    assert.isFalse(Idempotency.isIdempotent(post, { header: "constructor" }))
    assert.isFalse(Idempotency.isIdempotent(post, { header: "__proto__" }))
  })
})

describe("Idempotency.withKey", () => {
  it("sets the header, data-first and data-last", () => {
    assert.strictEqual(keyOf(Idempotency.withKey(post, "order-42")), "order-42")
    assert.strictEqual(keyOf(post.pipe(Idempotency.withKey("order-42"))), "order-42")
    assert.strictEqual(keyOf(Idempotency.withKey(post, "order-42", { header: "X-Key" }), "x-key"), "order-42")
    assert.strictEqual(keyOf(post.pipe(Idempotency.withKey("order-42", { header: "X-Key" })), "x-key"), "order-42")
  })

  it("changes nothing else of the request", () => {
    const before = post.pipe(HttpClientRequest.bodyText("text"), HttpClientRequest.setHeader("a", "b"))
    const after = Idempotency.withKey(before, "order-42")
    assert.deepStrictEqual(Headers.remove(after.headers, "idempotency-key"), before.headers)
    assert.strictEqual(after.body, before.body)
    assert.strictEqual(keyOf(before), undefined)
  })

  it("keeps a key that is there", () => {
    const request = HttpClientRequest.setHeader(post, "Idempotency-Key", "first")
    assert.strictEqual(keyOf(Idempotency.withKey(request, "second")), "first")
  })

  it("replaces a key that is empty", () => {
    const request = HttpClientRequest.setHeader(post, "Idempotency-Key", "")
    assert.strictEqual(keyOf(Idempotency.withKey(request, "second")), "second")
  })

  it("makes the request idempotent under any header", () => {
    assert.isTrue(Idempotency.isIdempotent(Idempotency.withKey(post, "order-42")))
    assert.isTrue(Idempotency.isIdempotent(Idempotency.withKey(post, "order-42", { header: "X-Key" })))
    const keyed = HttpClientRequest.setHeader(post, "X-Key", "first")
    assert.isTrue(Idempotency.isIdempotent(Idempotency.withKey(keyed, "second", { header: "X-Key" })))
  })

  it("rejects a header that is no token", () => {
    for (const header of ["", " ", "a b", "a:", "a\r\nb", "schlüssel", "a,b", "\"a\""]) {
      const error = invalid(() => Idempotency.withKey(post, "order-42", { header }))
      assert.strictEqual(error.option, "header")
      assert.strictEqual(error.value, header)
    }
  })

  it("rejects a key that cannot be sent, without repeating it", () => {
    for (
      const key of ["", " ", " secret", "secret ", "sec\nret", "sec\r\nX-Evil: ret", "secr\u00e9t", "sec\u0000ret"]
    ) {
      const error = invalid(() => Idempotency.withKey(post, key))
      assert.strictEqual(error.option, "key")
      assert.notInclude(JSON.stringify(error) + error.message, "sec")
    }
  })
})

describe("Idempotency.withGeneratedKey", () => {
  const generate = (seed: string | number) =>
    Effect.runSync(Effect.withRandom(Idempotency.withGeneratedKey(post), Random.make(seed)))

  it("makes a UUID version 4 from any Random", () => {
    fc.assert(fc.property(fc.integer(), (seed) => assert.match(keyOf(generate(seed)) ?? "", uuid4)))
  })

  it("uses every bit of the UUID that is free", () => {
    const digits = Array.from({ length: 36 }, () => new Set<string>())
    for (let seed = 0; seed < 500; seed++) {
      const key = keyOf(generate(seed)) ?? ""
      digits.forEach((seen, index) => seen.add(key.charAt(index)))
    }
    const sizes = digits.map((seen) => seen.size)
    const expected = Array.from("xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx", (c) => c === "x" ? 16 : c === "y" ? 4 : 1)
    assert.deepStrictEqual(sizes, expected)
  })

  it("makes the same key from the same seed, and another from another", () => {
    assert.strictEqual(keyOf(generate("a")), keyOf(generate("a")))
    assert.notStrictEqual(keyOf(generate("a")), keyOf(generate("b")))
  })

  it.effect("makes a new key each time it runs", () =>
    Effect.gen(function*() {
      const generated = Idempotency.withGeneratedKey(post)
      const keys = new Set<string | undefined>()
      for (let i = 0; i < 1000; i++) keys.add(keyOf(yield* generated))
      assert.strictEqual(keys.size, 1000)
    }))

  it.effect("draws from the cryptographic source where no Random is provided", () =>
    Effect.gen(function*() {
      const random = vi.spyOn(crypto, "getRandomValues")
      yield* Effect.addFinalizer(() => Effect.sync(() => random.mockRestore()))
      const request = yield* Idempotency.withGeneratedKey(post)
      assert.strictEqual(random.mock.calls.length, 1)
      assert.match(keyOf(request) ?? "", uuid4)
      yield* Effect.withRandom(Idempotency.withGeneratedKey(post), Random.make("seed"))
      assert.strictEqual(random.mock.calls.length, 1)
    }).pipe(Effect.scoped))

  it.effect("keeps a key that is there, and draws nothing", () =>
    Effect.gen(function*() {
      const random = Random.make("seed")
      const keyed = Idempotency.withKey(post, "order-42")
      const request = yield* Effect.withRandom(Idempotency.withGeneratedKey(keyed), random)
      assert.strictEqual(keyOf(request), "order-42")
      const draw = (random: Random.Random) => Effect.withRandom(Random.next, random)
      assert.strictEqual(yield* draw(random), yield* draw(Random.make("seed")))
    }))

  it.effect("replaces a key that is empty", () =>
    Effect.gen(function*() {
      const request = yield* Idempotency.withGeneratedKey(HttpClientRequest.setHeader(post, "Idempotency-Key", " "))
      assert.match(keyOf(request) ?? "", uuid4)
    }))

  it.effect("makes the request idempotent under any header", () =>
    Effect.gen(function*() {
      const header = "X-Key"
      const fresh = yield* Idempotency.withGeneratedKey(post, { header })
      assert.match(keyOf(fresh, "x-key") ?? "", uuid4)
      assert.isTrue(Idempotency.isIdempotent(fresh))
      const keyed = HttpClientRequest.setHeader(post, header, "order-42")
      const kept = yield* Idempotency.withGeneratedKey(keyed, { header })
      assert.strictEqual(keyOf(kept, "x-key"), "order-42")
      assert.isTrue(Idempotency.isIdempotent(kept))
    }))

  it("rejects a header that is no token, before it runs", () => {
    assert.strictEqual(invalid(() => Idempotency.withGeneratedKey(post, { header: "" })).option, "header")
  })
})

describe("Idempotency.automaticKeys", () => {
  const retried = (client: HttpClient.HttpClient) =>
    client.pipe(HttpClient.filterStatusOk, HttpClient.retry({ times: 5 }))

  it.effect("sends the same key on every attempt of a call", () =>
    Effect.gen(function*() {
      const { client, keys } = recording(503, 503, 503)
      yield* retried(client).pipe(Idempotency.automaticKeys()).post(url)
      assert.strictEqual(keys().length, 4)
      assert.match(keys()[0] ?? "", uuid4)
      assert.strictEqual(new Set(keys()).size, 1)
    }))

  it.effect("sends the same key on every attempt, however the client below changes its requests", () =>
    Effect.gen(function*() {
      const { client, keys } = recording(503, 503)
      yield* client.pipe(
        HttpClient.mapRequest(HttpClientRequest.setHeader("a", "b")),
        HttpClient.filterStatusOk,
        HttpClient.retry({ times: 5 }),
        HttpClient.mapRequestInput(HttpClientRequest.setHeader("c", "d")),
        HttpClient.mapRequestEffect(Effect.succeed),
        Idempotency.automaticKeys(),
        HttpClient.mapRequest(HttpClientRequest.setHeader("e", "f")),
        HttpClient.mapRequestInput(HttpClientRequest.setHeader("g", "h"))
      ).post(url)
      assert.strictEqual(keys().length, 3)
      assert.strictEqual(new Set(keys()).size, 1)
    }))

  it.effect("makes a new key for each call, and for each run of one call", () =>
    Effect.gen(function*() {
      const { client, keys } = recording()
      const keyed = Idempotency.automaticKeys(client)
      const call = keyed.post(url)
      yield* call
      yield* call
      yield* keyed.post(url)
      yield* keyed.execute(post)
      assert.strictEqual(new Set(keys()).size, 4)
    }))

  it.effect("makes a new key for each attempt where it stands inside of the retries, as documented", () =>
    Effect.gen(function*() {
      const { client, keys } = recording(503, 503)
      yield* retried(Idempotency.automaticKeys(client)).post(url)
      assert.strictEqual(new Set(keys()).size, 3)
    }))

  it.effect("makes the same keys from the same seed", () =>
    Effect.gen(function*() {
      const { client, keys } = recording()
      const call = Effect.zipRight(
        Idempotency.automaticKeys(client).post(url),
        Idempotency.automaticKeys(client).post(url)
      )
      yield* Effect.withRandom(call, Random.make("seed"))
      yield* Effect.withRandom(call, Random.make("seed"))
      assert.deepStrictEqual(keys().slice(0, 2), keys().slice(2))
      assert.strictEqual(new Set(keys()).size, 2)
    }))

  it.effect("gives keys to POST and PATCH only, if not told otherwise", () =>
    Effect.gen(function*() {
      const { client, requests } = recording()
      const keyed = Idempotency.automaticKeys(client)
      for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"] as const) {
        yield* keyed.execute(HttpClientRequest.make(method)(url))
      }
      const withKeys = requests.filter((request) => keyOf(request) !== undefined).map((request) => request.method)
      assert.deepStrictEqual(withKeys, ["POST", "PATCH"])
    }))

  it.effect("gives keys to the methods that it is told", () =>
    Effect.gen(function*() {
      const { client, keys } = recording()
      const keyed = Idempotency.automaticKeys(client, { methods: ["PUT"] })
      yield* keyed.post(url)
      yield* keyed.put(url)
      assert.deepStrictEqual(keys().map((key) => key !== undefined), [false, true])
    }))

  it.effect("keeps a key that the caller gave", () =>
    Effect.gen(function*() {
      const { client, keys } = recording(503)
      yield* retried(client).pipe(Idempotency.automaticKeys()).execute(Idempotency.withKey(post, "order-42"))
      assert.deepStrictEqual(keys(), ["order-42", "order-42"])
    }))

  it.effect("makes requests that a client below takes for idempotent, under any header", () =>
    Effect.gen(function*() {
      const { client, keys, requests } = recording()
      yield* client.pipe(Idempotency.automaticKeys()).post(url)
      yield* client.pipe(Idempotency.automaticKeys({ header: "X-Key" })).post(url)
      yield* client.pipe(Idempotency.automaticKeys({ header: "X-Key" })).execute(
        HttpClientRequest.setHeader(post, "X-Key", "order-42")
      )
      assert.deepStrictEqual(requests.map((request) => Idempotency.isIdempotent(request)), [true, true, true])
      assert.strictEqual(keys("x-key")[2], "order-42")
    }))

  it.effect("leaves the body and the other headers alone", () =>
    Effect.gen(function*() {
      const { client, requests } = recording()
      const request = post.pipe(HttpClientRequest.bodyText("text"), HttpClientRequest.setHeader("a", "b"))
      yield* Idempotency.automaticKeys(client).execute(request)
      const sent = requests[0] ?? assert.fail()
      assert.strictEqual(sent.body, request.body)
      assert.strictEqual(sent.headers["a"], "b")
      assert.strictEqual(sent.headers["content-type"], "text/plain")
    }))

  it("rejects options that make no sense", () => {
    const { client } = recording()
    assert.strictEqual(invalid(() => Idempotency.automaticKeys(client, { header: "" })).option, "header")
    assert.strictEqual(invalid(() => Idempotency.automaticKeys(client, { header: "a b" })).option, "header")
    assert.strictEqual(invalid(() => client.pipe(Idempotency.automaticKeys({ methods: [] }))).option, "methods")
  })

  it("rejects them before there is a client", () => {
    assert.strictEqual(invalid(() => Idempotency.automaticKeys({ header: "a b" })).option, "header")
    assert.strictEqual(invalid(() => Idempotency.automaticKeys({ methods: [] })).option, "methods")
  })
})

describe("a mark", () => {
  const marks = {
    markIdempotent: { mark: Idempotency.markIdempotent, holds: Idempotency.isIdempotent },
    markReplayable: { mark: Idempotency.markReplayable, holds: Idempotency.isReplayable }
  }
  const body = HttpBody.stream(Stream.make(bytes), "text/csv", bytes.length)
  const base = post.pipe(HttpClientRequest.setBody(body))

  const changes: Record<string, (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest> =
    {
      setHeader: HttpClientRequest.setHeader("a", "b"),
      setHeaders: HttpClientRequest.setHeaders({ a: "b" }),
      basicAuth: HttpClientRequest.basicAuth("user", "password"),
      bearerToken: HttpClientRequest.bearerToken("token"),
      accept: HttpClientRequest.accept("text/plain"),
      acceptJson: HttpClientRequest.acceptJson,
      setMethod: HttpClientRequest.setMethod("PATCH"),
      setUrl: HttpClientRequest.setUrl("https://other.example.com"),
      "setUrl of a URL": HttpClientRequest.setUrl(new URL("https://other.example.com/?a=b#c")),
      prependUrl: HttpClientRequest.prependUrl("https://other.example.com"),
      appendUrl: HttpClientRequest.appendUrl("more"),
      updateUrl: HttpClientRequest.updateUrl((url) => `${url}/more`),
      setUrlParam: HttpClientRequest.setUrlParam("a", "b"),
      setUrlParams: HttpClientRequest.setUrlParams({ a: "b" }),
      appendUrlParam: HttpClientRequest.appendUrlParam("a", "b"),
      appendUrlParams: HttpClientRequest.appendUrlParams({ a: "b" }),
      setHash: HttpClientRequest.setHash("hash"),
      removeHash: HttpClientRequest.removeHash,
      modify: HttpClientRequest.modify({ headers: { a: "b" }, urlParams: { c: "d" } }),
      withKey: Idempotency.withKey("order-42"),
      trackBody
    }

  for (const [name, { holds, mark }] of Object.entries(marks)) {
    for (const [change, apply] of Object.entries(changes)) {
      it(`of ${name} survives ${change}`, () => assert.isTrue(holds(apply(mark(base)))))
    }

    it(`of ${name} is lost with the body`, () => {
      const other = HttpBody.stream(Stream.make(bytes))
      assert.isFalse(holds(HttpClientRequest.setBody(mark(base), other)))
    })

    it(`of ${name} does not spread to the request it was made from`, () => {
      mark(base)
      assert.isFalse(holds(base))
    })

    it(`of ${name} does not spread to other requests with the same body`, () => {
      mark(base)
      assert.isFalse(holds(HttpClientRequest.setBody(HttpClientRequest.post("https://other.example.com"), body)))
    })

    it(`of ${name} leaves the other mark`, () => {
      const both = mark(Idempotency.markReplayable(Idempotency.markIdempotent(base)))
      assert.isTrue(Idempotency.isIdempotent(both) && Idempotency.isReplayable(both))
    })

    it(`of ${name} says nothing of the other`, () => {
      const other = Object.entries(marks).filter(([otherName]) => otherName !== name)
      for (const [, { holds }] of other) assert.isFalse(holds(mark(base)))
    })
  }

  it("on a request without a body does not mark the body all such requests share", () => {
    assert.isTrue(Idempotency.isIdempotent(Idempotency.markIdempotent(post)))
    assert.isFalse(Idempotency.isIdempotent(post))
    assert.isFalse(Idempotency.isIdempotent(HttpClientRequest.post(url)))
  })

  it("does not change what the request and its body are", () => {
    const bodies = [
      HttpBody.empty,
      HttpBody.text("text"),
      HttpBody.unsafeJson({ a: 1 }),
      HttpBody.formData(new FormData()),
      HttpBody.raw("raw", { contentType: "text/plain", contentLength: 3 }),
      body
    ]
    for (const body of bodies) {
      const request = HttpClientRequest.setBody(post, body)
      const marked = Idempotency.markReplayable(Idempotency.markIdempotent(request))
      assert.isTrue(HttpBody.isHttpBody(marked.body))
      assert.strictEqual(marked.body._tag, body._tag)
      assert.deepStrictEqual(factsOf(marked.body), factsOf(body))
      assert.deepStrictEqual(marked.toJSON(), request.toJSON())
      assert.strictEqual(marked.toString(), request.toString())
      assert.deepStrictEqual(marked.headers, request.headers)
      assert.deepStrictEqual(HttpClientRequest.setBody(post, marked.body).headers, request.headers)
    }
  })

  it("of an empty body removes a content type like any empty body", () => {
    const { body } = Idempotency.markIdempotent(post)
    const emptied = HttpClientRequest.setBody(HttpClientRequest.bodyText(post, "text"), body)
    assert.strictEqual(emptied.headers["content-type"], undefined)
    assert.strictEqual(emptied.headers["content-length"], undefined)
  })

  it.effect("is not seen by the transport", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const fetch: typeof globalThis.fetch = async (input, init) => {
        const request = new Request(input, init)
        seen.push(`${request.method} ${request.headers.get("content-type")} ${await request.text()}`)
        return new Response()
      }
      const client = yield* HttpClient.HttpClient.pipe(Effect.provide(FetchHttpClient.layer))
      const all = [post, HttpClientRequest.bodyText(post, "text"), base]
      for (const request of all) {
        yield* client.execute(Idempotency.markIdempotent(Idempotency.markReplayable(request))).pipe(
          Effect.provideService(FetchHttpClient.Fetch, fetch)
        )
      }
      assert.deepStrictEqual(seen, ["POST null ", "POST text/plain text", "POST text/csv some bytes"])
    }))
})

describe("Idempotency.isReplayable", () => {
  const form = new FormData()
  form.append("a", new Blob(["b"]))

  const replayable: Record<string, HttpBody.HttpBody> = {
    "no body": HttpBody.empty,
    "a text": HttpBody.text("text"),
    "a JSON": HttpBody.unsafeJson({ a: 1 }),
    "bytes": HttpBody.uint8Array(bytes),
    "a form": HttpBody.formData(form),
    "a raw string": HttpBody.raw("text"),
    "raw bytes": HttpBody.raw(bytes),
    "a raw Buffer": HttpBody.raw(Buffer.from("text")),
    "a raw DataView": HttpBody.raw(new DataView(new ArrayBuffer(1))),
    "a raw ArrayBuffer": HttpBody.raw(new ArrayBuffer(1)),
    "a raw Blob": HttpBody.raw(new Blob(["text"])),
    "raw URLSearchParams": HttpBody.raw(new URLSearchParams("a=b")),
    "a raw form": HttpBody.raw(form),
    "a raw undefined": HttpBody.raw(undefined),
    "a raw null": HttpBody.raw(null)
  }

  for (const [name, body] of Object.entries(replayable)) {
    it(`says yes to ${name}`, () => {
      assert.isTrue(Idempotency.isReplayable(HttpClientRequest.setBody(post, body)))
    })
  }

  const oneShot: Record<string, () => HttpBody.HttpBody> = {
    "a Stream": () => HttpBody.stream(Stream.make(bytes)),
    "a file from the web": () => HttpBody.fileWeb(new File(["text"], "name")),
    "a raw ReadableStream": () => HttpBody.raw(new Blob(["text"]).stream()),
    "a raw Readable": () => HttpBody.raw(Readable.from([bytes])),
    "a raw generator": () =>
      HttpBody.raw((function*() {
        yield bytes
      })()),
    "a raw async generator": () =>
      HttpBody.raw((async function*() {
        yield bytes
      })()),
    "a raw iterable": () => HttpBody.raw([bytes]),
    "a raw function": () => HttpBody.raw(() => bytes),
    "a Readable that calls itself a form": () =>
      HttpBody.raw(Object.assign(Readable.from([bytes]), { [Symbol.toStringTag]: "FormData" }))
  }

  for (const [name, make] of Object.entries(oneShot)) {
    it(`says no to ${name}, unless it is marked`, () => {
      const request = HttpClientRequest.setBody(post, make())
      assert.isFalse(Idempotency.isReplayable(request))
      assert.isTrue(Idempotency.isReplayable(Idempotency.markReplayable(request)))
    })
  }

  it("does not depend on the method", () => {
    const upload = HttpClientRequest.put(url).pipe(HttpClientRequest.bodyStream(Stream.make(bytes)))
    assert.isFalse(Idempotency.isReplayable(upload))
  })
})

describe("trackBody", () => {
  const once = () => HttpBody.stream(Stream.fromIterable([bytes].values()), "text/csv", bytes.length)

  const read = (request: HttpClientRequest.HttpClientRequest) =>
    request.body._tag === "Stream" ? Stream.runCollect(request.body.stream) : assert.fail("no stream")

  it.effect("lets a stream be replayed until it was read", () =>
    Effect.gen(function*() {
      const request = trackBody(HttpClientRequest.setBody(post, once()))
      assert.isTrue(Idempotency.isReplayable(request))
      assert.isTrue(Idempotency.isReplayable(HttpClientRequest.setHeader(request, "a", "b")))
      assert.deepStrictEqual(Array.from(yield* read(request)), [bytes])
      assert.isFalse(Idempotency.isReplayable(request))
      assert.isFalse(Idempotency.isReplayable(HttpClientRequest.setHeader(request, "a", "b")))
    }))

  it.effect("takes a stream for read that failed or was cut short", () =>
    Effect.gen(function*() {
      const failing = trackBody(HttpClientRequest.bodyStream(post, Stream.fail("no")))
      yield* Effect.exit(read(failing))
      assert.isFalse(Idempotency.isReplayable(failing))
      const cut = trackBody(HttpClientRequest.bodyStream(post, Stream.make(bytes, bytes)))
      yield* cut.body._tag === "Stream" ? Stream.runHead(cut.body.stream) : assert.fail("no stream")
      assert.isFalse(Idempotency.isReplayable(cut))
    }))

  it.effect("takes a stream for untouched where a client failed before it read it", () =>
    Effect.gen(function*() {
      const refusing = HttpClient.make((request) =>
        Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause: "refused" }))
      )
      const request = trackBody(HttpClientRequest.setBody(post, once()))
      yield* Effect.flip(refusing.execute(request))
      assert.isTrue(Idempotency.isReplayable(request))
    }))

  // In Effect 4 such a stream may be untouched, and then the second attempt sends it.
  it.live("never sends a part of a stream where fetch made a web stream of it and then failed", () =>
    Effect.gen(function*() {
      const bodies: Array<string> = []
      let calls = 0
      const fetch: typeof globalThis.fetch = async (_, init) => {
        if (++calls === 1) throw new TypeError("fetch failed")
        await new Promise((resolve) => setTimeout(resolve, 20))
        bodies.push(await new Response(init!.body).text())
        return new Response()
      }
      const bare = yield* HttpClient.HttpClient.pipe(Effect.provide(FetchHttpClient.layer))
      const client = HttpResilience.retry(bare, Schedule.recurs(1))
      const request = HttpClientRequest.setBody(HttpClientRequest.put(url), once())
      yield* Effect.exit(client.execute(request)).pipe(Effect.provideService(FetchHttpClient.Fetch, fetch))
      assert.deepStrictEqual(bodies, calls === 1 ? [] : [new TextDecoder().decode(bytes)])
    }))

  it("keeps the headers and the facts of the body as the caller set them", () => {
    const request = post.pipe(
      HttpClientRequest.setBody(once()),
      HttpClientRequest.setHeaders({ "content-type": "application/x-own", "content-length": "99" })
    )
    const tracked = trackBody(request)
    assert.strictEqual(tracked.headers, request.headers)
    assert.deepStrictEqual(factsOf(tracked.body), ["text/csv", bytes.length])
    assert.deepStrictEqual(tracked.toJSON(), request.toJSON())
  })

  it("gives back the very request where there is nothing to track", () => {
    const stream = HttpClientRequest.setBody(post, once())
    const raw = HttpClientRequest.setBody(post, HttpBody.raw(Readable.from([bytes])))
    for (
      const request of [post, HttpClientRequest.bodyText(post, "text"), raw, Idempotency.markReplayable(stream)]
    ) {
      assert.strictEqual(trackBody(request), request)
    }
    const tracked = trackBody(stream)
    assert.strictEqual(trackBody(tracked), tracked)
  })

  it("does not track for the request it was made from", () => {
    const request = HttpClientRequest.setBody(post, once())
    trackBody(request)
    assert.isFalse(Idempotency.isReplayable(request))
  })

  it("keeps a mark", () => {
    const request = trackBody(Idempotency.markIdempotent(HttpClientRequest.setBody(post, once())))
    assert.isTrue(Idempotency.isIdempotent(request))
  })

  it.effect("still knows that a stream was read when its request is marked idempotent afterwards", () =>
    Effect.gen(function*() {
      const tracked = trackBody(HttpClientRequest.setBody(post, once()))
      const marked = Idempotency.markIdempotent(tracked)
      yield* read(tracked)
      assert.isFalse(Idempotency.isReplayable(marked))
    }))
})

describe("the types", () => {
  type Request = HttpClientRequest.HttpClientRequest

  it("of withKey fit both forms", () => {
    expectTypeOf(Idempotency.withKey("key")).toEqualTypeOf<(request: Request) => Request>()
    expectTypeOf(Idempotency.withKey("key", { header: "a" })).toEqualTypeOf<(request: Request) => Request>()
    expectTypeOf(Idempotency.withKey(post, "key")).toEqualTypeOf<Request>()
    expectTypeOf(Idempotency.withKey(post, "key", { header: undefined })).toEqualTypeOf<Request>()
    // @ts-expect-error the key is missing
    assert.strictEqual(invalid(() => Idempotency.withKey(post, undefined)).option, "key")
  })

  it("of withGeneratedKey fit a pipe", () => {
    expectTypeOf(post.pipe(Idempotency.withGeneratedKey)).toEqualTypeOf<Effect.Effect<Request>>()
    expectTypeOf(Idempotency.withGeneratedKey(post, { header: "a" })).toEqualTypeOf<Effect.Effect<Request>>()
  })

  it("of automaticKeys keep the errors and needs of the client", () => {
    const { client } = recording()
    const typed = client as unknown as HttpClient.HttpClient.With<"error", "needs">
    expectTypeOf(typed.pipe(Idempotency.automaticKeys())).toEqualTypeOf<typeof typed>()
    expectTypeOf(typed.pipe(Idempotency.automaticKeys({ header: "a" }))).toEqualTypeOf<typeof typed>()
    expectTypeOf(Idempotency.automaticKeys(typed)).toEqualTypeOf<typeof typed>()
    expectTypeOf(Idempotency.automaticKeys(typed, { methods: ["PUT"] })).toEqualTypeOf<typeof typed>()
    expectTypeOf(client.pipe(Idempotency.automaticKeys())).toExtend<HttpClient.HttpClient>()
    // @ts-expect-error no such method
    Idempotency.automaticKeys({ methods: ["FETCH"] })
  })

  it("of the marks fit a pipe", () => {
    expectTypeOf(post.pipe(Idempotency.markIdempotent, Idempotency.markReplayable)).toEqualTypeOf<Request>()
  })
})
