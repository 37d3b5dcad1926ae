import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Failure } from "../../HttpExplain.js"
import type { VirtualClock } from "./clock.js"
import type { Step, Take } from "./script.js"

/**
 * A request that was sent.
 *
 * @internal
 */
export interface Exchange {
  /** The number of the attempt that it is a part of. */
  readonly attempt: number
  readonly startMillis: number
  /** Infinite while it goes on. */
  endMillis: number
  readonly step: Step
  /** Whether its step came to its end, and was not cut short by a timeout or the winner of a race. */
  isAnswered: boolean
}

/**
 * Whose request it is: where what is sent is written down.
 *
 * @internal
 */
export class Caller {
  readonly exchanges: Array<Exchange> = []
  /** It was not allowed to send any more. */
  isCut = false
  /** Each ends a request that waits for ever. */
  readonly hanging = new Set<() => void>()
}

const CallerTag = Context.GenericTag<Caller>("@reprise/http/explain/Caller")

/** @internal */
export const asCaller = <A, E>(effect: Effect.Effect<A, E, never>, caller: Caller): Effect.Effect<A, E> =>
  Effect.provideService(effect, CallerTag, caller)

type Sent = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

/**
 * A client in memory that answers by the script.
 *
 * @internal
 */
export const make = (take: Take, clock: VirtualClock, maxRequests: number): HttpClient.HttpClient =>
  HttpClient.make((request, _url, _signal, fiber) => {
    const caller = Context.unsafeGet(fiber.currentContext, CallerTag)
    if (caller.isCut || caller.exchanges.length >= maxRequests) {
      caller.isCut = true
      return failWith(request, aborted())
    }
    const exchange: Exchange = {
      attempt: attemptOf(fiber),
      startMillis: clock.nowMillis,
      endMillis: Infinity,
      step: take(),
      isAnswered: false
    }
    caller.exchanges.push(exchange)
    const answered = Effect.suspend(() => {
      exchange.isAnswered = !isHang(exchange.step)
      return answer(exchange.step, request, caller)
    })
    const { afterMillis } = exchange.step
    const sent = afterMillis === 0 ? answered : Effect.zipRight(Effect.sleep(Duration.millis(afterMillis)), answered)
    return Effect.onExit(Effect.zipRight(readBody(request), sent), () =>
      Effect.sync(() => {
        exchange.endMillis = clock.nowMillis
      }))
  })

const isHang = (step: Step): boolean => step._tag === "Fail" && step.failure === "hang"

/** The retry loop gives each attempt after the first its number. */
const attemptOf = ({ currentContext }: Fiber.RuntimeFiber<unknown, unknown>): number =>
  Context.get(currentContext, Schedule.CurrentIterationMetadata).recurrence + 1

const failWith = (request: HttpClientRequest.HttpClientRequest, cause: unknown): Sent =>
  Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause }))

const answer = (step: Step, request: HttpClientRequest.HttpClientRequest, caller: Caller): Sent => {
  if (step._tag === "Fail") {
    return step.failure === "hang"
      ? hang(request, caller)
      : failWith(request, causes[step.failure]())
  }
  const { headers, isCut, status } = step
  // Null and not empty: such a body ends at once, and not in a later turn of the event loop.
  return Effect.sync(() =>
    HttpClientResponse.fromWeb(request, new Response(isCut ? broken() : null, { status, headers }))
  )
}

const broken = (): ReadableStream =>
  new ReadableStream({
    pull(controller) {
      controller.error(named("SocketError", "other side closed", { code: "UND_ERR_SOCKET" }))
    }
  }, { highWaterMark: 0 })

const hang = (request: HttpClientRequest.HttpClientRequest, { hanging }: Caller): Sent => {
  let end = () => {}
  const waiting = Effect.async<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>((resume) => {
    end = () => resume(failWith(request, aborted()))
    hanging.add(end)
  })
  return Effect.onExit(waiting, () => Effect.sync(() => hanging.delete(end)))
}

/** A transport reads a stream before it has a connection; then it can be sent again only where it can be made again. */
const readBody = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<void, HttpClientError.HttpClientError> =>
  request.body._tag === "Stream"
    ? Effect.catchAll(
      Stream.runDrain(request.body.stream),
      (cause) => Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause }))
    )
    : Effect.void

const named = (name: string, message: string, properties?: object): Error =>
  Object.assign(Object.defineProperty(new Error(message), "name", { value: name }), properties)

const system = (code: string, errno: number, syscall: string): Error =>
  Object.assign(new Error(`${syscall} ${code}`), { code, errno, syscall })

/** What ends a call from the outside is nobody's failure: no guard counts it, and the retry loop ends with its ledger. */
const aborted = () => named("AbortError", "The explanation ends here", { code: "ABORT_ERR" })

/** As undici's transport surfaces them (Node 20, undici 7.30). */
const causes: Readonly<Record<Exclude<Failure, "hang" | "cutBody">, () => Error>> = {
  reset: () => system("ECONNRESET", -104, "read"),
  refused: () => system("ECONNREFUSED", -111, "connect"),
  connectTimeout: () => named("ConnectTimeoutError", "Connect Timeout Error", { code: "UND_ERR_CONNECT_TIMEOUT" }),
  timeout: () => named("HeadersTimeoutError", "Headers Timeout Error", { code: "UND_ERR_HEADERS_TIMEOUT" }),
  unknownHost: () => system("ENOTFOUND", -3008, "getaddrinfo"),
  badCertificate: () => Object.assign(new Error("certificate has expired"), { code: "CERT_HAS_EXPIRED" })
}
