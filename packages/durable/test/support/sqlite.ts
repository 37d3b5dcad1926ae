/** A single runner of `@effect/cluster` on a SQLite file that goes with the scope. */
import { ClusterWorkflowEngine, SingleRunner } from "@effect/cluster"
import { LibsqlClient } from "@effect/sql-libsql"
import { Duration, Effect, Layer } from "effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"

export const folder = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "reprise-durable-"))),
  (folder) => Effect.promise(() => Fs.rm(folder, { recursive: true, force: true }))
)

export const engine = Layer.unwrapScoped(Effect.map(folder, (folder) =>
  ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(SingleRunner.layer({
      runnerStorage: "memory",
      shardingConfig: { entityMessagePollInterval: Duration.millis(200), entityMaxIdleTime: Duration.seconds(2) }
    })),
    // The ids of messages need 64 bits.
    Layer.provide(LibsqlClient.layer({ url: `file:${Path.join(folder, "engine.sqlite")}`, intMode: "bigint" }))
  )))
