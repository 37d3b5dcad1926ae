import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { integer } from "reprise/InvalidOption"
import { type BodyError, decodeError, kindOf } from "../classify/clientError.js"
import * as edges from "../effect.js"
import type { ReadBodies, ReadBodiesOptions } from "../model.js"
import { BodyTruncated, expectedBytes, reading } from "./checkedResponse.js"

type Response = HttpClientResponse.HttpClientResponse

/** Types of bodies that may never end. */
const streams =
  /^(text\/event-stream|multipart\/x-mixed-replace|application\/(grpc|octet-stream|stream|(x-)?(nd-?json|json-?lines|jsonl|json-seq)))/i

/**
 * Reads the body of a 2xx response now, unless it is a stream. A body of more than `maxBytes` continues as a stream.
 */
const make = (response: Response, maxBytes: number): Effect.Effect<Response, BodyError> => {
  const { headers, request, status } = response
  const hasBody = status >= 200 && status < 300 && status !== 204 && request.method !== "HEAD"
  const isUnread = !hasBody || Number(headers["content-length"] ?? 0) > maxBytes ||
    streams.test(headers["content-type"] ?? "")
  return isUnread ? Effect.succeed(response) : read(response, maxBytes)
}

/** @internal */
export const readBodies = ({ maxBytes = 2 ** 20 }: ReadBodiesOptions = {}): ReadBodies => {
  const most = integer("maxBytes", maxBytes, { min: 0 })
  return (client) =>
    HttpClient.transformResponse(
      client,
      Effect.flatMap((response): Effect.Effect<Response, BodyError> => make(response, most))
    )
}

const read = (response: Response, maxBytes: number) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) => {
      const body = new Body(response, maxBytes, scope)
      return Effect.matchCauseEffect(restore(body.fill), {
        onFailure: (cause) => Effect.zipRight(Scope.close(scope, Exit.failCause(cause)), Exit.failCause(cause)),
        onSuccess: (result) => result
      })
    })
  )

class Body {
  private readonly chunks: Array<Uint8Array> = []
  private bytes = 0

  constructor(
    private readonly response: Response,
    private readonly maxBytes: number,
    private readonly scope: Scope.CloseableScope
  ) {}

  /** An effect that makes the response, and must run. */
  get fill(): Effect.Effect<Effect.Effect<Response, BodyError>> {
    return Effect.flatMap(Scope.extend(edges.pull(this.response.stream), this.scope), (pull) => this.from(pull))
  }

  private from(pull: edges.Pull<BodyError>): Effect.Effect<Effect.Effect<Response, BodyError>> {
    return Effect.matchEffect(pull, {
      onFailure: (error) => this.close(this.broken(error)),
      onSuccess: (chunk) => {
        if (chunk === undefined) return this.close(this.whole())
        for (const bytes of chunk) {
          this.chunks.push(bytes)
          this.bytes += bytes.byteLength
        }
        return this.bytes > this.maxBytes ? Exit.succeed(Exit.succeed(this.streaming(pull))) : this.from(pull)
      }
    })
  }

  private close(result: Exit.Exit<Response, BodyError>) {
    return Exit.succeed(Effect.zipRight(Scope.close(this.scope, Exit.void), result))
  }

  /** `EmptyBody` is the error of fetch for a response without a body. */
  private broken(error: BodyError): Exit.Exit<Response, BodyError> {
    return kindOf(error) === "EmptyBody" ? Exit.succeed(this.response) : Exit.fail(error)
  }

  private whole(): Exit.Exit<Response, BodyError> {
    const { response } = this
    const expected = expectedBytes(response) ?? 0
    if (this.bytes < expected) {
      return Exit.fail(decodeError(response)(new BodyTruncated({ expectedBytes: expected, receivedBytes: this.bytes })))
    }
    const all = concat(this.chunks, this.bytes)
    return Exit.succeed(reading(response, Exit.succeed(all.buffer), Stream.succeed(all)))
  }

  /** The bytes read so far, and then the rest as it comes. */
  private streaming(pull: edges.Pull<BodyError>): Response {
    const all = Stream.concat(Stream.fromIterable(this.chunks), edges.unpulled(pull))
    const stream = Stream.ensuringWith(all, (exit) => Scope.close(this.scope, exit))
    const collected = Stream.runFold(stream, [] as Array<Uint8Array>, (all, bytes) => {
      all.push(bytes)
      return all
    })
    const arrayBuffer = Effect.map(
      collected,
      (all) => concat(all, all.reduce((sum, { byteLength }) => sum + byteLength, 0)).buffer
    )
    return reading(this.response, Effect.runSync(Effect.cached(arrayBuffer)), stream)
  }
}

const concat = (chunks: ReadonlyArray<Uint8Array>, bytes: number): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(bytes)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.byteLength
  }
  return all
}
