import { FetchHttpClient, HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Layer, Logger, type Scope } from "effect"
import type { Browser, Page } from "playwright-core"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Telemetry from "reprise/Telemetry"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { circuit, serve } from "../support/livePage.js"
import * as Chromium from "./chromium.js"

const silent = Logger.remove(Logger.defaultLogger)

const run = (name: string, test: Effect.Effect<void, unknown, Telemetry.Monitor | Scope.Scope>) =>
  it.scopedLive(name, () => Effect.provide(test, Layer.merge(Telemetry.layerMonitor, silent)))

/** What the page must not do: ask others, break its policy, throw, or run what a key says. */
interface Faults {
  readonly requests: ReadonlyArray<string>
  readonly messages: ReadonlyArray<string>
}

const open = (browser: Browser, url: string, colorScheme: "light" | "dark") =>
  Effect.gen(function*() {
    const page = yield* Effect.promise(() => browser.newPage({ colorScheme }))
    const requests: Array<string> = []
    const messages: Array<string> = []
    page.on("request", (request) => void requests.push(request.url()))
    page.on("console", (message) => void messages.push(message.text()))
    page.on("pageerror", (error) => void messages.push(error.message))
    page.on("dialog", (dialog) => {
      if (dialog.type() !== "confirm") messages.push(`${dialog.type()}: ${dialog.message()}`)
      void dialog.accept()
    })
    yield* Effect.promise(() => page.goto(url))
    yield* shows(page.getByRole("status").filter({ hasText: "Live" }))
    const faults: Faults = { requests, messages }
    return { page, faults }
  })

const assertNoFaults = ({ messages, requests }: Faults, url: string) => {
  const own = ["", "/events", "/isolate", "/close"].map((path) => `${url}${path}`)
  assert.deepStrictEqual(requests.filter((request) => !own.includes(request) && !request.startsWith("data:")), [])
  assert.deepStrictEqual(messages, [])
}

const shows = (locator: { readonly waitFor: () => Promise<void> }) => Effect.promise(() => locator.waitFor())

const rowOf = (page: Page, key: string) =>
  page.getByRole("region", { name: "Circuit breakers" }).getByRole("row").filter({
    has: page.getByRole("rowheader", { name: key, exact: true })
  })

const everybody = { authorize: () => Effect.succeed(true) }

/** The texts whose contrast with what is behind them is less than 4.5 to 1. */
const weakTexts = (page: Page) =>
  Effect.promise(() =>
    page.evaluate(() => {
      const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number)
      const luminance = ([red = 0, green = 0, blue = 0]: ReadonlyArray<number>) => {
        const [r = 0, g = 0, b = 0] = [red, green, blue].map((value) => {
          const share = value / 255
          return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
        })
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
      }
      const behind = (element: Element | null): ReadonlyArray<number> => {
        if (element === null) return [255, 255, 255]
        const color = channels(getComputedStyle(element).backgroundColor)
        return color[3] === 0 ? behind(element.parentElement) : color
      }
      return Array.from(document.body.querySelectorAll("*")).flatMap((element) => {
        const own = Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.textContent?.trim())
        if (!own || element.tagName === "SCRIPT" || element.getClientRects().length === 0) return []
        const [light, dark] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))]
          .sort((one, other) => other - one)
        return (light! + 0.05) / (dark! + 0.05) < 4.5 ? [`${element.tagName} ${element.textContent}`] : []
      })
    })
  )

// eslint-disable-next-line no-restricted-syntax -- see `isMissing`
describe.skipIf(Chromium.isMissing)("the live page in Chromium", () => {
  for (const scheme of ["light", "dark"] as const) {
    run(
      `shows in ${scheme} how an outage opens a circuit, and an operator isolates and closes it`,
      Effect.gen(function*() {
        const { url } = yield* serve(everybody)
        const api = yield* FaultServer.make()
        yield* api.route("/", Reply.respond({ status: 503 }))
        const resilient = ResilientHttpClient.make({
          breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2), openFor: "10 minutes" })
        })
        const client = resilient(yield* HttpClient.HttpClient)
        const call = Effect.ignore(Effect.scoped(client.get(api.url)))
        const { faults, page } = yield* open(yield* Chromium.launch, url, scheme)
        yield* shows(page.getByText("No attempt has passed a circuit breaker yet."))

        const key = new URL(api.url).origin
        const row = rowOf(page, key)
        yield* Effect.replicateEffect(call, 3)
        yield* shows(row.getByText("Open", { exact: true }))
        yield* shows(page.getByRole("status").filter({ hasText: `${key} is now Open` }))
        yield* shows(page.getByRole("cell", { name: /^circuit: Closed to Open/ }))
        assert.deepStrictEqual(yield* weakTexts(page), [])

        yield* Effect.promise(() => row.getByRole("button", { name: `Isolate ${key}` }).click())
        yield* shows(row.getByText("Isolated", { exact: true }))
        yield* shows(page.getByRole("status").filter({ hasText: `Isolated ${key}` }))
        assert.deepStrictEqual(yield* weakTexts(page), [])

        yield* Effect.promise(() => row.getByRole("button", { name: `Close ${key}` }).click())
        yield* shows(row.getByText("Closed", { exact: true }))
        yield* api.route("/", Reply.respond({ status: 200 }))
        yield* Effect.scoped(client.get(api.url))
        assertNoFaults(faults, url)
      }).pipe(Effect.provide(FetchHttpClient.layer))
    )
  }

  run(
    "has landmarks, named tables with headers, and live regions",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const { fail } = yield* circuit("payments")
      yield* fail
      const { page } = yield* open(yield* Chromium.launch, url, "light")
      yield* shows(rowOf(page, "payments"))
      const tree = yield* Effect.promise(() => page.locator("body").ariaSnapshot())
      for (
        const part of [
          "- banner:",
          "- heading \"Reprise\" [level=1]",
          "- main:",
          "- region \"Circuit breakers\":",
          "- heading \"Circuit breakers\" [level=2]",
          "- table \"Circuit breakers\":",
          "- columnheader \"State\"",
          "- rowheader \"payments\"",
          "- region \"Last decisions\":",
          "- status: Live"
        ]
      ) assert.include(tree, part)
      assert.match(tree, /button "Isolate payments"/)
    })
  )

  run(
    "works by keyboard, and a button keeps the focus while the page updates",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const { succeed } = yield* circuit("payments")
      const { succeed: another } = yield* circuit("a circuit that comes first")
      yield* succeed
      const { page } = yield* open(yield* Chromium.launch, url, "light")
      yield* shows(rowOf(page, "payments"))
      const press = (key: string) => Effect.promise(() => page.keyboard.press(key))
      const focused = Effect.promise(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label")))
      // The table, which can be scrolled, and then its first button.
      yield* press("Tab")
      yield* press("Tab")
      assert.strictEqual(yield* focused, "Isolate payments")
      yield* press("Enter")
      yield* shows(rowOf(page, "payments").getByText("Isolated", { exact: true }))
      yield* another
      yield* shows(rowOf(page, "a circuit that comes first"))
      assert.strictEqual(yield* focused, "Isolate payments")
      yield* press("Tab")
      yield* press(" ")
      yield* shows(rowOf(page, "payments").getByText("Closed", { exact: true }))
    })
  )

  run(
    "shows hostile keys as the texts that they are",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const keys = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(2)>",
        "\"onmouseover=\"alert(3)",
        "javascript:alert(4)",
        "__proto__",
        "k".repeat(10_000)
      ]
      for (const key of keys) yield* Effect.flatMap(circuit(key), ({ fail }) => fail)
      const { faults, page } = yield* open(yield* Chromium.launch, url, "light")
      const names = page.getByRole("region", { name: "Circuit breakers" }).getByRole("rowheader")
      yield* shows(names.first())
      const shown = yield* Effect.promise(() => names.allTextContents())
      assert.sameMembers(shown, [...keys.slice(0, -1), `${"k".repeat(500)}…`])
      yield* Effect.promise(() => names.filter({ hasText: "onmouseover" }).hover())
      assert.strictEqual(yield* Effect.promise(() => page.locator("img, table script").count()), 0)
      const overflow = yield* Effect.promise(() =>
        page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      )
      assert.strictEqual(overflow, 0)
      assertNoFaults(faults, url)
    })
  )

  run(
    "has no buttons without authorize",
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { fail } = yield* circuit("payments")
      yield* fail
      const { page } = yield* open(yield* Chromium.launch, url, "light")
      yield* shows(rowOf(page, "payments"))
      assert.strictEqual(yield* Effect.promise(() => page.getByRole("button").count()), 0)
      assert.strictEqual(yield* Effect.promise(() => page.getByText("By hand").count()), 0)
    })
  )

  run(
    "refuses an action that a page of another origin sends",
    Effect.gen(function*() {
      const { node, url } = yield* serve(everybody)
      const { breaker, succeed } = yield* circuit("payments")
      yield* succeed
      const answers: Array<string> = []
      node.on("request", ({ method }, response) => {
        response.on("finish", () => void answers.push(`${method} ${response.statusCode}`))
      })
      const other = yield* FaultServer.make()
      yield* other.route("/", Reply.respond({ headers: { "content-type": "text/html" }, body: "<title>other</title>" }))
      const browser = yield* Chromium.launch
      const page = yield* Effect.promise(() => browser.newPage())
      yield* Effect.promise(() => page.goto(other.url))
      const send = (init: RequestInit) =>
        Effect.promise(() =>
          page.evaluate(
            ([url, init]) =>
              fetch(url, { method: "POST", body: "{\"key\":\"payments\"}", ...init }).catch(() => undefined),
            [`${url}/isolate`, init] as const
          )
        )
      // The browser sends a text at once, and asks the server before it sends JSON.
      yield* send({ mode: "no-cors", credentials: "include" })
      yield* send({ headers: { "content-type": "application/json" } })
      assert.deepStrictEqual(answers, ["POST 403", "OPTIONS 405"])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    })
  )
})
