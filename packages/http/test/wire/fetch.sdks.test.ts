import { assert, describe, it } from "@effect/vitest"
import { Octokit } from "@octokit/core"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, TestClock } from "effect"
import OpenAI from "openai"
import * as Tripping from "reprise/Tripping"
import Stripe from "stripe"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientFetch from "../../src/ResilientFetch.js"
import { listeners, rejection } from "../support/fetch.js"
import { allAborted, quick } from "../support/wire.js"

type Server = FaultServer.FaultServer
type Options = ResilientFetch.Options

const make = (options?: Options) => ResilientFetch.make({ retry: quick(3), ...options })

const openai = (server: Server, options?: Options) =>
  new OpenAI({
    apiKey: "key",
    baseURL: `${server.url}/v1`,
    fetch: make(options),
    maxRetries: 0,
    logLevel: "off"
  })

const stripe = (server: Server, options?: Options) =>
  new Stripe("sk_test_key", {
    host: "127.0.0.1",
    port: server.port,
    protocol: "http",
    httpClient: Stripe.createFetchHttpClient(make(options)),
    maxNetworkRetries: 0,
    telemetry: false
  })

const octokit = (server: Server, options?: Options) =>
  new Octokit({ baseUrl: server.url, request: { fetch: make(options) } })

const question = { model: "m", messages: [{ role: "user" as const, content: "hello" }] }

const tooMany = Reply.json({ error: { message: "slow down" } }, { status: 429 })

const completion = Reply.json({
  id: "c1",
  object: "chat.completion",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "hi" } }]
})

const event = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`

describe("openai", () => {
  it.scopedLive.each(
    [
      ["retryUnsent", { retryUnsent: true }, {}],
      ["a key of its caller", {}, { headers: { "Idempotency-Key": "k1" } }],
      ["idempotencyKeys", { idempotencyKeys: true }, {}]
    ] as const
  )("sends a completion again after a 429, by %s", ([, options, request]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(tooMany, completion)
      const client = openai(server, options)
      const answer = yield* Effect.promise(() => client.chat.completions.create(question, request))
      assert.strictEqual(answer.choices[0]?.message.content, "hi")
      const requests = yield* server.requests
      assert.lengthOf(requests, 2)
      for (const { headers, text } of requests) {
        assert.deepStrictEqual(JSON.parse(text), question)
        assert.strictEqual(headers["authorization"], "Bearer key")
        assert.notProperty(headers, "traceparent")
      }
    }))

  it.scopedLive("sends a completion without a key once, and has its own error for the 429", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: tooMany })
      const error = yield* rejection(() => openai(server).chat.completions.create(question))
      assert.instanceOf(error, OpenAI.RateLimitError)
      assert.include(error.message, "slow down")
      assert.lengthOf(yield* server.requests, 1)
    }))

  it.scoped("streams a completion: each piece arrives before the next is sent", () =>
    Effect.gen(function*() {
      const pieces = ["one", "two", "end"].map(event)
      const server = yield* FaultServer.make()
      yield* server.script(
        Reply.respond({ status: 503 }),
        Reply.respond({ headers: { "content-type": "text/event-stream" }, body: pieces.join("") }).pipe(
          Reply.dribble({ pieces: pieces.length, gap: "1 hour" })
        )
      )
      const client = openai(server, { attemptTimeout: "10 seconds", deadline: "20 seconds" })
      const headers = { "Idempotency-Key": "k1" }
      const stream = yield* Effect.promise(() =>
        client.chat.completions.create({ ...question, stream: true as const }, { headers })
      )
      const iterator = stream[Symbol.asyncIterator]()
      for (const word of ["one", "two", "end"]) {
        const { value } = yield* Effect.promise(() => iterator.next())
        assert.strictEqual(value?.choices[0]?.delta.content, word)
        yield* TestClock.adjust("1 hour")
      }
      assert.isTrue((yield* Effect.promise(() => iterator.next())).done)
      assert.lengthOf(yield* server.requests, 2)
    }))

  it.scopedLive("aborts a stream, and with it the connection", () =>
    Effect.gen(function*() {
      const body = event("one") + event("two")
      const headers = { "content-type": "text/event-stream" }
      const server = yield* FaultServer.make({ always: Reply.hangBody(Reply.respond({ headers, body })) })
      const controller = new AbortController()
      const { signal } = controller
      const client = openai(server)
      const stream = yield* Effect.promise(() =>
        client.chat.completions.create({ ...question, stream: true }, { signal })
      )
      const iterator = stream[Symbol.asyncIterator]()
      yield* Effect.promise(() => iterator.next())
      controller.abort()
      assert.isTrue((yield* Effect.promise(() => iterator.next())).done)
      yield* allAborted(server)
    }))

  it.scopedLive("aborts a call", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const controller = new AbortController()
      const { signal } = controller
      const call = openai(server).chat.completions.create(question, { signal })
      const error = rejection(() => call)
      yield* server.awaitRequests(1)
      controller.abort()
      assert.instanceOf(yield* error, OpenAI.APIUserAbortError)
      yield* allAborted(server)
    }))

  it.scopedLive("reports an open circuit as its connection error, and sends nothing", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.json({ error: {} }, { status: 500 }) })
      const client = openai(server, { breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) }) })
      yield* rejection(() => client.chat.completions.create(question))
      const error = yield* rejection(() => client.chat.completions.create(question))
      assert.instanceOf(error, OpenAI.APIConnectionError)
      assert.nestedPropertyVal(error, "cause.name", "TypeError")
      assert.nestedPropertyVal(error, "cause.cause._tag", "CircuitOpen")
      assert.lengthOf(yield* server.requests, 1)
    }))

  it.scopedLive("reports an attempt timeout as its timeout error", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const client = openai(server, { attemptTimeout: "20 millis" })
      const error = yield* rejection(() => client.chat.completions.create(question))
      assert.instanceOf(error, OpenAI.APIConnectionTimeoutError)
    }))
})

describe("stripe", () => {
  it.scopedLive.each(
    [
      ["a reset", Reply.reset()],
      ["a 503", Reply.json({ error: { message: "busy" } }, { status: 503 })]
    ] as const
  )("charges once when %s hides the charge", ([, hidden]) =>
    Effect.gen(function*() {
      const charges = new Map<string, object>()
      const server = yield* FaultServer.make({
        always: ({ headers }, index) => {
          const key = headers["idempotency-key"] ?? `none ${index}`
          const charge = charges.get(key) ?? { id: `pi_${charges.size}`, object: "payment_intent" }
          charges.set(key, charge)
          return index === 0 ? hidden : Reply.json(charge)
        }
      })
      const payment = yield* Effect.promise(() =>
        stripe(server).paymentIntents.create({ amount: 500, currency: "eur" })
      )
      assert.strictEqual(payment.id, "pi_0")
      assert.lengthOf([...charges], 1)
      const requests = yield* server.requests
      assert.deepStrictEqual(requests.map(({ text }) => text), Array(2).fill("amount=500&currency=eur"))
    }))

  it.scopedLive.each(
    [
      ["a reset", Reply.reset()],
      ["a 503", Reply.json({ error: { message: "busy" } }, { status: 503 })]
    ] as const
  )("adds no attempt of its own after %s that stays", ([, fault]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: fault })
      yield* rejection(() => stripe(server).paymentIntents.create({ amount: 500, currency: "eur" }))
      assert.lengthOf(yield* server.requests, 3)
    }))

  it.scopedLive("reports an open circuit as its connection error, and sends nothing", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.json({ error: {} }, { status: 500 }) })
      const client = stripe(server, {
        retry: false,
        breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) })
      })
      yield* rejection(() => client.balance.retrieve())
      const error = yield* rejection(() => client.balance.retrieve())
      assert.instanceOf(error, Stripe.errors.StripeConnectionError)
      assert.nestedPropertyVal(error, "detail.cause._tag", "CircuitOpen")
      assert.lengthOf(yield* server.requests, 1)
    }))

  it.scopedLive("ends at its own timeout, and closes the connection", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const error = yield* rejection(() => stripe(server).balance.retrieve({}, { timeout: 20 }))
      assert.instanceOf(error, Stripe.errors.StripeConnectionError)
      assert.include(error.message, "timeout")
      yield* allAborted(server)
    }))
})

describe("octokit", () => {
  const repository = (client: Octokit, signal?: AbortSignal) =>
    client.request("GET /repos/{owner}/{repo}", {
      owner: "effect-ts",
      repo: "effect",
      request: { ...(signal && { signal }) }
    })

  it.scopedLive("sends a GET again after a reset", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.reset(), Reply.json({ id: 42 }))
      const { data, status } = yield* Effect.promise(() => repository(octokit(server)))
      assert.strictEqual(status, 200)
      assert.propertyVal(data, "id", 42)
      const requests = yield* server.requests
      assert.deepStrictEqual(requests.map(({ path }) => path), Array(2).fill("/repos/effect-ts/effect"))
    }))

  it.scopedLive("has its own error, with the last response, for a 503 that stays", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.json({ message: "busy" }, { status: 503 }) })
      const error = yield* rejection(() => repository(octokit(server)))
      assert.nestedPropertyVal(error, "response.data.message", "busy")
      assert.propertyVal(error, "status", 503)
      assert.lengthOf(yield* server.requests, 3)
    }))

  it.scopedLive("aborts a call, and closes the connection", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const controller = new AbortController()
      const call = repository(octokit(server), controller.signal)
      const error = rejection(() => call)
      yield* server.awaitRequests(1)
      controller.abort()
      assert.propertyVal(yield* error, "name", "AbortError")
      yield* allAborted(server)
      assert.strictEqual(listeners(controller.signal), 0)
    }))

  it.scopedLive("reports an open circuit with its message, and sends nothing", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.json({}, { status: 500 }) })
      const client = octokit(server, { breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) }) })
      yield* rejection(() => repository(client))
      const error = yield* rejection(() => repository(client))
      assert.instanceOf(error, Error)
      assert.include(error.message, "is open")
      assert.nestedPropertyVal(error, "cause.cause._tag", "CircuitOpen")
      assert.lengthOf(yield* server.requests, 1)
    }))
})
