import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { assert, describe, it } from "@effect/vitest"
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  type MetricData,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import { Effect, Fiber, Layer, Logger } from "effect"
import * as Fs from "node:fs"
import * as Telemetry from "reprise/Telemetry"
import { workload } from "../support/workload.js"

type Row = readonly [name: string, type: string, unit: string, tags: string]

/** The rows of the table in the guide. */
const documented = (): ReadonlyArray<Row> =>
  Fs.readFileSync(new URL("../../../../docs/observability.md", import.meta.url), "utf8").split("\n")
    .flatMap((line) => {
      const [, name, type, unit, tags] = line.replaceAll("`", "").split("|").map((cell) => cell.trim())
      return name?.startsWith("reprise.") && /^(counter|gauge|histogram)$/.test(type!)
        ? [[name, type!, unit!, tags!]]
        : []
    })

const typeOf = (metric: MetricData): string => {
  if (metric.dataPointType === DataPointType.SUM) return metric.isMonotonic ? "counter" : "up-down counter"
  return metric.dataPointType === DataPointType.GAUGE ? "gauge" : "histogram"
}

/** `unit` is a tag of every metric. */
const row = ({ dataPoints, descriptor: { name, unit }, ...rest }: MetricData): Row => {
  const tags = new Set(dataPoints.flatMap(({ attributes }) => Object.keys(attributes)))
  return [
    name,
    typeOf({ dataPoints, ...rest } as MetricData),
    unit,
    [...tags].filter((tag) => tag !== "unit").sort().join(", ")
  ]
}

describe("metrics through OpenTelemetry", () => {
  it.live("arrive with the names, types, units and tags of the guide, and no others", () =>
    Effect.gen(function*() {
      const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
      const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
      const sdk = NodeSdk.layer(() => ({ resource: { serviceName: "test" }, metricReader: reader }))
      const exported = Effect.promise(async () => {
        exporter.reset()
        await reader.forceFlush()
        return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics }) => metrics)
          .filter(({ descriptor }) => descriptor.name.startsWith("reprise."))
      })
      const expected = [...documented()].sort()
      let rows: ReadonlyArray<Row> = []
      const look = Effect.map(exported, (metrics) => {
        rows = metrics.map(row).sort()
        return JSON.stringify(rows) === JSON.stringify(expected)
      })
      yield* Effect.gen(function*() {
        const calls = yield* Effect.fork(workload)
        yield* Effect.repeat(Effect.delay(look, "100 millis"), { until: (isComplete) => isComplete }).pipe(
          Effect.timeoutOption("10 seconds")
        )
        yield* Fiber.interrupt(calls)
      }).pipe(
        Effect.provide(Layer.merge(Telemetry.layerMetrics({ every: "100 millis" }), sdk)),
        Effect.provide(Logger.remove(Logger.defaultLogger))
      )
      assert.deepStrictEqual(rows, expected)
    }), 20_000)
})
