import { fork } from "node:child_process"
import * as path from "node:path"
import { outdir } from "./bundle.js"
import type { Bytes } from "./results.js"

const limitMillis = 10 * 60_000

/** Runs a worker in a fresh process and returns what it reports. */
export const run = <A>(
  name: string,
  args: ReadonlyArray<number | string> = [],
  nodeOptions: ReadonlyArray<string> = []
): Promise<A> =>
  new Promise((resolve, reject) => {
    const child = fork(path.join(outdir, `${name}.js`), args.map(String), {
      execArgv: ["--expose-gc", ...nodeOptions],
      serialization: "advanced"
    })
    const limit = setTimeout(() => {
      child.kill()
      reject(new Error(`the worker ${name} did not end within ${limitMillis / 1_000} s`))
    }, limitMillis)
    let result: A | undefined
    child.on("message", (message) => {
      result = message as A
    })
    child.on("error", reject)
    child.on("exit", (code, signal) => {
      clearTimeout(limit)
      if (result === undefined) reject(new Error(`the worker ${name} ended with ${signal ?? code} and no result`))
      else resolve(result)
    })
  })

/** Bytes need a young generation that holds a whole sample. */
export const bytes = (names?: ReadonlyArray<string>): Promise<Bytes> =>
  run("bytes", names === undefined ? [] : [JSON.stringify(names)], [
    "--min-semi-space-size=64",
    "--max-semi-space-size=64"
  ])
