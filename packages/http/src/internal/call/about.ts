import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type * as Pipeline from "reprise/Pipeline"
import { FailedAttempt } from "../attempt/failedAttempt.js"
import * as HttpFailure from "../classify/failure.js"
import * as failureMessage from "../classify/failureMessage.js"
import { isMarked, mark } from "../request/mark.js"
import { origin } from "../stages/guard.js"
import type { Ended } from "./ending.js"

type Request = HttpClientRequest.HttpClientRequest

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** The spans of attempts, each in place of the span that the platform would make. */
const spans = new WeakSet<Tracer.AnySpan>()

/**
 * Describes a call of the client for telemetry. The names of the attributes are those of the OpenTelemetry semantic
 * conventions for HTTP clients; `url.full` has neither query nor credentials.
 *
 * @internal
 */
export const make = (request: Request, fiber: AnyFiber): Pipeline.About => {
  const { method } = request
  const target = () => {
    const url = failureMessage.webUrl(request.url)
    const address = url === undefined ? {} : { "server.address": url.hostname, "server.port": portOf(url) }
    return { "http.request.method": method, ...address, "url.full": failureMessage.requestFacts(request).url }
  }
  return {
    key: origin(request),
    isTraced: !fiber.getFiberRef(HttpClient.currentTracerDisabledWhen)(request),
    span: { name: `http.call ${method}`, kind: "internal", attributes: target },
    attempt: {
      name: Context.get(fiber.currentContext, HttpClient.SpanNameGenerator)(request),
      kind: "client",
      attributes: target,
      onSpan: (span) => spans.add(span),
      resultAttributes: statusOf
    },
    errorTypeOf,
    // The loop succeeds with its result and the ledger.
    resultOf: (exit) => Exit.isSuccess(exit) ? (exit.value as Ended)[0] : exit
  }
}

const portOf = ({ port, protocol }: URL): number => port !== "" ? Number(port) : protocol === "https:" ? 443 : 80

const statusOf = (exit: Exit.Exit<unknown, unknown>) => {
  const status = Exit.isSuccess(exit)
    ? (exit.value as { readonly status?: unknown }).status
    : Option.getOrUndefined(Option.flatMapNullable(failedOf(exit), ({ response }) => response?.status))
  return typeof status === "number" ? { "http.response.status_code": status } : undefined
}

const failedOf = (exit: Exit.Failure<unknown, unknown>): Option.Option<FailedAttempt> =>
  Option.filter(Cause.failureOption(exit.cause), (error) => error instanceof FailedAttempt)

/** The status, if there is one, as in the semantic conventions. */
const errorTypeOf = (error: unknown): string | undefined => {
  const failure = error instanceof FailedAttempt ? Option.getOrUndefined(error.failure) : error
  if (HttpFailure.isHttpFailure(failure)) return "status" in failure ? String(failure.status) : failure._tag
  if (!(error instanceof FailedAttempt) || error.origin._tag === "Response") return undefined
  // An error without these fields has no type of its own.
  const own = Option.getOrNull(Cause.failureOption(error.origin.cause)) as Partial<Error & { _tag: string }> | null
  return own?._tag ?? own?.name
}

/**
 * Sends the request below the span of its attempt, if that has one. The platform then makes no other span for it, and
 * the server gets the trace context.
 *
 * @internal
 */
export const send = <A, E, R>(
  request: Request,
  execute: (request: Request) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const span = Option.getOrUndefined(Context.getOption(fiber.currentContext, Tracer.ParentSpan))
    if (span === undefined || !spans.has(span)) return execute(request)
    const marked = mark(request)
    const propagated = fiber.getFiberRef(HttpClient.currentTracerPropagation)
      ? HttpClientRequest.setHeaders(marked, HttpTraceContext.toHeaders(span as Tracer.Span))
      : marked
    const isDisabled = fiber.getFiberRef(HttpClient.currentTracerDisabledWhen)
    return Effect.locally(
      execute(propagated),
      HttpClient.currentTracerDisabledWhen,
      (request) => isMarked(request) || isDisabled(request)
    )
  })
