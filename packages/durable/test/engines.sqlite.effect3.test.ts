import { describe } from "@effect/vitest"
import { itAwaitsTogether, itInterrupts } from "./support/engines.js"
import * as Sqlite from "./support/sqlite.effect3.js"

describe("an engine", () => {
  // It does not interrupt a workflow that is not suspended.
  itInterrupts({ name: "on SQLite", engine: Sqlite.engine, inMemoryThreshold: "0 millis" })
  itAwaitsTogether({ name: "on SQLite", engine: Sqlite.engine })
})
