/** The process with a single runner on SQLite. */
import { SingleRunner } from "@effect/cluster"
import { LibsqlClient } from "@effect/sql-libsql"
import { Layer } from "effect"
import { options, run, shardingConfig } from "./worker.js"

run(
  SingleRunner.layer({ shardingConfig, runnerStorage: "memory" }).pipe(
    // The ids of messages need 64 bits.
    Layer.provide(LibsqlClient.layer({ url: `file:${options.database}`, intMode: "bigint" }))
  )
)
