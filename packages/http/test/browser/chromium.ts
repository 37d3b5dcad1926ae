import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { chromium } from "playwright-core"

const names = ["chromium", "chromium-browser", "google-chrome"]

const executable = process.env["CHROMIUM_PATH"] ||
  (process.env["PATH"] ?? "").split(Path.delimiter)
    .flatMap((folder) => names.map((name) => Path.join(folder, name)))
    .find((path) => Fs.existsSync(path))

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** Closed with the scope. */
export const launch = Effect.acquireRelease(
  Effect.suspend(() =>
    executable === undefined
      ? Effect.dieMessage("No browser: install chromium (Debian: apt-get install chromium), or set CHROMIUM_PATH.")
      : Effect.promise(() => chromium.launch({ executablePath: executable, args: flags }))
  ),
  (browser) => Effect.promise(() => browser.close())
)

/** On the build server a missing browser is a failure; to a person who has none it is no obstacle. */
export const isMissing = executable === undefined && process.env["CI"] === undefined
