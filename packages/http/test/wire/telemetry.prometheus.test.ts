import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { assert, describe, it } from "@effect/vitest"
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus"
import { Effect, Fiber, Layer, Logger } from "effect"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import * as Telemetry from "reprise/Telemetry"
import * as Prometheus from "../support/prometheus.js"
import { workload } from "../support/workload.js"

const pathOf = (name: string) => fileURLToPath(new URL(`../../../../docs/dashboards/${name}`, import.meta.url))

interface Panel {
  readonly title: string
  readonly targets?: ReadonlyArray<{ readonly expr: string }>
}

/** The queries of the dashboard, with the values that Grafana gives its variables. */
const panels = (): ReadonlyArray<readonly [name: string, expr: string]> =>
  (JSON.parse(Fs.readFileSync(pathOf("grafana.json"), "utf8")) as { readonly panels: ReadonlyArray<Panel> })
    .panels.flatMap(({ targets = [], title }) =>
      targets.map(({ expr }) => [title, expr.replaceAll("$__rate_interval", "1m").replaceAll("$key", ".*")] as const)
    )

/** A quantile of nothing is `NaN`. */
const isEmpty = (series: ReadonlyArray<Prometheus.Series>) =>
  series.every(({ value: [, value] }) => !Number.isFinite(Number(value)))

describe("Prometheus", () => {
  it("takes the alert rules for valid", () => {
    const [isRight, output] = Prometheus.checkRules(pathOf("alerts.yaml"))
    assert.isTrue(isRight, output)
  })

  it.scopedLive(
    "finds series for every query of the dashboard and of the alerts, by the names of the exporter",
    () =>
      Effect.gen(function*() {
        const exporter = new PrometheusExporter({ preventServerStart: true })
        const target = yield* Prometheus.serve((request, response) =>
          exporter.getMetricsRequestHandler(request, response)
        )
        const prometheus = yield* Prometheus.make(target, pathOf("alerts.yaml"))
        const sdk = NodeSdk.layer(() => ({ resource: { serviceName: "test" }, metricReader: exporter }))
        const calls = yield* workload.pipe(
          Effect.provide(Layer.merge(Telemetry.layerMetrics({ every: "500 millis" }), sdk)),
          Effect.provide(Logger.remove(Logger.defaultLogger)),
          Effect.fork
        )
        const queries = [...panels(), ...yield* prometheus.alerts]
        assert.isAbove(queries.length, 25)
        let left: ReadonlyArray<readonly [name: string, expr: string]> = queries
        const look = Effect.filter(queries, ([, expr]) => Effect.map(prometheus.query(expr), isEmpty)).pipe(
          Effect.tap((empty) => Effect.sync(() => left = empty)),
          Effect.delay("500 millis")
        )
        // A rate has a value after the second scrape.
        yield* Effect.repeat(look, { until: (empty) => empty.length === 0 }).pipe(Effect.timeoutOption("20 seconds"))
        yield* Fiber.interrupt(calls)
        assert.deepStrictEqual(left, [])
      }),
    30_000
  )
})
