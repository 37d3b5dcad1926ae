/** One call as a picture: a lane for each contender, a box for each attempt, a coin for each charge. */
import type { Outcome } from "../wire.js"
import type { Html } from "./html.js"
import { html } from "./html.js"
import type { Lane, Story } from "./stories.js"

/** Told apart by colour and by sign. */
export const outcomes: Readonly<Record<Outcome, { readonly sign: string; readonly text: string }>> = {
  answered: { sign: "✓", text: "answered" },
  refused: { sign: "‖", text: "told to wait (Retry-After)" },
  failed: { sign: "!", text: "server error" },
  lost: { sign: "×", text: "connection lost or answer cut" },
  abandoned: { sign: "…", text: "given up after 1 s of silence" },
  unreachable: { sign: "∅", text: "no connection" }
}

const left = 150
const width = 540
const laneHeight = 46
const box = 18

export const verdict = ({ attempts, charges, succeeded }: Lane): { readonly text: string; readonly good: boolean } => {
  const times = charges.length
  const ending = succeeded ? "succeeded" : "failed"
  if (times > 1) return { text: `${ending}, charged ${times} times`, good: false }
  if (times === 1) return { text: `${ending}, charged once`, good: true }
  if (succeeded) return { text: ending, good: true }
  return { text: attempts.length === 1 ? "failed at once" : `failed after ${attempts.length} attempts`, good: false }
}

/** A round time that gives at most seven ticks. */
const tickMillis = (spanMillis: number): number =>
  [10, 20, 50, 100, 200, 500, 1000].find((step) => spanMillis / step <= 6) ?? 2000

export const draw = ({ call, lanes, title }: Story): Html => {
  const spanMillis = Math.max(
    50,
    ...lanes.map(({ attempts }) => (attempts.at(-1)?.endMillis ?? 0) - (attempts[0]?.startMillis ?? 0))
  )
  const scale = (millis: number) => left + millis / spanMillis * width
  const height = lanes.length * laneHeight
  const step = tickMillis(spanMillis)
  const ticks = Array.from({ length: Math.floor(spanMillis / step) + 1 }, (_, index) => index * step)
  const summary = lanes.map((lane) => `${lane.name}: ${lane.attempts.length} attempts, ${verdict(lane).text}`).join(
    "; "
  )
  return html`<figure>
<figcaption>${title} <span class="order">${call.order}</span></figcaption>
<svg viewBox="0 0 960 ${height + 24}" role="img" aria-label="${title}. ${summary}.">
${
    ticks.map((tick) =>
      html`<line class="grid" x1="${scale(tick)}" x2="${scale(tick)}" y1="0" y2="${height}"/>
<text class="tick" x="${scale(tick)}" y="${height + 16}">${tick < 1000 ? `${tick} ms` : `${tick / 1000} s`}</text>`
    )
  }
${lanes.map((lane, index) => drawLane(lane, index * laneHeight, scale))}
</svg>
</figure>`
}

const drawLane = (lane: Lane, top: number, scale: (millis: number) => number): Html => {
  const zero = lane.attempts[0]?.startMillis ?? 0
  const middle = top + laneHeight / 2 - 4
  const end = scale((lane.attempts.at(-1)?.endMillis ?? zero) - zero)
  let free = 0
  const boxes = lane.attempts.map((attempt) => {
    // Attempts that follow at once stand side by side.
    const x = Math.max(scale(attempt.startMillis - zero) - box / 2, free)
    const w = Math.max(scale(attempt.endMillis - zero) + box / 2 - x, box)
    free = x + w + 2
    return html`<g class="${attempt.outcome}"><title>${outcomes[attempt.outcome].text}: ${attempt.detail}</title>
<rect x="${x}" y="${middle - box / 2}" width="${w}" height="${box}" rx="4"/>
<text x="${x + w - box / 2}" y="${middle + 5}">${outcomes[attempt.outcome].sign}</text></g>`
  })
  let freeCoin = 0
  const coins = lane.charges.map((charge, index) => {
    const x = Math.max(scale(Math.max(0, charge - zero)), freeCoin)
    freeCoin = x + 16
    return html`<g class="coin ${index > 0 ? "again" : ""}"><title>charge ${index + 1}</title>
<circle cx="${x}" cy="${middle + box / 2 + 9}" r="7"/><text x="${x}" y="${middle + box / 2 + 12.5}">€</text></g>`
  })
  const { good, text } = verdict(lane)
  return html`<text class="name" x="0" y="${middle + 5}">${lane.name}</text>
<line class="life" x1="${scale(0)}" x2="${Math.max(end, free - 2)}" y1="${middle}" y2="${middle}"/>${boxes}${coins}
<text class="verdict ${good ? "good" : "bad"}" x="${scale(0) + width + 28}" y="${middle + 5}">${text}</text>`
}
