// `node packages/tools/ensure-system.mjs chromium`: makes sure that programs from outside npm are there, and does
// nothing when they are. Plain JavaScript, so that it runs before anything is compiled.
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"

const succeeds = (command, args, stdio = "ignore") =>
  spawnSync(command, args, { stdio, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } }).status === 0

const found = (program) => succeeds("which", [program])

/** Other names under which a program may be there already. */
const aliases = { chromium: ["chromium-browser", "google-chrome"] }

/** Debian keeps the programs of each version of PostgreSQL in a folder of its own, and not on the path. */
const servers = "/usr/lib/postgresql"
const hasPostgres = () =>
  existsSync(servers) && readdirSync(servers).some((version) => existsSync(`${servers}/${version}/bin/postgres`))

const isThere = (program) => program === "postgresql" ? hasPostgres() : [program, ...aliases[program] ?? []].some(found)

const missing = process.argv.slice(2).filter((program) => !isThere(program))

/** Debian's packages start their servers. The tests start their own, so this script leaves none behind. */
const withoutServices = (install) => {
  const policy = "/usr/sbin/policy-rc.d"
  if (existsSync(policy)) return install()
  writeFileSync(policy, "#!/bin/sh\nexit 101\n")
  chmodSync(policy, 0o755)
  try {
    return install()
  } finally {
    rmSync(policy)
  }
}

if (missing.length > 0) {
  // The Debian package of each program carries the program's own name.
  const commands = [["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", ...missing]]
  const mayInstall = process.getuid?.() === 0 && found("apt-get")
  if (mayInstall) console.log(`installing ${missing.join(", ")} (Debian packages)`)

  const install = () => commands.every((args) => succeeds("apt-get", args, ["ignore", "ignore", "inherit"]))
  if (!mayInstall || !withoutServices(install)) {
    console.error(`missing: ${missing.join(", ")}. Some tests need it. On Debian or Ubuntu:`)
    for (const args of commands) console.error(`  sudo apt-get ${args.join(" ")}`)
    process.exit(process.env.CI === undefined ? 0 : 1)
  }
}
