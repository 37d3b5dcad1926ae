import { describe } from "@effect/vitest"
import { WorkflowEngine } from "@effect/workflow"
import { itAwaitsTogether, itInterrupts } from "./support/engines.js"
import * as Postgres from "./support/postgres.js"

describe("an engine", () => {
  itInterrupts({ name: "in memory", engine: WorkflowEngine.layerMemory, inMemoryThreshold: "1 minute" })
  itInterrupts({ name: "in memory", engine: WorkflowEngine.layerMemory, inMemoryThreshold: "0 millis" })
  // It does not interrupt a workflow that is not suspended.
  itInterrupts({ name: "on PostgreSQL", engine: Postgres.engine, inMemoryThreshold: "0 millis" })
  itAwaitsTogether({ name: "in memory", engine: WorkflowEngine.layerMemory })
  itAwaitsTogether({ name: "on PostgreSQL", engine: Postgres.engine })
})
