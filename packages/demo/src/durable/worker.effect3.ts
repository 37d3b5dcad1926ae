/** The process of the payment run, which is killed: it pays all orders, over the SQLite file of the processes before it. */
import * as ClusterWorkflowEngine from "@effect/cluster/ClusterWorkflowEngine"
import * as SingleRunner from "@effect/cluster/SingleRunner"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as LibsqlClient from "@effect/sql-libsql/LibsqlClient"
import * as DurableHttp from "@reprise/durable/DurableHttp"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Schema from "effect/Schema"

export interface Options {
  readonly database: string
  readonly url: string
  readonly orders: ReadonlyArray<string>
  /** Counts the processes, from 1. */
  readonly process: number
}

/** The end of one call. A call that has ended in an earlier process is reported again. */
export interface Ended {
  readonly order: string
  /** Missing if the call has failed. */
  readonly receipt?: number
  readonly lines: ReadonlyArray<DurableHttp.Attempt>
}

const options = JSON.parse(process.argv[2] ?? "") as Options

process.on("SIGINT", () => {})
process.on("disconnect", () => process.exit())

const Charge = DurableHttp.workflow({
  name: "Charge",
  payload: { order: Schema.String },
  id: ({ order }) => order,
  request: ({ order }) => HttpClientRequest.post(`${options.url}/charges/${order}`),
  headers: Effect.succeed({ "x-process": String(options.process) }),
  read: Schema.Struct({ receipt: Schema.Number }),
  attemptHeader: "x-attempt",
  attemptTimeout: "5 seconds",
  retry: HttpRetry.exponential({ attempts: 20, base: "200 millis", cap: "1 second" })
})

const EngineLive = ClusterWorkflowEngine.layer.pipe(
  Layer.provideMerge(SingleRunner.layer({
    runnerStorage: "memory",
    // The defaults poll every 10 seconds, which is long for a demo.
    shardingConfig: { entityMessagePollInterval: "200 millis", entityReplyPollInterval: "100 millis" }
  })),
  Layer.provide(LibsqlClient.layer({ url: `file:${options.database}`, intMode: "bigint" }))
)

const tell = (message: Ended) => Effect.sync(() => void process.send?.(message))

const pay = (order: string) =>
  Effect.matchEffect(Charge.await({ order }), {
    onSuccess: ({ attempts, body }) => tell({ order, receipt: body.receipt, lines: attempts }),
    onFailure: ({ attempts }) => tell({ order, lines: attempts })
  })

const program = Effect.forEach(options.orders, pay, { concurrency: 8, discard: true }).pipe(
  Effect.provide(Charge.layer.pipe(Layer.provideMerge(EngineLive), Layer.provide(NodeHttpClient.layerUndici))),
  Logger.withMinimumLogLevel(LogLevel.Warning)
)

Effect.runPromise(program).then(() => process.exit(), (error: unknown) => {
  console.error(error)
  process.exit(1)
})
