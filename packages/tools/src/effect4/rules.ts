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
import { test } from "./rules/test.js"

const tables = [core, config, schedules, schemas, http, httpErrors, test]

const merge = <K extends keyof Rules>(kind: K): Required<Rules>[K] =>
  Object.assign({}, ...tables.map((table) => table[kind] ?? {}))

export const rules: Required<Rules> = {
  modules: merge("modules"),
  members: merge("members"),
  values: merge("values"),
  calls: merge("calls"),
  news: merge("news"),
  types: merge("types"),
  methods: merge("methods"),
  properties: merge("properties"),
  strings: merge("strings"),
  outputs: merge("outputs")
}
