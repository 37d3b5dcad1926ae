import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { type HrTime, SpanKind, SpanStatusCode } from "@opentelemetry/api"
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect, Layer } from "effect"
import * as Telemetry from "reprise/Telemetry"

/** A finished span as the exporter sees it, with names in place of identifiers. */
export interface SpanView {
  readonly name: string
  readonly parent: string | undefined
  readonly kind: string
  readonly status: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<readonly [name: string, attributes: Readonly<Record<string, unknown>>]>
}

/** Durations differ from run to run. */
const timed = (attributes: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, name.endsWith("_ms") ? "ms" : value]))

/** The exporter adds this event to every span that fails. */
const isException = ({ name }: { readonly name: string }) => name === "exception"

const nanos = ([seconds, nanos]: HrTime): number => seconds * 1e9 + nanos

const view = (spans: ReadonlyArray<ReadableSpan>): ReadonlyArray<SpanView> =>
  [...spans].sort((one, other) => nanos(one.startTime) - nanos(other.startTime)).map((span) => ({
    name: span.name,
    parent: spans.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)?.name,
    kind: SpanKind[span.kind],
    status: SpanStatusCode[span.status.code],
    attributes: span.attributes,
    events: span.events.filter((event) => !isException(event)).map(({ attributes, name }) => [
      name,
      timed(attributes ?? {})
    ])
  }))

/** Runs an effect with `Telemetry.layerTraces` over OpenTelemetry, and returns every span that was exported. */
export const exported = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const exporter = new InMemorySpanExporter()
    const sdk = NodeSdk.layer(() => ({
      resource: { serviceName: "test" },
      spanProcessor: new SimpleSpanProcessor(exporter)
    }))
    return Effect.exit(self).pipe(
      Effect.map((exit) => {
        const raw = exporter.getFinishedSpans()
        return { exit, raw, spans: view(raw) }
      }),
      Effect.provide(Layer.merge(Telemetry.layerTraces, sdk))
    )
  })
