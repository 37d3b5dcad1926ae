/**
 * `npx tsx packages/http/test/browser/screenshots.ts`: pictures of the live page for the guides, from a real run of the demo, a
 * moment after a circuit has opened.
 */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import * as Path from "node:path"
import * as Readline from "node:readline"
import type { Browser } from "playwright-core"
import * as Chromium from "./chromium.js"

const root = Path.resolve(import.meta.dirname, "../../../..")

/** Ends with the scope. */
const demo = Effect.acquireRelease(
  Effect.sync(() =>
    spawn(process.execPath, ["--import", "tsx", "src/main.ts", "--dashboard"], {
      cwd: Path.join(root, "packages/demo"),
      stdio: ["ignore", "pipe", "inherit"]
    })
  ),
  (child) =>
    Effect.async<void>((resume) => {
      child.once("exit", () => resume(Effect.void))
      child.kill("SIGINT")
    })
)

const addressOf = ({ stdout }: Effect.Effect.Success<typeof demo>) =>
  Effect.async<string>((resume) => {
    Readline.createInterface(stdout).on("line", (line) => {
      const [url] = /http:\S+/.exec(line) ?? []
      if (url !== undefined) resume(Effect.succeed(url))
    })
  })

const picture = (browser: Browser, url: string, colorScheme: "light" | "dark") =>
  Effect.promise(async () => {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1_260, height: 520 } })
    await page.goto(url)
    await page.getByRole("cell", { name: /^circuit: Closed to Open/ }).waitFor({ timeout: 120_000 })
    await page.screenshot({ path: Path.join(root, `docs/images/live-page-${colorScheme}.png`) })
  })

const program = Effect.gen(function*() {
  const url = yield* Effect.flatMap(demo, addressOf)
  const browser = yield* Chromium.launch
  yield* Effect.all([picture(browser, url, "light"), picture(browser, url, "dark")], { concurrency: "unbounded" })
})

Effect.runPromise(Effect.scoped(program))
