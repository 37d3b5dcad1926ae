/**
 * The program of the page. It sets texts and never HTML, because keys are texts of strangers. It has no backslash, so
 * that it is the same text here and in the browser.
 *
 * @internal
 */
export const script = `
"use strict"
const base = location.pathname.replace(/[/]*$/, "/")
const find = (id) => document.getElementById(id)
const say = (id, text) => { const node = find(id); if (node.textContent !== text) node.textContent = text }

const number = (value) => value === undefined || value === null ? "" : String(Math.round(value * 10) / 10)
const time = (millis) => {
  if (millis === undefined || millis === null) return ""
  const seconds = Math.round(millis / 1000)
  if (seconds < 1) return millis > 0 ? "< 1 s" : ""
  if (seconds < 120) return seconds + " s"
  const minutes = Math.floor(seconds / 60)
  return minutes < 120 ? minutes + " min" : Math.floor(minutes / 60) + " h " + minutes % 60 + " min"
}

const text = (title, of, kind) => ({
  title, kind, fill: (cell, row) => { const value = of(row); if (cell.textContent !== value) cell.textContent = value }
})
const count = (title, name) => text(title, (row) => number(row[name]), "number")
const key = text("Key", (row) => row.key === "" ? "(no key)" : row.key)
const state = (of) => ({
  title: "State",
  fill: (cell, row) => {
    const pill = cell.firstChild ?? cell.appendChild(document.createElement("span"))
    pill.className = "state " + (row.state === "Isolated" ? "fail" : row.status)
    const value = of(row)
    if (pill.textContent !== value) pill.textContent = value
  }
})

const act = async (action, key) => {
  if (action === "isolate" && !confirm("Isolate " + key + "? This process rejects every call to it until you close it.")) return
  const response = await fetch(base + action, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ key })
  }).catch(() => undefined)
  const done = action === "isolate" ? "Isolated " : "Closed "
  const failed = response === undefined ? "no connection" : response.status === 403 ? "not allowed" : "status " + response.status
  say("result", response?.ok ? done + key : "Failed to " + action + " " + key + ": " + failed)
}
const button = (cell, action, label) => {
  const node = cell.appendChild(document.createElement("button"))
  node.type = "button"
  node.textContent = label
  node.addEventListener("click", () => {
    if (node.getAttribute("aria-disabled") !== "true") act(action, node.dataset.key)
  })
  return node
}
const actions = {
  title: "By hand",
  kind: "actions",
  fill: (cell, row) => {
    if (!row.canAct) return cell.replaceChildren()
    if (!cell.firstChild) { button(cell, "isolate", "Isolate"); button(cell, "close", "Close") }
    const useless = [row.state === "Isolated", row.state === "Closed" || row.state === "Disabled"]
    Array.from(cell.children, (node, index) => {
      node.dataset.key = row.key
      node.setAttribute("aria-label", node.textContent + " " + row.key)
      node.setAttribute("aria-disabled", String(useless[index]))
    })
  }
}
const hasActions = document.body.dataset.actions === "true"

const circuits = [
  key, state((row) => row.state === "HalfOpen" ? "Half-open" : row.state), ...hasActions ? [actions] : [],
  text("For", (row) => time(row.millis), "number"), text("Probe in", (row) => time(row.leftMillis), "number"),
  text("Opened by", (row) => row.why), count("Running", "running"), count("Waiting", "waiting"),
  count("Admitted", "admitted"), count("Failed", "failed"), count("Rejected", "rejected"),
  text("Down", (row) => time(row.downMillis), "number")
]
const gateStates = { Open: "Passing", Closed: "Pausing" }
const gates = [
  key, state((row) => gateStates[row.state] ?? row.state), text("For another", (row) => time(row.millis), "number"),
  count("Running", "running"), count("Waiting", "waiting")
]
const limits = [
  key, text("Policy", (row) => row.policy), count("Running", "running"), count("Waiting", "waiting"), count("Limit", "limit"),
  count("Left", "left")
]
const budgets = [key, count("Retries left", "left")]
const decisions = [
  key, text("Time", (row) => new Date(row.timeMillis).toLocaleTimeString()), text("Decision", (row) => row.text),
  count("Times", "count")
]

const table = (id, columns) => {
  const section = find(id)
  const body = section.querySelector("tbody")
  const head = section.querySelector("thead").insertRow()
  for (const { kind, title } of columns) {
    const cell = head.appendChild(document.createElement("th"))
    cell.scope = "col"
    cell.className = kind ?? ""
    cell.textContent = title
  }
  const make = (id) => {
    const row = document.createElement("tr")
    row.dataset.id = id
    columns.forEach(({ kind }, index) => {
      const cell = row.appendChild(document.createElement(index === 0 ? "th" : "td"))
      if (index === 0) cell.scope = "row"
      cell.className = kind ?? ""
    })
    return row
  }
  return (rows) => {
    const empty = section.querySelector("p")
    section.querySelector(".scroll").hidden = rows.length === 0
    if (empty) empty.hidden = rows.length > 0
    else section.hidden = rows.length === 0
    const before = new Map(Array.from(body.rows, (row) => [row.dataset.id, row]))
    const kept = new Set(rows.map(({ id }) => id))
    for (const [id, row] of before) if (!kept.has(id)) row.remove()
    let next = body.firstElementChild
    for (const item of rows) {
      const row = before.get(item.id) ?? make(item.id)
      // A row that stays where it is keeps the focus of its buttons.
      if (row === next) next = next.nextElementSibling
      else body.insertBefore(row, next)
      columns.forEach(({ fill }, index) => fill(row.cells[index], item))
    }
  }
}
const show = {
  circuits: table("circuits", circuits), gates: table("gates", gates), limits: table("limits", limits),
  budgets: table("budgets", budgets), decisions: table("decisions", decisions)
}
const sectionOf = { circuitBreaker: "circuits", retryAfterGate: "gates", retryBudget: "budgets" }

const withIds = (rows) => {
  const seen = new Map()
  return rows.map((row) => {
    const name = JSON.stringify([row.policy, row.key])
    const times = (seen.get(name) ?? 0) + 1
    seen.set(name, times)
    return { ...row, id: name + times }
  })
}

let states
const announce = (rows) => {
  const now = new Map(rows.filter((row) => row.state !== undefined).map((row) => [row.id, row]))
  const changed = []
  for (const [id, row] of now) {
    const before = states?.get(id)
    const state = row.policy === "retryAfterGate" ? gateStates[row.state] : row.state
    if (states && before?.state !== row.state && (before || row.status !== "pass")) changed.push(row.key + " is now " + state)
  }
  states = now
  if (changed.length === 0) return
  const more = changed.length > 5 ? ", and " + (changed.length - 5) + " more" : ""
  say("changes", changed.slice(0, 5).join("; ") + more)
}

let latest = []
let order = 0
const receive = ({ decisions, dropped, omitted, rows }) => {
  const all = withIds(rows).sort((one, other) => one.key < other.key ? -1 : one.key > other.key ? 1 : 0)
  const groups = { circuits: [], gates: [], limits: [], budgets: [] }
  for (const row of all) groups[sectionOf[row.policy] ?? "limits"].push(row)
  for (const name in groups) show[name](groups[name])
  latest = [...decisions.map((one) => ({ ...one, id: String(++order) })).reverse(), ...latest].slice(0, 100)
  show.decisions(latest)
  announce(all)
  say("omitted", omitted > 0 ? omitted + " more policies are not shown. Those with a problem come first." : "")
  if (dropped > 0) say("dropped", dropped + " decisions came too fast to be shown.")
}

let lost
const live = () => { clearTimeout(lost); lost = undefined; say("connection", "Live") }
const events = new EventSource(base + "events")
events.addEventListener("open", live)
events.addEventListener("message", (event) => receive(JSON.parse(event.data)))
events.addEventListener("error", () => {
  if (events.readyState === EventSource.CLOSED) {
    clearTimeout(lost)
    say("connection", "Not connected: there are too many viewers, or you are not allowed to see this. Reload to try again.")
  } else lost ??= setTimeout(() => say("connection", "Connection lost. Trying again."), 3000)
})
`
