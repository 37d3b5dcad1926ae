/**
 * Set up for every file of tests: `layer` of `@effect/vitest` assigns its own methods to the one `it` of vitest, so that
 * in a process that runs several files each has to begin with those of `@effect/vitest` itself.
 */
import { it } from "@effect/vitest"

// One copy for all files of a process.
const store = globalThis as typeof globalThis & { ownIt?: object }

Object.assign(it, store.ownIt ??= { ...it })
