import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  type MetricData,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Schedule } from "effect"
import * as Telemetry from "reprise/Telemetry"
import { workload } from "../support/workload.js"

type Row = readonly [name: string, type: string, unit: string, tags: string]

const rows: ReadonlyArray<Row> = []

const typeOf = (metric: MetricData): string => {
  if (metric.dataPointType === DataPointType.SUM) return metric.isMonotonic ? "counter" : "up-down counter"
  return metric.dataPointType === DataPointType.GAUGE ? "gauge" : "histogram"
}

const row = (metric: MetricData): Row => {
  const tags = new Set(metric.dataPoints.flatMap(({ attributes }) => Object.keys(attributes)))
  tags.delete("unit")
  return [metric.descriptor.name, typeOf(metric), metric.descriptor.unit, [...tags].sort().join(", ")]
}

describe("metrics through OpenTelemetry", () => {
  it.live("arrive with their names, types, units and tags, and no others", () =>
    Effect.gen(function*() {
      const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
      const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
      const sdk = NodeSdk.layer(() => ({ resource: { serviceName: "test" }, metricReader: reader }))
      const collect = Effect.map(Effect.promise(() => reader.collect()), ({ resourceMetrics }) =>
        resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).filter(({ descriptor }) =>
          descriptor.name.startsWith("reprise.")))
      const metrics = yield* Effect.gen(function*() {
        const fiber = yield* Effect.fork(workload)
        const all = yield* Effect.repeat(
          collect,
          { until: (all: ReadonlyArray<MetricData>) => all.length >= 19, schedule: Schedule.spaced("100 millis") }
        ).pipe(Effect.zipRight(Effect.sleep("3 seconds")), Effect.zipRight(collect))
        yield* Fiber.interrupt(fiber)
        return all
      }).pipe(
        Effect.provide(Layer.merge(Telemetry.layerMetrics({ every: "100 millis" }), sdk)),
        Effect.provide(Logger.remove(Logger.defaultLogger))
      )
      console.log(JSON.stringify(metrics.map(row).sort(), null, 1))
      console.log(JSON.stringify(metrics.flatMap((m) => m.dataPoints.map((p) => [m.descriptor.name, p.attributes, typeof p.value === "object" ? (p.value as any).count : p.value])), null, 0).replaceAll("],[", "],\n["))
      assert.deepStrictEqual(metrics.map(row).sort(), rows)
    }), 20_000)
})
