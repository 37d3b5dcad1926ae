import * as Effect from "effect/Effect"
import type * as Reply from "../Reply.js"
import type { Head } from "./requestParser.js"

/**
 * The operations of a reply on a connection. A `"hang"` leaves the connection open and silent.
 *
 * @internal
 */
export interface Wire {
  /**
   * Ends when the kernel has taken the bytes. It never ends if the connection is lost: its fiber is then interrupted.
   */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void>
  readonly end: (by: Reply.Ending) => Effect.Effect<void>
}

/**
 * The end of an answer: whole with the connection kept, whole with it closed, or not whole.
 *
 * @internal
 */
export type Outcome = "kept" | "closed" | "broken"

/**
 * Answers one request.
 *
 * @internal
 */
export const deliver = (wire: Wire, reply: Reply.Reply, head: Head): Effect.Effect<Outcome> => {
  const answer = deliverNow(wire, reply, head)
  return reply.delayMillis === 0 ? answer : Effect.zipRight(Effect.sleep(reply.delayMillis), answer)
}

const deliverNow = (wire: Wire, reply: Reply.Reply, head: Head): Effect.Effect<Outcome> => {
  switch (reply._tag) {
    case "Break":
      return breakOff(wire, reply.by)
    case "Raw":
      return Effect.zipRight(wire.write(reply.bytes), reply.then === "keep" ? kept : breakOff(wire, reply.then))
    case "Respond":
      return respond(wire, reply, head)
  }
}

const kept: Effect.Effect<Outcome> = Effect.succeed("kept")

const breakOff = (wire: Wire, by: Reply.Ending): Effect.Effect<Outcome> => Effect.as(wire.end(by), "broken")

const respond = (wire: Wire, reply: Reply.Respond, head: Head): Effect.Effect<Outcome> => {
  const closes = reply.close || reply.framing === "close" || !head.keepAlive
  const headBytes = encodeHead(reply, closes)
  if (reply.cut?.at === "responseHead") {
    return Effect.zipRight(wire.write(headBytes.subarray(0, reply.cut.bytes)), breakOff(wire, reply.cut.by))
  }
  const bodiless = head.method === "HEAD" || isBodiless(reply.status)
  const pieces = bodiless ? [] : encodeBody(reply)
  const written = pieces.length <= 1
    ? wire.write(pieces.length === 0 ? headBytes : Buffer.concat([headBytes, pieces[0]!]))
    : Effect.zipRight(wire.write(headBytes), writePieces(wire, pieces, reply.gapMillis))
  if (reply.cut !== undefined) return Effect.zipRight(written, breakOff(wire, reply.cut.by))
  return Effect.zipRight(written, closes ? Effect.as(wire.end("fin"), "closed") : kept)
}

const writePieces = (wire: Wire, pieces: ReadonlyArray<Uint8Array>, gapMillis: number): Effect.Effect<void> =>
  Effect.forEach(
    pieces,
    (piece, i) => i === 0 || gapMillis === 0 ? wire.write(piece) : Effect.delay(wire.write(piece), gapMillis),
    { discard: true }
  )

const isBodiless = (status: number): boolean => status < 200 || status === 204 || status === 304

const encodeHead = (reply: Reply.Respond, closes: boolean): Buffer => {
  let text = `HTTP/1.1 ${reply.status} ${reasons[reply.status] ?? "Status"}\r\n`
  let framed = reply.framing === "close" || isBodiless(reply.status)
  let connection = false
  for (const name in reply.headers) {
    const values = reply.headers[name]!
    const lower = name.toLowerCase()
    framed ||= lower === "content-length" || lower === "transfer-encoding"
    connection ||= lower === "connection"
    for (const value of typeof values === "string" ? [values] : values) text += `${name}: ${value}\r\n`
  }
  if (!framed) {
    text += reply.framing === "chunked" ? "transfer-encoding: chunked\r\n" : `content-length: ${reply.body.length}\r\n`
  }
  if (closes && !connection) text += "connection: close\r\n"
  return Buffer.from(`${text}\r\n`, "latin1")
}

const encodeBody = (reply: Reply.Respond): ReadonlyArray<Uint8Array> => {
  const whole = reply.cut === undefined
  const body = whole ? reply.body : reply.body.subarray(0, reply.cut.bytes)
  const size = Math.max(1, Math.ceil(body.length / reply.pieces))
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size)
    pieces.push(reply.framing === "chunked" ? chunk(piece) : piece)
  }
  if (reply.framing === "chunked" && whole) {
    const last = pieces.pop()
    pieces.push(Buffer.concat([last ?? Buffer.alloc(0), Buffer.from("0\r\n\r\n")]))
  }
  return pieces
}

const chunk = (bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  408: "Request Timeout",
  409: "Conflict",
  425: "Too Early",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout"
}
