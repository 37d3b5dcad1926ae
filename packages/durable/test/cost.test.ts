import { describe } from "@effect/vitest"
import { WorkflowEngine } from "@effect/workflow"
import { itHoldsLittle } from "./support/waiting.js"

describe("the cost", () => {
  itHoldsLittle({ name: "in memory", engine: WorkflowEngine.layerMemory, waiting: 2_000, dropsAfter: 0 })
})
