import { FetchHttpClient, HttpBody, HttpClientError, HttpClientRequest } from "@effect/platform"
import type { HttpClientResponse, HttpMethod } from "@effect/platform"
import { Effect, Layer, ManagedRuntime, Option } from "effect"
import type * as HttpFailure from "../../src/HttpFailure.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import { kindOf } from "../../src/internal/classify/clientError.js"
import * as ResilientFetch from "../../src/ResilientFetch.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"

/** What the test asks of the page. */
export interface Call {
  readonly method: HttpMethod.HttpMethod
  readonly url: string
  /** Sent as text. */
  readonly body?: string
  /** Whether the body is read inside the attempt. */
  readonly executeAndRead?: boolean
  /** Whether the program's own `fetch` hands on a copy of each response. */
  readonly copies?: boolean
}

/** A call of `ResilientFetch`. */
export interface FetchCall {
  readonly url: string
  readonly init?: RequestInit
  readonly isRequest?: boolean
  /** Whether it is aborted as soon as a piece of the body is there. */
  readonly aborts?: boolean
}

/** What became of a call, with its ledger: what each attempt came to, and why there was another one or none. */
export interface Outcome {
  readonly result: string
  readonly attempts: ReadonlyArray<readonly [result: string, reason: string]>
}

declare global {
  interface Window {
    call: (call: Call) => Promise<Outcome>
    fetchResiliently: (call: FetchCall) => Promise<ReadonlyArray<unknown>>
  }
}

const options = { retry: HttpRetry.exponential({ base: "1 millis", cap: "2 millis" }) }

const client = ResilientHttpClient.layerTyped(options)

const resilientFetch = ResilientFetch.make(options)

const runtime = ManagedRuntime.make(Layer.provide(client, FetchHttpClient.layer))

const copying: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  return new Response(response.body, response)
}

const copyingRuntime = ManagedRuntime.make(
  client.pipe(Layer.provide(FetchHttpClient.layer), Layer.provide(Layer.succeed(FetchHttpClient.Fetch, copying)))
)

const outcome = (result: string, ledger: HttpFailure.HttpFailure["attempts"]): Outcome => ({
  result,
  attempts: ledger.map(({ failure, reason }) => [
    Option.match(failure, { onNone: () => "response", onSome: ({ _tag }) => _tag }),
    reason
  ])
})

const read = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(response.text, (text) => [response, text] as const)

window.call = ({ body, copies, executeAndRead, method, url }) =>
  Effect.gen(function*() {
    const client = yield* ResilientHttpClient.ResilientHttpClient
    const request = HttpClientRequest.make(method)(url).pipe(
      HttpClientRequest.setBody(body === undefined ? HttpBody.empty : HttpBody.text(body))
    )
    const [response, text] = yield* executeAndRead === true
      ? HttpResilience.executeAndRead(client, request, read)
      : Effect.flatMap(client.execute(request), read)
    return outcome(`${response.status} ${text}`, HttpResilience.attempts(response))
  }).pipe(
    Effect.catchAll((failure) =>
      Effect.succeed(
        HttpClientError.isHttpClientError(failure)
          ? outcome(`client: ${kindOf(failure)}`, [])
          : outcome(failure._tag, "attempts" in failure ? failure.attempts : [])
      )
    ),
    copies === true ? copyingRuntime.runPromise : runtime.runPromise
  )

window.fetchResiliently = async ({ aborts, init, isRequest, url }) => {
  const controller = new AbortController()
  const all = { ...init, ...(aborts && { signal: controller.signal }) }
  const { body, status, type } = isRequest
    ? await resilientFetch(new Request(url, all))
    : await resilientFetch(url, all)
  if (body === null) return [status, type, null]
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  const { value } = await reader.read()
  if (aborts) controller.abort()
  return [status, type, value, await reader.read().then(({ done }) => done, (error: DOMException) => error.name)]
}
