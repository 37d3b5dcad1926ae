/**
 * `node packages/effect4/node.mjs <program> [arguments]`: runs a program with a Node that Effect 4's packages for Node
 * support. That is the running Node if it is new enough, and else the one from npm beside this file.
 */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const [major, minor] = process.versions.node.split(".").map(Number)
const isNewEnough = major > 22 || major === 22 && minor >= 19
const platform = `${process.platform}-${process.arch}`
const installed = [`node-${platform}`, `node-bin-${platform}`]
  .map((name) => fileURLToPath(new URL(`node_modules/${name}/bin/node`, import.meta.url)))
const node = isNewEnough ? process.execPath : installed.find((path) => existsSync(path))
if (node === undefined) {
  console.error(`The Effect 4 edition needs Node 22.19 or later, and this is ${process.version}. Use a newer Node.`)
  process.exit(1)
}
const child = spawn(node, process.argv.slice(2), { stdio: "inherit" })
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal))
child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
