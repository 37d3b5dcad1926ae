/** A process that runs durable calls. The test kills it at any moment, and starts another one over the same database. */
import { ClusterWorkflowEngine, RunnerAddress, SingleRunner } from "@effect/cluster"
import { FetchHttpClient, HttpClientRequest } from "@effect/platform"
import { NodeClusterSocket } from "@effect/platform-node"
import { LibsqlClient } from "@effect/sql-libsql"
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Layer, Logger, LogLevel, Option, Redacted, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"
import * as DurableHttp from "../../src/DurableHttp.js"
import type { Message, Options } from "./protocol.js"

const options = JSON.parse(process.argv[2]!) as Options

const tell = (message: Message) => Effect.sync(() => void process.send!(message))

export const charge = DurableHttp.workflow({
  name: "Charge",
  payload: { id: Schema.String },
  id: ({ id }) => id,
  request: ({ id }) => HttpClientRequest.post(options.url).pipe(HttpClientRequest.bodyUnsafeJson({ id })),
  attemptHeader: "x-attempt",
  attemptTimeout: "2 seconds",
  inMemoryThreshold: options.inMemoryMillis,
  retry: Backoff.exponential("100 millis").pipe(
    Backoff.capped("1 second"),
    Backoff.equalJitter,
    Backoff.attempts(100),
    Retry.whileRetryable,
    Retry.honorHint()
  )
})

// So short that a test need not wait for a dead runner's shards.
const shardingConfig = {
  entityMessagePollInterval: Duration.millis(200),
  entityReplyPollInterval: Duration.millis(100),
  shardLockRefreshInterval: Duration.millis(500),
  shardLockExpiration: Duration.seconds(3),
  refreshAssignmentsInterval: Duration.millis(500),
  runnerHealthCheckInterval: Duration.millis(500),
  shardsPerGroup: 20
}

const runner = options.port === undefined
  ? SingleRunner.layer({ shardingConfig, runnerStorage: "memory" }).pipe(
    // The ids of messages need 64 bits.
    Layer.provide(LibsqlClient.layer({ url: `file:${options.database}`, intMode: "bigint" }))
  )
  : NodeClusterSocket.layer({
    storage: "sql",
    shardingConfig: {
      ...shardingConfig,
      runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", options.port)),
      runnerListenAddress: Option.some(RunnerAddress.make("127.0.0.1", options.port))
    }
  }).pipe(Layer.provide(PgClient.layer({ url: Redacted.make(options.database), maxConnections: 5 })))

const main = tell({ _tag: "Ready" }).pipe(
  Effect.zipRight(Effect.forEach(options.ids, (id) =>
    charge.await({ id }).pipe(
      Effect.matchCauseEffect({
        onSuccess: ({ attempts, body, key }) => tell({ _tag: "Done", id, body, key, lines: attempts }),
        onFailure: (cause) => tell({ _tag: "Failed", id, why: String(cause) })
      })
    ), { concurrency: "unbounded" })),
  Effect.zipRight(options.port === undefined ? Effect.void : Effect.never),
  Effect.provide(
    charge.layer.pipe(
      Layer.provideMerge(ClusterWorkflowEngine.layer.pipe(Layer.provideMerge(runner))),
      Layer.provide(FetchHttpClient.layer)
    )
  ),
  Logger.withMinimumLogLevel(LogLevel.Error)
)

Effect.runPromise(main as Effect.Effect<void, unknown>).then(() => process.exit(0), (error) => {
  console.error(error)
  process.exit(1)
})
