/**
 * Set up for every file of tests: `layer` of `@effect/vitest` assigns its own methods to the one `it` of vitest, so that
 * in a process that runs several files each has to begin with those of `@effect/vitest` itself.
 */
import { it } from "@effect/vitest"
import { globalValue } from "effect/GlobalValue"

Object.assign(it, globalValue("reprise/tools/own-it", () => ({ ...it })))
