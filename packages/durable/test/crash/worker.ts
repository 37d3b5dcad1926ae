/** What a process does that runs durable calls. The test kills it at any moment, and starts another one over its database. */
import { ClusterWorkflowEngine, type MessageStorage, type Sharding } from "@effect/cluster"
import { FetchHttpClient, HttpClientRequest } from "@effect/platform"
import { Duration, Effect, Layer, Logger, LogLevel, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"
import * as DurableHttp from "../../src/DurableHttp.js"
import type { Message, Options } from "./protocol.js"

export const options = JSON.parse(process.argv[2]!) as Options

const tell = (message: Message) => Effect.sync(() => void process.send!(message))

const charge = DurableHttp.workflow({
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

/** So short that a test need not wait for a dead runner's shards. */
export const shardingConfig = {
  entityMessagePollInterval: Duration.millis(200),
  entityReplyPollInterval: Duration.millis(100),
  shardLockRefreshInterval: Duration.millis(500),
  shardLockExpiration: Duration.seconds(3),
  refreshAssignmentsInterval: Duration.millis(500),
  runnerHealthCheckInterval: Duration.millis(500),
  shardsPerGroup: 20
}

type Runner<E> = Layer.Layer<MessageStorage.MessageStorage | Sharding.Sharding, E>

const main = <E>(runner: Runner<E>) =>
  tell({ _tag: "Ready" }).pipe(
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

/** Runs the calls to their end. */
export const run = <E>(runner: Runner<E>): void => {
  Effect.runPromise(main(runner)).then(() => process.exit(0), (error) => {
    console.error(error)
    process.exit(1)
  })
}
