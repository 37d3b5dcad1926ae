/** The report: one file, nothing loaded from anywhere, light and dark, readable without colours. */
import type { Score } from "../measure.js"
import { inWords } from "../measure.js"
import * as table from "../table.js"
import { Html, html } from "./html.js"
import * as outageStrips from "./outageStrips.js"
import type { Story } from "./stories.js"
import { style } from "./style.js"
import * as timeline from "./timeline.js"

export interface Input {
  readonly seed: string
  readonly scores: ReadonlyArray<Score>
  readonly policies: ReadonlyArray<string>
  readonly strips: ReadonlyArray<outageStrips.Strip>
  readonly stories: ReadonlyArray<Story>
}

const number = (n: number): string => n.toLocaleString("en")

const card = (score: Score, policy: string): Html => {
  const clean = score.chargedTwice === 0
  return html`<section class="card ${clean ? "good" : "bad"}">
<h2>${score.name}</h2>
<p class="big">${number(score.chargedTwice)}</p>
<p class="what">orders charged twice${clean ? "" : " or more"}</p>
<p><b>${(100 * score.succeeded / score.calls).toFixed(1)} %</b> of calls succeeded</p>
<p><b>${number(score.wasted)}</b> of ${number(score.requests)} requests wasted</p>
<p><b>${number(score.openSockets)}</b> sockets left open</p>
<p><b>${number(score.outage.requests)}</b> requests into the outage</p>
<p class="policy">${policy}</p>
</section>`
}

const legend = html`<ul class="legend">${
  Object.entries(timeline.outcomes).map(([name, { sign, text }]) =>
    html`<li><svg class="${name}" viewBox="0 0 18 18" aria-hidden="true"><g class="${name}"><rect width="18" height="18" rx="4"/>
<text x="9" y="14">${sign}</text></g></svg>${text}</li>`
  )
}<li><svg viewBox="0 0 18 18" aria-hidden="true"><g class="coin"><circle cx="9" cy="9" r="7"/>
<text x="9" y="12.5">€</text></g></svg>a charge is booked</li><li><svg viewBox="0 0 18 18" aria-hidden="true"><g class="coin again">
<circle cx="9" cy="9" r="7"/><text x="9" y="12.5">€</text></g></svg>and once more</li></ul>`

const scoreTable = (scores: ReadonlyArray<Score>): Html =>
  html`<table>
<caption>All calls, all numbers</caption>
<thead><tr><th scope="col"></th>${scores.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${
    table.rows(scores).map(({ cells, label }) =>
      html`<tr><th scope="row">${label}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`
    )
  }</tbody>
</table>`

export const render = ({ policies, scores, seed, stories, strips }: Input): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reprise: the same calls, three ways to retry</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<h1>The same ${number(scores[0]?.calls ?? 0)} calls to a flaky payment API, three ways to retry</h1>
<div class="cards">${scores.map((score, index) => card(score, policies[index] ?? ""))}</div>
<h2>What was sent while the API was down</h2>
${outageStrips.draw(strips)}
<h2>What was sent, attempt by attempt</h2>
${legend}
${stories.map(timeline.draw)}
<h2>The whole table</h2>
<div class="scroll">${scoreTable(scores)}</div>
<ul class="words">${scores.map((score) => html`<li><strong>${score.name}.</strong> ${inWords(score)}</li>`)}</ul>
<p class="note">Real sockets on loopback, the API in a process of its own, its faults a function of the seed “${seed}”.
Times are a tenth of those of a usual policy. The calls to the host with the expired certificate can succeed for nobody.
A lane begins with the first attempt of its contender.</p>
</main>
</body>
</html>
`.text
