// `node packages/tools/ensure-system.mjs chromium`: makes sure that programs from outside npm are there, and does
// nothing when they are. Plain JavaScript, so that it runs before anything is compiled.
import { execFileSync, spawnSync } from "node:child_process"

const found = (program) => spawnSync("which", [program], { stdio: "ignore" }).status === 0

const missing = process.argv.slice(2).filter((program) => !found(program))

// The Debian package of each program here carries the program's own name.
const install = [["apt-get", "update", "-qq"], [
  "apt-get",
  "install",
  "-y",
  "-qq",
  "--no-install-recommends",
  ...missing
]]

if (missing.length > 0) {
  if (process.getuid?.() === 0 && found("apt-get")) {
    console.log(`installing ${missing.join(", ")} (Debian packages)`)
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    for (const [command, ...args] of install) {
      execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"], env })
    }
  } else {
    console.error(`missing: ${missing.join(", ")}. Some tests need it. On Debian or Ubuntu:`)
    for (const command of install) console.error(`  sudo ${command.join(" ")}`)
    process.exit(process.env.CI === undefined ? 0 : 1)
  }
}
