/**
 * Rules that only tests need.
 */
import type { Rules } from "../rule.js"

export const test: Rules = {
  modules: {
    FastCheck: "fast-check",
    TestClock: "effect/testing/TestClock"
  },
  members: {
    "it.scoped": "effect",
    "it.scopedLive": "live",
    "TestClock.currentTimeMillis": "Clock.currentTimeMillis"
  }
}
