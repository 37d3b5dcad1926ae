import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { isMarked, mark } from "../request/mark.js"

type Request = HttpClientRequest.HttpClientRequest

/** The same tracer, with a function that sees each new span. */
const watched = (tracer: Tracer.Tracer, onSpan: (span: Tracer.Span) => void): Tracer.Tracer => {
  const span = (...args: Parameters<Tracer.Tracer["span"]>) => {
    const span = tracer.span(...args)
    onSpan(span)
    return span
  }
  // `Object.create` returns `any`. A tracer does not use `this`.
  return Object.create(tracer, { span: { value: span } }) as Tracer.Tracer
}

/**
 * Writes the count on the span of the attempt's own request only. An attempt may have other spans, for example to
 * refresh a token or write a row.
 *
 * The transport names its span by the request and makes it in the next step, so the name identifies the span. A client
 * below with its own `withSpanNameGenerator` hides that, and then no span has the count.
 *
 * @internal
 */
export const annotate = <A, E, R>(
  request: Request,
  count: number,
  attempt: (request: Request) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const nameOf = Context.get(fiber.currentContext, HttpClient.SpanNameGenerator)
    const tracer = Context.get(fiber.currentDefaultServices, Tracer.Tracer)
    let own: string | undefined
    const naming = (named: Request) => {
      const name = nameOf(named)
      own = isMarked(named) ? name : undefined
      return name
    }
    const counting = watched(tracer, (span) => {
      if (span.kind !== "client" || span.name !== own) return
      own = undefined
      span.attribute("http.request.resend_count", count)
    })
    return attempt(mark(request)).pipe(
      Effect.provideService(HttpClient.SpanNameGenerator, naming),
      Effect.withTracer(counting)
    )
  })
