/**
 * `pnpm publish:effect4`: publishes the Effect 4 edition of the current release, as npm's `latest`. A version that npm has
 * already is left out, so that the command can run again after a failure. Arguments go to `pnpm publish`.
 */
import { spawnSync } from "node:child_process"
import * as Path from "node:path"
import { failWith, packages, readJson } from "../workspace.js"

const isPublished = (name: string, version: string): boolean => {
  const { status, stderr } = spawnSync("npm", ["view", `${name}@${version}`, "version"], { encoding: "utf8" })
  if (status !== 0 && !stderr.includes("E404")) failWith([`npm did not say whether it has ${name}@${version}:`, stderr])
  return status === 0
}

const options = process.argv.slice(2).filter((argument) => argument !== "--effect4")
for (const { directory, name } of packages) {
  const { version } = readJson<{ version: string }>(Path.join(directory, "package.json"))
  if (isPublished(name, version)) {
    console.log(`${name}@${version} is published already`)
    continue
  }
  const args = ["publish", "--access", "public", "--tag", "latest", "--no-git-checks", ...options]
  const { status } = spawnSync("pnpm", args, { cwd: directory, stdio: "inherit" })
  if (status !== 0) failWith([`${name}@${version} was not published`])
}
