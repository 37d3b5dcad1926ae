import * as Schema from "effect/Schema"
import type * as Machine from "./machine.js"
import * as windows from "./windows.js"

// What follows up to `State` is not marked internal: the declarations of CircuitBreakerSchema refer to it.

/** Sums of this many counts are still exact. */
const count = Schema.Int.pipe(Schema.between(0, 1e11))
const finite = Schema.Number.pipe(Schema.finite())

/** No window has more spans than this. */
const maxSpans = 10_000
const maxCalls = 1_000_000
const maxWindows = 1_000

/** Three thousand years: practically for ever. */
export const longestMillis = 1e14

export const Trip = Schema.Struct({ rule: Schema.String, calls: count, failures: count, slow: count })

interface Several {
  readonly kind: "several"
  readonly windows: ReadonlyArray<Window>
}

export type Window =
  | { readonly kind: "consecutive"; readonly failures: number }
  | { readonly kind: "calls"; readonly bad: ReadonlyArray<boolean> }
  | {
    readonly kind: "time"
    readonly spans: ReadonlyArray<{ readonly atMillis: number; readonly calls: number; readonly bad: number }>
  }
  | { readonly kind: "own"; readonly state: unknown }
  | Several

const Span = Schema.Struct({ atMillis: finite, calls: count, bad: count }).pipe(
  Schema.filter(({ bad, calls }) => bad <= calls || "more bad calls than calls")
)

export const Window: Schema.Schema<Window> = Schema.Union(
  Schema.Struct({ kind: Schema.Literal("consecutive"), failures: count }),
  Schema.Struct({ kind: Schema.Literal("calls"), bad: Schema.Array(Schema.Boolean).pipe(Schema.maxItems(maxCalls)) }),
  Schema.Struct({ kind: Schema.Literal("time"), spans: Schema.Array(Span).pipe(Schema.maxItems(maxSpans)) }),
  Schema.Struct({ kind: Schema.Literal("own"), state: Schema.Unknown }),
  Schema.Struct({
    kind: Schema.Literal("several"),
    windows: Schema.Array(Schema.suspend((): Schema.Schema<Window> => Window)).pipe(Schema.maxItems(maxWindows))
  })
)

export const State = Schema.Union(
  Schema.Struct({ _tag: Schema.Literal("Closed"), window: Window }),
  Schema.Struct({
    _tag: Schema.Literal("Open"),
    openedAtMillis: finite,
    untilMillis: finite,
    trips: Schema.Int.pipe(Schema.between(1, 1_000_000)),
    trip: Trip
  }).pipe(
    Schema.filter(({ openedAtMillis, untilMillis }) =>
      untilMillis >= openedAtMillis || "it would be open until before it opened"
    ),
    Schema.filter(({ openedAtMillis, untilMillis }) =>
      untilMillis - openedAtMillis <= longestMillis || "it would be open for more than three thousand years"
    )
  )
)

export type State = typeof State.Type

/** @internal */
export const ofState = (state: Machine.State, now: number): State => {
  if (state._tag === "Closed") return { _tag: "Closed", window: ofWindow(state.box.window, now) }
  const { openedAtMillis, trip, trips } = state
  // The next process does not have the probes of this one, and may send its own at once.
  const untilMillis = state._tag === "Open"
    ? Math.min(state.untilMillis, openedAtMillis + longestMillis)
    : Math.max(now, openedAtMillis)
  return { _tag: "Open", openedAtMillis, untilMillis, trips, trip }
}

/**
 * The same state with all its times moved, because an exported state has dates, and this process has its own clock.
 *
 * @internal
 */
export const shifted = (state: State, millis: number): State => {
  if (millis === 0) return state
  if (state._tag === "Closed") return { ...state, window: shiftedWindow(state.window, millis) }
  const { openedAtMillis, untilMillis } = state
  return { ...state, openedAtMillis: openedAtMillis + millis, untilMillis: untilMillis + millis }
}

const shiftedWindow = (window: Window, millis: number): Window => {
  switch (window.kind) {
    case "several":
      return { ...window, windows: window.windows.map((one) => shiftedWindow(one, millis)) }
    case "time":
      return { ...window, spans: window.spans.map((span) => ({ ...span, atMillis: span.atMillis + millis })) }
    default:
      return window
  }
}

const ofWindow = (window: Machine.Window, now: number): Window => {
  if (window instanceof windows.Consecutive) return { kind: "consecutive", failures: window.failures }
  if (window instanceof windows.Several) {
    return {
      kind: "several",
      windows: window.windows.map((one) => ofWindow(one, now))
    }
  }
  if (window instanceof windows.Rate) return ofSamples(window.samples, now)
  // There are no other windows than these and a program's own.
  return { kind: "own", state: (window as windows.Own<unknown>).state }
}

const ofSamples = (samples: windows.Samples, now: number): Window => {
  samples.advance(now)
  if (samples instanceof windows.LastMillis) return { kind: "time", spans: samples.spans() }
  const bad: Array<boolean> = []
  const each = { calls: 0, bad: 0, advance: () => {}, replay: () => {}, addAll: () => {} }
  samples.replay({ ...each, add: (isBad) => bad.push(isBad) }, 0)
  return { kind: "calls", bad }
}

/**
 * Fills a new window with an exported one. Returns `false` if they are of different kinds.
 *
 * @internal
 */
export const fill = (window: Machine.Window, from: Window, now: number): boolean => {
  if (window instanceof windows.Consecutive && from.kind === "consecutive") {
    window.failures = from.failures
    return true
  }
  if (window instanceof windows.Several && from.kind === "several") {
    return window.windows.length === from.windows.length &&
      window.windows.every((one, i) => fill(one, from.windows[i]!, now))
  }
  if (window instanceof windows.Own && from.kind === "own") {
    window.state = from.state
    return true
  }
  return window instanceof windows.Rate && fillSamples(window.samples, from, now)
}

const fillSamples = (samples: windows.Samples, from: Window, now: number): boolean => {
  if (samples instanceof windows.LastCalls && from.kind === "calls") {
    for (const isBad of from.bad) samples.add(isBad)
    return true
  }
  if (!(samples instanceof windows.LastMillis) || from.kind !== "time") return false
  // A time in the future would stop the clock of the window.
  const spans = from.spans.map((span) => ({ ...span, atMillis: Math.min(span.atMillis, now) }))
  for (const span of spans.sort((a, b) => a.atMillis - b.atMillis)) samples.put(span)
  return true
}
