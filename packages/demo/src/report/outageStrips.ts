/** The outage as a picture: for each contender the requests over time, and the states of its circuit breaker. */
import * as outage from "../outage.js"
import type { Run } from "../run.js"
import type { Outcome } from "../wire.js"
import type { Html } from "./html.js"
import { html } from "./html.js"
import { outcomes } from "./timeline.js"

export interface Band {
  readonly state: "closed" | "open" | "half-open"
  readonly fromMillis: number
  readonly toMillis: number
}

/** Times are since the crash. */
export interface Strip {
  readonly name: string
  readonly score: outage.OutageScore
  readonly requests: ReadonlyArray<{ readonly atMillis: number; readonly outcome: Outcome }>
  readonly restartMillis: number
  readonly recoverMillis: number
  /** The states of the breaker in order; none where there is none. */
  readonly bands: ReadonlyArray<Band>
}

const beforeMillis = 150
const afterMillis = 200

export const pick = (runs: ReadonlyArray<Run>): ReadonlyArray<Strip> =>
  runs.map((run) => {
    const { crashMillis, recoverMillis, restartMillis } = run.report.outage
    const score = outage.score(run)
    return {
      name: run.contender.name,
      score,
      requests: run.attempts.map(({ outcome, startMillis }) => ({ atMillis: startMillis - crashMillis, outcome })),
      restartMillis: restartMillis - crashMillis,
      recoverMillis: recoverMillis - crashMillis,
      bands: score.breaker === undefined ? [] : bandsOf(score.breaker, crashMillis)
    }
  })

/** Half-open while a probe is on its way, closed when one has succeeded. */
export const bandsOf = (
  { closedMillis, openedMillis, probes }: outage.BreakerScore,
  crashMillis: number
): ReadonlyArray<Band> => {
  const bands: Array<Band> = []
  let from = -beforeMillis
  const until = (state: Band["state"], to: number) => {
    if (to > from) bands.push({ state, fromMillis: from, toMillis: to })
    from = Math.max(from, to)
  }
  until("closed", openedMillis - crashMillis)
  for (const { endMillis, startMillis } of probes) {
    until("open", startMillis - crashMillis)
    until("half-open", endMillis - crashMillis)
  }
  until(closedMillis === Infinity ? "open" : "closed", Infinity)
  return bands
}

const left = 150
const width = 560
const top = 24
const barsHeight = 62
const bandHeight = 20
const binMillis = 50

type Scale = (millis: number) => number

export const draw = (strips: ReadonlyArray<Strip>): Html => {
  const ends = strips.map(({ bands, recoverMillis }) => Math.max(recoverMillis, bands.at(-1)?.fromMillis ?? 0))
  const endMillis = Math.ceil((Math.max(0, ...ends) + afterMillis) / binMillis) * binMillis
  const scale: Scale = (millis) =>
    left + (Math.min(millis, endMillis) + beforeMillis) / (endMillis + beforeMillis) * width
  const most = Math.max(1, ...strips.flatMap((strip) => bins(strip, endMillis).map(({ count }) => count)))
  const heights = strips.map(({ bands }) => barsHeight + 14 + (bands.length > 0 ? bandHeight + 10 : 0))
  const tops = heights.map((_, index) => heights.slice(0, index).reduce((sum, height) => sum + height, top))
  const height = heights.reduce((sum, height) => sum + height, top)
  const ticks = Array.from({ length: Math.floor(endMillis / 200) + 1 }, (_, index) => index * 200)
  return html`<figure>
<figcaption>Requests per ${binMillis} ms while the API is down, and just after</figcaption>
<svg viewBox="0 0 960 ${height + 22}" role="img" aria-label="${strips.map(inWords).join(" ")}">
${headings(strips[0], scale)}
${
    ticks.map((tick) =>
      html`<line class="grid" x1="${scale(tick)}" x2="${scale(tick)}" y1="${top}" y2="${height}"/>
<text class="tick" x="${scale(tick)}" y="${height + 16}">${tick < 1000 ? `${tick} ms` : `${tick / 1000} s`}</text>`
    )
  }
${strips.map((strip, index) => drawStrip(strip, tops[index]!, most, endMillis, scale))}
</svg>
<ul class="legend">${
    (["unreachable", "failed", "answered"] as const).map((outcome) =>
      html`<li>${swatch(outcome)}${outcomes[outcome].text}</li>`
    )
  }<li>${swatch("half-open")}half-open: a probe is on its way</li></ul>
</figure>`
}

const swatch = (name: string): Html =>
  html`<svg viewBox="0 0 18 18" aria-hidden="true"><g class="${name}"><rect width="18" height="18"/></g></svg>`

const headings = (strip: Strip | undefined, scale: Scale) =>
  strip === undefined ? html`` : html`
<text class="tick" x="${(scale(0) + scale(strip.restartMillis)) / 2}" y="14">nobody listens</text>
<text class="tick" x="${
    (scale(strip.restartMillis) + scale(strip.recoverMillis)) / 2
  }" y="14">every answer is a 502</text>`

const drawStrip = (strip: Strip, top: number, most: number, endMillis: number, scale: Scale): Html => {
  const floor = top + barsHeight
  const heightOf = (count: number) => Math.max(3, count / most * (barsHeight - 14))
  const bars = bins(strip, endMillis).map(({ count, fromMillis, outcomes }) => {
    const x = scale(fromMillis) + 1
    const w = scale(fromMillis + binMillis) - scale(fromMillis) - 2
    let y = floor
    const parts = outcomes.map(([outcome, part]) => {
      const height = heightOf(count) * part / count
      y -= height
      return html`<g class="${outcome}"><rect x="${x}" y="${y}" width="${w}" height="${height}"/></g>`
    })
    return html`${parts}<text class="count" x="${x + w / 2}" y="${y - 3}">${count}</text>`
  })
  const { breaker, reachedAtOnce, requests } = strip.score
  return html`
<rect class="down" x="${scale(0)}" y="${top}" width="${scale(strip.restartMillis) - scale(0)}" height="${barsHeight}"/>
<rect class="down half" x="${scale(strip.restartMillis)}" y="${top}"
 width="${scale(strip.recoverMillis) - scale(strip.restartMillis)}" height="${barsHeight}"/>
<text class="name" x="0" y="${floor - 22}">${strip.name}</text>
<line class="life" x1="${left}" x2="${left + width}" y1="${floor}" y2="${floor}"/>${bars}
<text class="verdict ${breaker ? "good" : "bad"}" x="${left + width + 20}" y="${floor - 30}">${requests} requests</text>
<text class="more" x="${left + width + 20}" y="${floor - 10}">${
    breaker ? `${plural(breaker.heldBack, "call")} held back` : `up to ${reachedAtOnce} at once at the server`
  }</text>
${breaker === undefined ? html`` : drawBands(strip.bands, breaker, floor + 8, scale)}`
}

const drawBands = (bands: ReadonlyArray<Band>, breaker: outage.BreakerScore, top: number, scale: Scale): Html =>
  html`<text class="more" x="0" y="${top + 15}">its circuit breaker</text>${
    bands.map(({ fromMillis, state, toMillis }) => {
      const x = scale(fromMillis)
      const w = Math.max(scale(toMillis) - x, 4)
      const label = state !== "half-open" && w > 10 + 8 * state.length ? state : ""
      return html`<g class="band ${state}"><title>${state}</title>
<rect x="${x}" y="${top}" width="${w}" height="${bandHeight}"/><text x="${x + w / 2}" y="${
        top + 15
      }">${label}</text></g>`
    })
  }<text class="more" x="${left + width + 20}" y="${top + 15}">${plural(breaker.probes.length, "probe")}, ${
    atATime(breaker)
  }</text>`

const plural = (n: number, one: string): string => `${n} ${n === 1 ? one : `${one}s`}`

const atATime = ({ probesAtOnce }: outage.BreakerScore): string =>
  probesAtOnce === 1 ? "one at a time" : `${probesAtOnce} at a time`

const inWords = ({ name, score: { breaker, requests } }: Strip): string =>
  breaker === undefined
    ? `${name}: ${plural(requests, "request")}.`
    : `${name}: ${plural(requests, "request")}, of them ${plural(breaker.probes.length, "probe")}, ${atATime(breaker)}.`

interface Bin {
  readonly fromMillis: number
  readonly count: number
  readonly outcomes: ReadonlyArray<readonly [Outcome, number]>
}

/** Those with requests in them. */
const bins = ({ requests }: Strip, endMillis: number): ReadonlyArray<Bin> => {
  const counts = new Map<number, Map<Outcome, number>>()
  for (const { atMillis, outcome } of requests) {
    if (atMillis < -beforeMillis || atMillis >= endMillis) continue
    const fromMillis = Math.floor(atMillis / binMillis) * binMillis
    const outcomes = counts.get(fromMillis) ?? new Map<Outcome, number>()
    counts.set(fromMillis, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1))
  }
  return [...counts].map(([fromMillis, outcomes]) => ({
    fromMillis,
    count: [...outcomes.values()].reduce((sum, count) => sum + count, 0),
    outcomes: [...outcomes]
  }))
}
