/** `npx pnpm@10 demo`: see `--help`. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { mkdir, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { demo } from "./demo.js"
import type { Flags } from "./flags.js"
import * as flags from "./flags.js"
import * as probe from "./probe.js"

const reportUrl = new URL("../build/report.html", import.meta.url)

const save = (html: string) =>
  Effect.promise(async () => {
    await mkdir(new URL(".", reportUrl), { recursive: true })
    await writeFile(reportUrl, html)
    return fileURLToPath(reportUrl)
  })

/** The demo and its report. Gives the exit code. */
const report = (seed: string) =>
  Effect.gen(function*() {
    const { broken, html } = yield* demo(seed)
    yield* Console.log(`\nReport: ${yield* save(html)}`)
    yield* Effect.forEach(broken, (what) => Console.error(`\n${what} That must not happen: please report it.`))
    return broken.length === 0 ? 0 : 1
  })

/** Gives the exit code. */
const run = (flags_: Flags) =>
  Effect.gen(function*() {
    switch (flags_._tag) {
      case "Help":
        yield* Console.log(flags.usage)
        return 0
      case "Probe": {
        const result = yield* probe.probe(flags_.url, flags_.method, flags_.attempts)
        yield* Console.log(`${probe.print(result)}\n\n${result.ending}`)
        return result.succeeded ? 0 : 1
      }
      case "Demo":
        return yield* report(flags_.seed)
      case "Durable": {
        const durable = yield* Effect.promise(() => import("./durable.js"))
        return yield* durable.demo(flags_.seed)
      }
      case "Dashboard": {
        // Only this needs a server: the plain demo starts faster without it.
        const dashboard = yield* Effect.promise(() => import("./dashboard.js"))
        return yield* dashboard.during(report(flags_.seed), flags_.seed)
      }
    }
  })

const program = Either.match(flags.parse(process.argv.slice(2)), {
  onLeft: ({ message }) => Effect.as(Console.error(`${message}\n\n${flags.usage}`), 2),
  onRight: run
})

program.pipe(
  Effect.provide(NodeHttpClient.layerUndici),
  Effect.map((code) => {
    process.exitCode = code
  }),
  NodeRuntime.runMain
)
