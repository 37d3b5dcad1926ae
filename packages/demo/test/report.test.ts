import { assert, describe, it } from "@effect/vitest"
import * as Calls from "../src/calls.js"
import type { Score } from "../src/measure.js"
import { escape, html } from "../src/report/html.js"
import * as page from "../src/report/page.js"
import type { Story } from "../src/report/stories.js"

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

const report = page.render({ seed: evil, scores: [score], policies: [evil], stories: [story] })

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
    const drawing = report.slice(report.indexOf("<figure>"), report.indexOf("</figure>"))
    assert.strictEqual(drawing.match(/<rect/g)?.length, 2)
    assert.strictEqual(drawing.match(/<circle/g)?.length, 2)
    assert.include(drawing, "succeeded, charged 2 times")
    assert.match(drawing, /aria-label="[^"]*2 attempts, succeeded, charged 2 times/)
    assert.notInclude(drawing, "NaN")
  })
})
