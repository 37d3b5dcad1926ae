import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Exit, Stream } from "effect"
import { Readable } from "node:stream"
import * as Undici from "undici"
import * as Idempotency from "../../src/Idempotency.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { dropIn, layerTyped, onEachFace, onEachTransport, quick } from "../support/wire.js"

const text = "the whole body"
const bytes = new TextEncoder().encode(text)
const busy = Reply.respond({ status: 503, body: "busy" })

async function* once() {
  yield bytes
}

function* onceSync() {
  yield bytes
}

const readable = () => Readable.from([Buffer.from(bytes)])

const streamBody = (stream: Stream.Stream<Uint8Array, unknown>) => HttpBody.stream(stream, "text/plain")

const replayable: ReadonlyArray<readonly [name: string, body: () => HttpBody.HttpBody]> = [
  ["text", () => HttpBody.text(text)],
  ["bytes", () => HttpBody.uint8Array(bytes)],
  ["JSON", () => HttpBody.unsafeJson({ text })],
  ["a raw string", () => HttpBody.raw(text)]
]

const oneShot: ReadonlyArray<readonly [name: string, body: () => HttpBody.HttpBody]> = [
  ["a stream of one async generator", () => streamBody(Stream.fromAsyncIterable(once(), (error) => error))],
  ["a stream of one generator", () => streamBody(Stream.fromIterable(onceSync()))],
  ["a stream of one Readable", () => {
    const one = readable()
    return streamBody(NodeStream.fromReadable(() => one, (error) => error))
  }],
  ["a stream of one ReadableStream", () => {
    const one = Readable.toWeb(readable()) as ReadableStream<Uint8Array>
    return streamBody(Stream.fromReadableStream(() => one, (error) => error))
  }],
  ["a raw Readable", () => HttpBody.raw(readable())],
  ["a raw ReadableStream", () => HttpBody.raw(Readable.toWeb(readable()))],
  ["a raw async generator", () => HttpBody.raw(once())]
]

/** What a program may fill in: Node's own class, and for undici's client also that of its package. */
const forms = (name: string): ReadonlyArray<readonly [name: string, make: () => FormData]> => [
  ["FormData", () => new FormData()],
  ...(name === "undici" ? [["undici's FormData", () => new Undici.FormData() as unknown as FormData] as const] : [])
]

const put = (server: FaultServer.FaultServer, body: HttpBody.HttpBody) =>
  HttpClientRequest.setBody(HttpClientRequest.put(server.url), body)

/** The form as a server reads it. */
const received = ({ body, headers }: FaultServer.RecordedRequest) =>
  Effect.promise(() =>
    new Response(body.slice(), { headers: { "content-type": headers["content-type"] ?? "" } }).formData()
  )

onEachFace("a request's body", (transport, name) => {
  it.scopedLive.each(replayable)(
    "of %s is the same on every attempt",
    ([, body]) =>
      dropIn(transport, {}, (server) =>
        Effect.gen(function*() {
          yield* server.script(busy, Reply.reset())
          assert.strictEqual((yield* HttpClient.execute(put(server, body()))).status, 200)
          const bodies = (yield* server.requests).map(({ text }) => text)
          assert.lengthOf(bodies, 3)
          assert.strictEqual(new Set(bodies).size, 1)
          assert.include(bodies[0], text)
        }))
  )

  for (const [own, makeForm] of forms(name)) {
    it.scopedLive(`as ${own} is the same on every attempt`, () =>
      dropIn(transport, {}, (server) =>
        Effect.gen(function*() {
          const data = makeForm()
          data.append("field", text)
          yield* server.script(busy, Reply.reset())
          assert.strictEqual((yield* HttpClient.execute(put(server, HttpBody.formData(data)))).status, 200)
          const requests = yield* server.requests
          assert.lengthOf(requests, 3)
          for (const request of requests) assert.deepStrictEqual([...(yield* received(request))], [["field", text]])
        })))

    it.scopedLive.each(
      [
        [`as ${own}`, (data: FormData) => HttpBody.formData(data)],
        [`as raw ${own}`, (data: FormData) => HttpBody.raw(data)]
      ] as const
    )(
      "%s has its files, and its names are escaped",
      ([kind, body]) =>
        dropIn(transport, {}, (server) =>
          Effect.gen(function*() {
            const data = makeForm()
            data.append("a \"quoted\"\r\nname, é", "value\nof two lines, ü")
            data.append("file", new File([new Uint8Array([0, 255, 10, 13])], "ä \"b\"\n.bin", { type: "image/png" }))
            data.append("file", new Blob(["second"]))
            const sent = HttpClient.post(server.url, { body: body(data) })
            // node's own client cannot write a raw form.
            if (kind === "as raw FormData" && name === "node") {
              assert.isTrue(Exit.isFailure(yield* Effect.exit(sent)))
              return
            }
            assert.strictEqual((yield* sent).status, 200)
            // A second form, by a client that is known to refuse forms.
            assert.strictEqual((yield* sent).status, 200)
            const requests = yield* server.requests
            assert.lengthOf(requests, 2)
            for (const request of requests) {
              const raw = Buffer.from(request.body).toString("utf8")
              assert.include(raw, `name="a %22quoted%22%0D%0Aname, é"\r\n\r\nvalue\r\nof two lines, ü\r\n`)
              assert.include(raw, `name="file"; filename="ä %22b%22%0A.bin"\r\nContent-Type: image/png\r\n`)
              assert.include(raw, `name="file"; filename="blob"\r\n`)
              assert.isTrue(Buffer.from(request.body).includes(Buffer.from([0, 255, 10, 13])))
            }
          }))
    )

    it.scopedLive(`as ${own} is sent once if it is not safe to send again`, () =>
      dropIn(transport, {}, (server) =>
        Effect.gen(function*() {
          const data = makeForm()
          data.append("amount", "5 EUR")
          yield* server.always(busy)
          assert.strictEqual((yield* HttpClient.post(server.url, { body: HttpBody.formData(data) })).status, 503)
          assert.lengthOf(yield* server.requests, 1)
        })))
  }

  for (const [kind, fault] of [["503", busy], ["a reset", Reply.reset()]] as const) {
    it.scopedLive.each(oneShot)(
      `of %s is never sent again empty after ${kind}`,
      ([, body]) =>
        dropIn(transport, {}, (server) =>
          Effect.gen(function*() {
            yield* server.always(fault)
            const exit = yield* Effect.exit(HttpClient.execute(put(server, body())))
            const requests = yield* server.requests
            assert.isAtMost(requests.length, 1)
            for (const request of requests) assert.strictEqual(request.text, text)
            if (kind === "503" && exit._tag === "Success") assert.strictEqual(exit.value.status, 503)
          }))
    )
  }

  it.scopedLive("that can be read twice is sent again where its caller says so", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.script(busy, busy)
        const request = put(server, streamBody(Stream.make(bytes)))
        assert.strictEqual((yield* HttpClient.execute(request)).status, 503)
        yield* server.script(busy, busy)
        assert.strictEqual((yield* HttpClient.execute(Idempotency.markReplayable(request))).status, 200)
        assert.deepStrictEqual((yield* server.requests).map(({ text }) => text), Array(4).fill(text))
      })))
})

onEachTransport("a stream that no attempt has read", (transport, name) => {
  it.scopedLive("is still whole, so the request is sent again", () =>
    Effect.gen(function*() {
      let started = 0
      const stream = Stream.suspend(() => {
        started++
        return Stream.make(bytes)
      })
      const client = yield* ResilientHttpClient.ResilientHttpClient
      const request = HttpClientRequest.put(yield* FaultServer.refusedUrl).pipe(
        HttpClientRequest.setBody(streamBody(stream))
      )
      const failure = yield* Effect.flip(client.execute(request))
      assert.strictEqual(failure._tag, "ConnectFailure")
      // A transport that reads ahead before it has a connection has started the stream.
      const attempts = failure._tag === "ConnectFailure" ? failure.attempts.length : 0
      assert.strictEqual(attempts, started === 0 ? 3 : 1, name)
    }).pipe(Effect.provide(layerTyped(transport, { retry: quick(3) }))))
})
