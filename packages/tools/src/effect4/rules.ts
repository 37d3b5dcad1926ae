/**
 * All rules, from the tables of `rules/`.
 */
import type { Rules } from "./rule.js"
import { config } from "./rules/config.js"
import { core } from "./rules/core.js"
import { http } from "./rules/http.js"
import { httpErrors } from "./rules/httpErrors.js"
import { schedules } from "./rules/schedule.js"
import { schemas } from "./rules/schema.js"
import { services } from "./rules/service.js"
import { test } from "./rules/test.js"
import { workflows } from "./rules/workflow.js"

const tables = [core, config, schedules, schemas, http, httpErrors, services, workflows, test]

const merge = <K extends keyof Rules>(kind: K): Required<Rules>[K] =>
  Object.assign({}, ...tables.map((table) => table[kind] ?? {}))

export const rules: Required<Rules> = {
  modules: merge("modules"),
  members: merge("members"),
  values: merge("values"),
  calls: merge("calls"),
  classes: merge("classes"),
  news: merge("news"),
  types: merge("types"),
  methods: merge("methods"),
  properties: merge("properties"),
  strings: merge("strings"),
  names: merge("names"),
  outputs: merge("outputs")
}

const { "Fiber.interrupt": _, "TestClock.adjust": __, "TestClock.setTime": ___, ...calls } = rules.calls

/** Rules for guides: without those that give a test the exact order of Effect 3. */
export const rulesOfGuides: Required<Rules> = { ...rules, calls }
