/**
 * Describes the answer of a `FaultServer` to one request: a response, or a failure.
 *
 * Start from {@link respond} or {@link json} and pipe it through combinators, or take a failure: {@link reset}, {@link
 * fin}, {@link hang}, {@link malformed}, {@link raw}.
 *
 * @since 3.1.0
 */
import type * as Duration from "effect/Duration"
import { dual } from "effect/Function"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import * as InvalidOption from "reprise/InvalidOption"

/**
 * The point at which an exchange breaks.
 *
 * - `"connect"`: the server has accepted the connection and reads nothing (over TLS: before the handshake). Only a step
 *   of `FaultServer.script` can act this early. In any other place it means `"requestHead"`, because no request has
 *   arrived yet.
 * - `"requestHead"`: the server has read the request's head, but not its body.
 * - `"request"`: the server has read the whole request and has sent nothing.
 * - `"responseHead"`: the server has sent a part of the status line and headers.
 * - `"responseBody"`: the server has sent the headers and a part of the body. For a body of your own see {@link
 *   truncate}.
 *
 * @since 3.1.0
 * @category models
 */
export type Stage = "connect" | "requestHead" | "request" | "responseHead" | "responseBody"

/**
 * How an exchange breaks: a TCP RST, an orderly FIN, or silence on an open connection.
 *
 * @since 3.1.0
 * @category models
 */
export type Ending = "reset" | "fin" | "hang"

/**
 * One action of a server for one request.
 *
 * @since 3.1.0
 * @category models
 */
export type Reply = Respond | Break | Raw

/**
 * A response, whole or cut short.
 *
 * @since 3.1.0
 * @category models
 */
export interface Respond extends Pipeable {
  readonly _tag: "Respond"
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  /** How the client finds the end of the body: by `content-length`, by chunks, or by the end of the connection. */
  readonly framing: "length" | "chunked" | "close"
  /** The number of writes in which the body is sent. */
  readonly pieces: number
  /** The pause between two pieces. */
  readonly gapMillis: number
  readonly delayMillis: number
  /** Whether the connection is closed after the response. */
  readonly close: boolean
  /** Whether the response is sent before the request's body is read. */
  readonly early: boolean
  readonly cut:
    | { readonly at: "responseHead" | "responseBody"; readonly by: Ending; readonly bytes: number }
    | undefined
}

/**
 * A connection that breaks before the first byte of the response.
 *
 * @since 3.1.0
 * @category models
 */
export interface Break extends Pipeable {
  readonly _tag: "Break"
  readonly by: Ending
  readonly at: "connect" | "requestHead" | "request"
  readonly delayMillis: number
}

/**
 * Bytes that the server sends in place of a response.
 *
 * @since 3.1.0
 * @category models
 */
export interface Raw extends Pipeable {
  readonly _tag: "Raw"
  readonly bytes: Uint8Array
  readonly then: Ending | "keep"
  readonly delayMillis: number
}

/**
 * Response headers. The server sends an array as one line for each value.
 *
 * @since 3.1.0
 * @category models
 */
export type Headers = Readonly<Record<string, string | ReadonlyArray<string>>>

/**
 * The options of {@link respond}.
 *
 * @since 3.1.0
 * @category models
 */
export interface Options {
  /** 100 to 999; 200 by default. */
  readonly status?: number | undefined
  /** The server sends them in this order. It adds `content-length` or `transfer-encoding` if you give neither. */
  readonly headers?: Headers | undefined
  /** Empty by default; text is sent as UTF-8. */
  readonly body?: string | Uint8Array | undefined
}

const Proto = {
  pipe() {
    // eslint-disable-next-line prefer-rest-params -- what pipeArguments takes
    return pipeArguments(this, arguments)
  }
}

const make = <R extends Reply>(fields: Omit<R, "pipe">): R => Object.assign(Object.create(Proto), fields)

const encode = (text: string | Uint8Array): Uint8Array =>
  typeof text === "string" ? new TextEncoder().encode(text) : text

/**
 * A response. Throws `InvalidOption` if the status does not have three digits.
 *
 * @example
 * ```ts
 * import * as Reply from "@reprise/testing/Reply"
 *
 * const busy = Reply.respond({ status: 503, headers: { "retry-after": "1" }, body: "busy" }).pipe(
 *   Reply.delay("20 millis"),
 *   Reply.closeAfter
 * )
 *
 * console.log(busy.status, busy.close) // => 503 true
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const respond = (options: Options = {}): Respond =>
  make<Respond>({
    _tag: "Respond",
    status: InvalidOption.integer("status", options.status ?? 200, { min: 100, max: 999 }),
    headers: options.headers ?? {},
    body: encode(options.body ?? ""),
    framing: "length",
    pieces: 1,
    gapMillis: 0,
    delayMillis: 0,
    close: false,
    early: false,
    cut: undefined
  })

/**
 * A response with a JSON body and its `content-type`.
 *
 * @since 3.1.0
 * @category constructors
 */
export const json = (value: unknown, options: Omit<Options, "body"> = {}): Respond =>
  respond({
    ...options,
    headers: { "content-type": "application/json", ...options.headers },
    body: JSON.stringify(value)
  })

/**
 * The response `200` with the body `ok`: a server's answer after the last step of its script.
 *
 * @since 3.1.0
 * @category constructors
 */
export const ok: Respond = respond({ headers: { "content-type": "text/plain" }, body: "ok" })

const broken = (by: Ending) => (at: Stage = "request"): Reply =>
  at === "responseHead" || at === "responseBody"
    ? make<Respond>({ ...ok, cut: { at, by, bytes: at === "responseHead" ? 20 : 1 } })
    : make<Break>({ _tag: "Break", by, at, delayMillis: 0 })

/**
 * A TCP RST, by default after the server has read the whole request. The server may have processed it.
 *
 * @since 3.1.0
 * @category constructors
 */
export const reset: (at?: Stage) => Reply = broken("reset")

/**
 * A FIN, by default after the server has read the whole request. The connection closes in order, without an answer.
 *
 * @since 3.1.0
 * @category constructors
 */
export const fin: (at?: Stage) => Reply = broken("fin")

/**
 * No answer, by default after the server has read the whole request. The silence ends when the client gives up or the
 * server's scope closes.
 *
 * At `"requestHead"` the server stops reading, so that a large upload stalls. The server then notices a client that
 * gives up only if the client resets the connection.
 *
 * @since 3.1.0
 * @category constructors
 */
export const hang: (at?: Stage) => Reply = broken("hang")

/**
 * Sends bytes in place of a response, then a FIN by default. With `"keep"` the server continues with the next request.
 *
 * @since 3.1.0
 * @category constructors
 */
export const raw = (bytes: string | Uint8Array, options: { readonly then?: Ending | "keep" } = {}): Raw =>
  make<Raw>({ _tag: "Raw", bytes: encode(bytes), then: options.then ?? "fin", delayMillis: 0 })

/**
 * The kinds of {@link malformed}.
 *
 * @since 3.1.0
 * @category models
 */
export type Malformed = "garbage" | "badStatusLine" | "badHeader" | "badChunkSize" | "headerOverflow"

const filler = `x-filler: ${"x".repeat(1000)}\r\n`

const malformedBytes: Readonly<Record<Malformed, () => string>> = {
  garbage: () => "this is not HTTP\r\n\r\n",
  badStatusLine: () => "HTTP/1.1 2xx Fine\r\ncontent-length: 0\r\n\r\n",
  badHeader: () => "HTTP/1.1 200 OK\r\nbad name: x\r\ncontent-length: 0\r\n\r\n",
  badChunkSize: () => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
  headerOverflow: () => `HTTP/1.1 200 OK\r\n${filler.repeat(200)}content-length: 0\r\n\r\n`
}

/**
 * A response that is not HTTP, then a FIN.
 *
 * - `"garbage"`: no HTTP at all.
 * - `"badStatusLine"`: a status that is not a number.
 * - `"badHeader"`: a header name with a space.
 * - `"badChunkSize"`: correct headers, then a chunk size that is not hexadecimal.
 * - `"headerOverflow"`: 200 KB of headers, more than any client's limit.
 *
 * @since 3.1.0
 * @category constructors
 */
export const malformed = (kind: Malformed): Raw => raw(malformedBytes[kind]())

/**
 * Waits on the server's `Clock` before the answer. Several delays add up.
 *
 * @since 3.1.0
 * @category combinators
 */
export const delay: {
  (duration: Duration.DurationInput): <R extends Reply>(self: R) => R
  <R extends Reply>(self: R, duration: Duration.DurationInput): R
} = dual(
  2,
  <R extends Reply>(self: R, duration: Duration.DurationInput): R =>
    make<R>({
      ...self,
      delayMillis: InvalidOption.millis(
        "delay",
        self.delayMillis + InvalidOption.millis("delay", duration, { min: 0 }),
        { min: 0 }
      )
    })
)

/**
 * Sends fewer bytes of the body than the headers say (half of it by default), then a FIN, RST or silence.
 *
 * Throws `InvalidOption` if `bytes` is not less than the body's length.
 *
 * @since 3.1.0
 * @category combinators
 */
export const truncate: {
  (options?: { readonly bytes?: number; readonly by?: Ending }): (self: Respond) => Respond
  (self: Respond, options?: { readonly bytes?: number; readonly by?: Ending }): Respond
} = dual(
  (args) => isReply(args[0]),
  (self: Respond, options: { readonly bytes?: number; readonly by?: Ending } = {}): Respond => {
    const bytes = InvalidOption.integer("bytes", options.bytes ?? self.body.length >> 1, {
      min: 0,
      max: self.body.length - 1
    })
    return make<Respond>({ ...self, cut: { at: "responseBody", by: options.by ?? "fin", bytes } })
  }
)

/**
 * Sends the headers and half of the body, then nothing more: {@link truncate} with silence.
 *
 * @since 3.1.0
 * @category combinators
 */
export const hangBody = (self: Respond): Respond => truncate(self, { by: "hang" })

/**
 * Sends the body in pieces, with a pause between two of them.
 *
 * @since 3.1.0
 * @category combinators
 */
export const dribble: {
  (options: { readonly pieces: number; readonly gap: Duration.DurationInput }): (self: Respond) => Respond
  (self: Respond, options: { readonly pieces: number; readonly gap: Duration.DurationInput }): Respond
} = dual(
  2,
  (self: Respond, options: { readonly pieces: number; readonly gap: Duration.DurationInput }): Respond =>
    make<Respond>({
      ...self,
      pieces: InvalidOption.integer("pieces", options.pieces, { min: 1 }),
      gapMillis: InvalidOption.millis("gap", options.gap, { min: 0 })
    })
)

/**
 * Marks the end of the body without `content-length`: by chunks, or by the end of the connection.
 *
 * @since 3.1.0
 * @category combinators
 */
export const framing: {
  (framing: Respond["framing"]): (self: Respond) => Respond
  (self: Respond, framing: Respond["framing"]): Respond
} = dual(2, (self: Respond, framing: Respond["framing"]): Respond => make<Respond>({ ...self, framing }))

/**
 * Sends `connection: close`, and closes the connection after the response.
 *
 * @since 3.1.0
 * @category combinators
 */
export const closeAfter = (self: Respond): Respond => make<Respond>({ ...self, close: true })

/**
 * Answers after the request's head, before its body, as an overloaded server does.
 *
 * @since 3.1.0
 * @category combinators
 */
export const early = (self: Respond): Respond => make<Respond>({ ...self, early: true })

/**
 * Whether a value is a `Reply`.
 *
 * @since 3.1.0
 * @category guards
 */
export const isReply = (u: unknown): u is Reply =>
  typeof u === "object" && u !== null && Object.getPrototypeOf(u) === Proto
