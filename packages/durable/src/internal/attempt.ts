import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpFailure from "@reprise/http/HttpFailure"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Deadline from "reprise/Deadline"
import { type Failed, statusOf } from "./failures.js"

type Request = HttpClientRequest.HttpClientRequest

/**
 * Sends the request once, reads the body, and decodes it. It fails with the failure of the attempt, or with the
 * rejection of a policy of the client.
 *
 * @internal
 */
export const send = <A, I, R>(
  request: Request,
  read: Schema.Schema<A, I, R> | undefined,
  { maxBodyLength, timeoutMillis }: { readonly timeoutMillis: number; readonly maxBodyLength: number }
): Effect.Effect<{ readonly status: number; readonly body: A }, Failed, R | HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (plain) => {
    const client = HttpResilience.typed(HttpResilience.attemptTimeout(plain, timeoutMillis))
    const text = HttpResilience.executeAndRead(
      client,
      request,
      (response) => Effect.map(textOf(response, maxBodyLength), (text) => ({ response, text }))
    )
    return Effect.matchEffect(text, {
      onSuccess: ({ response, text }) =>
        Effect.map(decode(response, text, read), (body) => ({ status: response.status, body })),
      onFailure: (error) => Effect.flatMap(failed(request, error), Effect.fail)
    })
  })

/** The first characters of the body. The connection of a longer one is closed. */
const startOf = (response: HttpClientResponse.HttpClientResponse, length: number) =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    const read = Stream.runForEachWhile(response.stream, (bytes) =>
      Effect.sync(() => {
        text += decoder.decode(bytes, { stream: true })
        return text.length < length
      }))
    return Effect.map(read, () => text + decoder.decode())
  })

const textOf = (response: HttpClientResponse.HttpClientResponse, maxLength: number) => {
  const { "content-encoding": encoding, "content-length": length } = response.headers
  // Without a stream a call takes 2 to 4 % less time. An encoded body is longer than its length says.
  const announced = encoding === undefined && length !== undefined ? Number(length) : undefined
  // A response without a body has no stream either.
  const start = Effect.catchAll(
    startOf(response, maxLength + 1),
    (error) => Effect.mapError(response.text, () => error)
  )
  return Effect.filterOrFail(
    announced !== undefined && announced <= maxLength ? response.text : start,
    (text) => text.length <= maxLength,
    () =>
      new HttpFailure.DecodeFailure({
        ...common(response),
        retryable: false,
        code: "BodyTooLong",
        cause: new Error(`The body is longer than maxBodyLength: ${maxLength}`)
      })
  )
}

/** The facts of a failure without an answer of its own. */
const common = (response: HttpClientResponse.HttpClientResponse) => ({
  request: HttpFailure.make(response).request,
  sent: "maybe" as const,
  retryAfter: Option.none(),
  attempts: [],
  code: undefined
})

const decode = <A, I, R>(
  response: HttpClientResponse.HttpClientResponse,
  text: string,
  read: Schema.Schema<A, I, R> | undefined
): Effect.Effect<A, Failed, R> => {
  // Without a schema the body is text, which the type of the options says.
  if (read === undefined) return Effect.succeed(text as A)
  // In the form of `undefined` that the schema decodes. In Effect 4 that is `null`.
  const empty = () => Schema.encodeSync(Schema.asSchema(Schema.Undefined))(undefined)
  const value = Effect.try((): unknown => text === "" ? empty() : JSON.parse(text))
  return Effect.mapError(Effect.flatMap(value, Schema.decodeUnknown(Schema.asSchema(read))), (cause) => ({
    failure: new HttpFailure.DecodeFailure({ ...common(response), retryable: false, cause }),
    body: excerpt(text, response.request)
  }))
}

const failed = (request: Request, error: unknown): Effect.Effect<Failed> => {
  if (HttpFailure.isHttpFailure(error)) return withBody(error)
  // A deadline of the client is the limit of one attempt here.
  const isLate = error instanceof Deadline.DeadlineExceeded
  const last = isLate ? Option.filter(error.last, HttpFailure.isHttpFailure) : Option.none()
  if (Option.isSome(last)) return withBody(last.value)
  return Effect.succeed(
    isLate ? { failure: late(request, "maybe") } : { failure: late(request, "no"), rejection: error }
  )
}

/**
 * The attempt has taken too long.
 *
 * @internal
 */
export const late = (request: Request, sent: "maybe" | "no"): HttpFailure.AttemptTimeout =>
  new HttpFailure.AttemptTimeout({
    ...common(HttpClientResponse.fromWeb(request, new Response(null))),
    sent,
    retryable: true,
    duration: undefined
  })

/** A longer body is cut, and its connection closed. */
const maxLength = 4_096

const withBody = (failure: HttpFailure.HttpFailure): Effect.Effect<Failed> => {
  if (!("response" in failure) || failure.response === undefined) return Effect.succeed({ failure })
  // As it was sent: the client may have added headers.
  const { request } = failure.response
  return startOf(failure.response, maxLength).pipe(
    Effect.timeout(Duration.seconds(5)),
    Effect.match({
      onSuccess: (start): Failed => ({ failure, body: start === "" ? undefined : excerpt(start, request) }),
      onFailure: () => ({ failure })
    })
  )
}

/** A server may repeat the headers that it received, as text or as JSON. */
const excerpt = (text: string, request: Request): string => {
  const values = Object.values(request.headers).flatMap((value) => [value, ...value.split(/[ ,;=]+/)])
  const secrets = values
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)])
    .filter((value) => value.length >= 8)
    // A part that is replaced first would hide the whole.
    .sort((one, other) => other.length - one.length)
  return secrets.reduce((text, secret) => text.replaceAll(secret, "<redacted>"), text).slice(0, maxLength)
}

/**
 * The wait that a policy asks for, if the error is its rejection.
 *
 * @internal
 */
export const held = ({ rejection }: Failed): Option.Option<Duration.Duration> | undefined => {
  if (rejection === undefined) return undefined
  const asked = Predicate.hasProperty(rejection, "retryAfter") ? rejection.retryAfter : undefined
  return Option.isOption(asked) ? Option.filter(asked, Duration.isDuration) : Option.none()
}

/** @internal */
export const describe = ({ failure, rejection }: Failed) => {
  if (rejection === undefined) return { tag: failure._tag, message: failure.message, status: statusOf(failure) }
  const tag = Predicate.hasProperty(rejection, "_tag") ? String(rejection._tag) : "Rejected"
  return { tag, message: rejection instanceof Error ? rejection.message : tag }
}
