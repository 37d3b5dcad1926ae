import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { maxDelayMillis } from "reprise/InvalidOption"
import * as clock from "../clock.js"

type Request = HttpClientRequest.HttpClientRequest

/**
 * The whole number in a header. Signs, units, lists and numbers beyond the longest wait are invalid.
 *
 * @internal
 */
export const wholeNumber = (value: string | undefined): number | undefined => {
  if (value === undefined || !/^\d{1,10}$/.test(value)) return undefined
  const number = Number(value)
  return number <= maxDelayMillis ? number : undefined
}

/**
 * Sends the request with the time that it has left, if that has a limit. A lower value in the header from the caller
 * stays.
 *
 * @internal
 */
export const withTimeLeft = <A, E, R>(
  request: Request,
  header: string,
  attemptMillis: number,
  deadlineMillis: number,
  send: (request: Request) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  attemptMillis === Infinity && deadlineMillis === Infinity
    ? send(request)
    : Effect.flatMap(clock.currentMonotonicMillis, (nowMillis) => {
      const left = Math.max(Math.floor(Math.min(attemptMillis, deadlineMillis - nowMillis)), 0)
      const written = wholeNumber(request.headers[header.toLowerCase()])
      return send(
        written !== undefined && written <= left ? request : HttpClientRequest.setHeader(request, header, String(left))
      )
    })

/** The attempt of a caller in another process. A fiber may live longer than the request that began it. */
interface Incoming {
  readonly number: number
  isOver: boolean
}

const incoming = Context.Reference<"incoming">()("@reprise/http/propagation/incoming", {
  defaultValue: (): Incoming | undefined => undefined
})

/** @internal */
export const handling = <A, E, R>(self: Effect.Effect<A, E, R>, number: number): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const attempt: Incoming = { number, isOver: false }
    const ended = Effect.sync(() => {
      attempt.isOver = true
    })
    return Effect.ensuring(Effect.provideService(self, incoming, attempt), ended)
  })

/**
 * Sends the request with the number of the attempt, or of the incoming attempt if that is greater. In that case the
 * request is part of the outer retry.
 *
 * @internal
 */
export const withNumber = <A, E, R>(
  request: Request,
  header: string,
  own: number,
  send: (request: Request) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(incoming, (outer) => {
    const number = outer === undefined || outer.isOver ? own : Math.max(own, outer.number)
    return send(number === 1 ? request : HttpClientRequest.setHeader(request, header, String(number)))
  })
