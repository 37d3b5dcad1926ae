import { assert, describe, it } from "@effect/vitest"
import * as Calls from "../src/calls.js"
import type { Score } from "../src/measure.js"
import type { BreakerScore } from "../src/outage.js"
import { escape, html } from "../src/report/html.js"
import * as outageStrips from "../src/report/outageStrips.js"
import * as page from "../src/report/page.js"
import type { Story } from "../src/report/stories.js"
import type { Attempt } from "../src/wire.js"

const evil = "<script>alert('&\"')</script>"

const score: Score = {
  name: evil,
  calls: 100,
  succeeded: 90,
  failed: { read: 1, keyed: 2, unkeyed: 7 },
  requests: 150,
  chargedTwice: 3,
  extraCharges: 4,
  unknownOutcome: 0,
  failedButCharged: 0,
  wasted: 5,
  openSockets: 6,
  outage: { requests: 9, reached: 4, reachedAtOnce: 2, breaker: undefined },
  p50Millis: 7,
  p99Millis: 8
}

const story: Story = {
  title: evil,
  call: Calls.make()[0]!,
  lanes: [{
    name: evil,
    attempts: [
      { order: evil, startMillis: 1000, endMillis: 1010, outcome: "lost", detail: evil },
      { order: evil, startMillis: 1060, endMillis: 1070, outcome: "answered", detail: "201" }
    ],
    charges: [1005, 1065],
    succeeded: true,
    millis: 70
  }]
}

const probe = (startMillis: number, outcome: Attempt["outcome"]): Attempt => ({
  order: "a",
  startMillis,
  endMillis: startMillis + 50,
  outcome,
  detail: ""
})

const breaker: BreakerScore = {
  openedMillis: 1020,
  closedMillis: 1350,
  probes: [probe(1120, "failed"), probe(1300, "answered")],
  openings: 2,
  probesAtOnce: 1,
  heldBack: 7,
  turnedAway: 0
}

const strip: outageStrips.Strip = {
  name: evil,
  score: { ...score.outage, breaker },
  requests: [{ atMillis: 10, outcome: "unreachable" }, { atMillis: 120, outcome: "failed" }, {
    atMillis: 300,
    outcome: "answered"
  }],
  restartMillis: 100,
  recoverMillis: 250,
  bands: outageStrips.bandsOf(breaker, 1000)
}

const report = page.render({ seed: evil, scores: [score], policies: [evil], strips: [strip], stories: [story] })

describe("the report", () => {
  it("escapes whatever comes from outside", () => {
    assert.strictEqual(escape("<a href=\"'&\">"), "&lt;a href=&quot;&#39;&amp;&quot;&gt;")
    assert.notInclude(report, "<script")
    assert.notInclude(report, "alert('")
    assert.include(report, escape(evil))
  })

  it("does not escape twice what is HTML already", () => {
    assert.strictEqual(html`<p>${[html`<b>${"<"}</b>`, html`<i></i>`]}</p>`.text, "<p><b>&lt;</b><i></i></p>")
  })

  it("loads nothing from anywhere", () => {
    assert.notMatch(report, /https?:|src=|url\(|@import|<link/)
  })

  it("draws every attempt and every charge, and says the same in words", () => {
    const drawing = report.slice(report.lastIndexOf("<figure>"), report.lastIndexOf("</figure>"))
    assert.strictEqual(drawing.match(/<rect/g)?.length, 2)
    assert.strictEqual(drawing.match(/<circle/g)?.length, 2)
    assert.include(drawing, "succeeded, charged 2 times")
    assert.match(drawing, /aria-label="[^"]*2 attempts, succeeded, charged 2 times/)
    assert.notInclude(drawing, "NaN")
  })

  it("draws the states of the breaker in order, each from where the one before it ends", () => {
    assert.deepStrictEqual(strip.bands, [
      { state: "closed", fromMillis: -150, toMillis: 20 },
      { state: "open", fromMillis: 20, toMillis: 120 },
      { state: "half-open", fromMillis: 120, toMillis: 170 },
      { state: "open", fromMillis: 170, toMillis: 300 },
      { state: "half-open", fromMillis: 300, toMillis: 350 },
      { state: "closed", fromMillis: 350, toMillis: Infinity }
    ])
    const drawing = report.slice(report.indexOf("<figure>"), report.indexOf("</figure>"))
    assert.strictEqual(drawing.match(/class="band/g)?.length, 6)
    assert.strictEqual(drawing.match(/class="count"/g)?.length, 3)
    assert.match(drawing, /aria-label="[^"]*9 requests, of them 2 probes, one at a time/)
    assert.notMatch(drawing, /NaN|Infinity/)
  })

  it("ends with an open breaker where no probe was answered", () => {
    const bands = outageStrips.bandsOf({ ...breaker, closedMillis: Infinity, probes: [probe(1120, "failed")] }, 1000)
    assert.deepStrictEqual(bands.at(-1), { state: "open", fromMillis: 170, toMillis: Infinity })
  })
})
