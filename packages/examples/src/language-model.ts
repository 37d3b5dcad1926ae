/** A language model: its POST is safe to repeat if the server refused it, and its answer arrives as a stream of events. */
import { FetchHttpClient, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { HttpFailure, HttpResilience, HttpRetry, ResilientHttpClient } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Effect, Layer, Stream } from "effect"
import { Timeout } from "reprise"

const ModelLive = ResilientHttpClient.layerTyped({
  // 529 is the overload status of some providers, which no table of HTTP knows.
  retry: HttpRetry.exponential({ attempts: 5, base: "10 millis" }).pipe(HttpRetry.whileStatus(429, 503, 529)),
  // 429 and 503 with `Retry-After` say that the request was not processed: so a POST may be sent again.
  retryUnsent: true,
  classify: ({ failure, response }) =>
    failure !== undefined && response?.status === 529
      ? HttpFailure.withVerdict(failure, { sent: "refused" })
      : undefined,
  gate: HttpResilience.retryAfterGate(),
  attemptTimeout: "1 minute"
}).pipe(Layer.provide(FetchHttpClient.layer))

/** Retries end when the answer begins. From then on each event has a time of its own. */
const events = ({ stream }: HttpClientResponse.HttpClientResponse) =>
  stream.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.startsWith("data: ")),
    Stream.map((line) => line.slice("data: ".length))
  )

const ask = (url: string, prompt: string) =>
  Effect.gen(function*() {
    const client = yield* ResilientHttpClient.ResilientHttpClient
    const request = HttpClientRequest.post(`${url}/v1/messages`).pipe(HttpClientRequest.bodyUnsafeJson({ prompt }))
    const response = yield* client.execute(request)
    const answer = Stream.mkString(events(response))
    return yield* Timeout.timeoutFail(answer, {
      duration: "5 minutes",
      onTimeout: () => "the model is silent" as const
    })
  })

const busy = Reply.respond({ status: 429, headers: { "retry-after-ms": "20" } })
const answer = Reply.respond({
  headers: { "content-type": "text/event-stream" },
  body: ["two", " ", "books"].map((word) => `data: ${word}\n\n`).join("")
})

export const program = Effect.gen(function*() {
  const server = yield* FaultServer.make()
  yield* server.script(busy, Reply.respond({ status: 529 }), answer)
  const text = yield* ask(server.url, "what did I order?")
  return { text, requests: (yield* server.requests).length }
}).pipe(Effect.scoped, Effect.provide(ModelLive))
