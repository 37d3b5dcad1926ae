// `node packages/tools/ensure-system.mjs chromium`: makes sure that programs from outside npm are there, and does
// nothing when they are. Plain JavaScript, so that it runs before anything is compiled.
import { spawnSync } from "node:child_process"

const succeeds = (command, args, stdio = "ignore") =>
  spawnSync(command, args, { stdio, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } }).status === 0

const found = (program) => succeeds("which", [program])

/** Other names under which a program may be there already. */
const aliases = { chromium: ["chromium-browser", "google-chrome"] }

const missing = process.argv.slice(2).filter((program) => ![program, ...aliases[program] ?? []].some(found))

if (missing.length > 0) {
  // The Debian package of each program carries the program's own name.
  const commands = [["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", ...missing]]
  const mayInstall = process.getuid?.() === 0 && found("apt-get")
  if (mayInstall) console.log(`installing ${missing.join(", ")} (Debian packages)`)

  if (!mayInstall || !commands.every((args) => succeeds("apt-get", args, ["ignore", "ignore", "inherit"]))) {
    console.error(`missing: ${missing.join(", ")}. Some tests need it. On Debian or Ubuntu:`)
    for (const args of commands) console.error(`  sudo apt-get ${args.join(" ")}`)
    process.exit(process.env.CI === undefined ? 0 : 1)
  }
}
