import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { HttpFault, RecordedRequest, Respond, Scripted, Step } from "../HttpFault.js"

type Mutable = { -readonly [K in keyof RecordedRequest]: RecordedRequest[K] }

/** @internal */
export const make = (steps: ReadonlyArray<Scripted>, fallback: Respond): HttpFault => {
  const requests: Array<RecordedRequest> = []
  let script = steps
  let rest: Scripted = fallback
  let taken = 0

  const take = (record: RecordedRequest): Step => {
    const step = script[taken] ?? rest
    return typeof step === "function" ? step(record, taken++) : (taken++, step)
  }

  const client = HttpClient.make((request, url, signal) =>
    Effect.clockWith((clock) => {
      const record: Mutable = {
        index: requests.length,
        timeMillis: clock.unsafeCurrentTimeMillis(),
        method: request.method,
        url: url.toString(),
        headers: { ...request.headers },
        body: new Uint8Array(),
        complete: false,
        answered: false,
        aborted: false
      }
      requests.push(record)
      return readBody(request, record).pipe(
        Effect.zipRight(Effect.suspend(() => run(take(record), request, record, signal))),
        Effect.onInterrupt(() => Effect.sync(() => record.aborted = true))
      )
    })
  )

  return {
    client,
    requests: Effect.sync(() => requests.slice()),
    script: (...steps) =>
      Effect.sync(() => {
        script = steps
        taken = 0
      }),
    always: (step) => Effect.sync(() => rest = step)
  }
}

const run = (
  step: Step,
  request: HttpClientRequest,
  record: Mutable,
  signal: AbortSignal
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError> => {
  switch (step._tag) {
    case "Delay":
      return Effect.delay(Effect.suspend(() => run(step.step, request, record, signal)), step.millis)
    case "Fail":
      return Effect.fail(new HttpClientError.RequestError({ request, reason: step.reason, cause: step.cause }))
    case "Die":
      return Effect.die(step.defect)
    case "Hang":
      return Effect.never
    case "Respond":
      return Effect.sync(() => HttpClientResponse.fromWeb(request, respond(step, record, signal)))
  }
}

const respond = (step: Respond, record: Mutable, signal: AbortSignal): Response => {
  const { headers, status } = step
  if (record.method === "HEAD" || status === 204 || status === 205 || status === 304) {
    record.answered = true
    return new Response(null, { status, headers })
  }
  return new Response(responseBody(step, record, signal), { status, headers })
}

const responseBody = (step: Respond, record: Mutable, signal: AbortSignal): ReadableStream<Uint8Array> => {
  const abort = () => {
    record.aborted = !record.answered
  }
  return new ReadableStream({
    start(controller) {
      signal.addEventListener("abort", () => {
        abort()
        if (record.aborted) controller.error(signal.reason)
      }, { once: true })
      const bytes = step.cut === undefined ? step.body : step.body.subarray(0, step.cut.bytes)
      if (bytes.length > 0) controller.enqueue(bytes)
    },
    pull(controller) {
      if (step.cut === undefined) {
        record.answered = true
        controller.close()
      } else if (step.cut.by === "hang") {
        return new Promise<void>(() => {})
      } else {
        controller.error(step.cut.by.cause)
      }
      return undefined
    },
    cancel: abort
    // Nothing is pulled before the caller reads. A body counts as answered when it was read, and fails no sooner.
  }, { highWaterMark: 0 })
}

const readBody = (request: HttpClientRequest, record: Mutable): Effect.Effect<void, HttpClientError.RequestError> => {
  const { body } = request
  switch (body._tag) {
    case "Empty":
      return finish(record, record.body)
    case "Uint8Array":
      return finish(record, body.body)
    case "FormData":
      return readWeb(request, record, body.formData)
    case "Raw":
      return readWeb(request, record, body.body)
    case "Stream":
      return Stream.runForEach(body.stream, (bytes) => Effect.sync(() => append(record, bytes))).pipe(
        Effect.mapError((cause) => new HttpClientError.RequestError({ request, reason: "Transport", cause })),
        Effect.zipRight(Effect.suspend(() => finish(record, record.body)))
      )
  }
}

const finish = (record: Mutable, bytes: Uint8Array): Effect.Effect<void> =>
  Effect.sync(() => {
    record.body = bytes
    record.complete = true
  })

// A raw body is any value that fetch takes. Only fetch's own Response type can turn it into bytes.
const readWeb = (
  request: HttpClientRequest,
  record: Mutable,
  body: unknown
): Effect.Effect<void, HttpClientError.RequestError> =>
  Effect.flatMap(
    Effect.tryPromise({
      try: () => new Response(body as BodyInit).arrayBuffer(),
      catch: (cause) => new HttpClientError.RequestError({ request, reason: "Transport", cause })
    }),
    (buffer) => finish(record, new Uint8Array(buffer))
  )

const append = (record: Mutable, bytes: Uint8Array): void => {
  const joined = new Uint8Array(record.body.length + bytes.length)
  joined.set(record.body)
  joined.set(bytes, record.body.length)
  record.body = joined
}
