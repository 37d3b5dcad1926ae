/**
 * `pnpm demo`: starts the demo. `--effect 4` starts the one of the Effect 4 edition, which it writes first. Plain JavaScript,
 * because it selects the program that compiles the rest.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

const node = (...args) => {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit", cwd: path(".") })
  if (status !== 0) process.exit(status ?? 1)
}

const args = process.argv.slice(2)
const flag = args.indexOf("--effect")
const [, version = "3"] = flag === -1 ? [] : args.splice(flag, 2)
if (version === "3") node("--import", "tsx", path("src/main.ts"), ...args)
else if (version === "4") {
  node("--import", "tsx", path("../tools/src/effect4/main.ts"))
  node(path("../effect4/node.mjs"), "--import", "tsx", path("../effect4/build/packages/demo/src/main.ts"), ...args)
} else {
  console.error(`--effect must be 3 or 4, not ${JSON.stringify(version)}`)
  process.exit(2)
}
