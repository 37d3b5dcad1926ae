/** An `HttpClient` that answers by a script, and charges once per idempotency key. */
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Clock, Effect } from "effect"

export interface Seen {
  readonly atMillis: number
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly request: HttpClientRequest.HttpClientRequest
}

/** A status, a whole response, or no connection. */
export type Reply = number | Response | "refused" | Effect.Effect<Response>

const respond = (request: HttpClientRequest.HttpClientRequest, reply: Reply) => {
  if (reply === "refused") {
    const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" })
    return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause }))
  }
  if (Effect.isEffect(reply)) return Effect.map(reply, (response) => HttpClientResponse.fromWeb(request, response))
  const response = typeof reply === "number"
    ? new Response(reply === 200 ? "\"done\"" : "no", { status: reply })
    : reply
  return Effect.succeed(HttpClientResponse.fromWeb(request, response))
}

export const make = (reply: (number: number, seen: Seen) => Reply) => {
  const seen: Array<Seen> = []
  const client = HttpClient.make((request) =>
    Effect.flatMap(Clock.currentTimeMillis, (atMillis) => {
      const one = { atMillis, key: request.headers["idempotency-key"], headers: request.headers, request }
      seen.push(one)
      return respond(request, reply(seen.length, one))
    })
  )
  return { client, seen }
}
