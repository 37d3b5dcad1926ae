/** The process with one of several runners on PostgreSQL. */
import { RunnerAddress } from "@effect/cluster"
import { NodeClusterSocket } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Layer, Option, Redacted } from "effect"
import { options, run, shardingConfig } from "./worker.js"

const address = Option.map(Option.fromNullable(options.port), (port) => RunnerAddress.make("127.0.0.1", port))

run(
  NodeClusterSocket.layer({
    storage: "sql",
    shardingConfig: { ...shardingConfig, runnerAddress: address, runnerListenAddress: address }
  }).pipe(Layer.provide(PgClient.layer({ url: Redacted.make(options.database), maxConnections: 5 })))
)
